"""Sends questions through the workflow: starts an execution, waits for its end, finds one again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from stepguard.aws.environment import settings
from stepguard.aws.executions import Execution, Executions
from stepguard.aws.traces import NAMES
from stepguard.guard import answer as answers
from stepguard.guard.answer import Answer
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable, StepguardError, UnknownExecution
from stepguard.guard.prompts import Passage
from stepguard.guard.request import QUESTION_CHARACTERS, Request, check_size, check_unicode
from stepguard.guard.runtime.language import for_question
from stepguard.guard.stages import (
    FIND_ANSWER,
    GUARD_ANSWER,
    GUARD_INPUT,
    GUARD_PASSAGES,
    GUARD_REWRITE,
    INVOKE_MODEL,
    RETRIEVE_PASSAGES,
    REWRITE_QUESTION,
)
from stepguard.trace import Trace, read_history
from stepguard.trace.reason import guardrails_of, reason

CALLER = "cli"
"""The caller of the command line's questions."""

STEPS = {
    GUARD_INPUT.state: "Checking the question",
    "LoadConversation": "Reading the conversation",
    REWRITE_QUESTION.state: "Reading the conversation",
    GUARD_REWRITE.state: "Checking the question in its context",
    FIND_ANSWER.state: "Looking for a prepared answer",
    RETRIEVE_PASSAGES.state: "Searching the documents",
    GUARD_PASSAGES.state: "Checking the documents",
    INVOKE_MODEL.state: "The model is writing",
    GUARD_ANSWER.state: "Checking the answer",
}
"""What a person reads while a state runs; the page has the same words."""

STEP_SECONDS = 0.4
"""The time between two looks at the history."""

Shown = Callable[[str | None], None]
"""Shows the state that runs; None when the answer is there."""


@dataclass(frozen=True, slots=True)
class Result:
    """A finished chat execution."""

    execution: str
    answer: Answer
    trace: Trace
    names: Mapping[str, str] = field(default_factory=dict)
    """The names of the guardrails that a failed execution used."""

    def to_dict(self) -> dict[str, Any]:
        """The object that `--json` prints; `answer.citations` is there without citations, too."""
        answer = {key: value for key, value in self.answer.to_dict().items() if key not in ("execution", "verdicts")}
        answer.setdefault("citations", [])
        return {
            "execution": self.execution,
            "answer": answer,
            "path": self.trace.path,
            "stages": self.trace.stages(),
        } | ({"reason": reason(self.trace, self.names)} if self.trace.status != "SUCCEEDED" else {})


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while a question is answered; the message names the execution and says whether it was stopped."""


def ask(
    executions: Executions,
    text: str,
    passages: tuple[Passage, ...] = (),
    timeout: float = 600,
    caller: str = CALLER,
    groups: tuple[str, ...] = (),
    begin: Callable[[Request, str], Request] | None = None,
    shown: Shown | None = None,
) -> Result:
    """Start the workflow with a question of a caller in these groups and wait for its end, at most `timeout` seconds.

    `begin` makes the request a turn of a conversation; `shown` gets the states that run meanwhile. Raises
    InvalidRequest for an empty or too long question, ServiceUnavailable when it does not end in time, StepguardError,
    and Interrupted after Ctrl-C, which also stops the execution.
    """
    check_question(text)
    request = Request(text=text, caller=caller, passages=passages, groups=groups)
    check_size(request)
    name = f"chat-{uuid4().hex}"
    try:
        request = begin(request, name) if begin else request
        arn = executions.start(name, {"request": request.to_document()})
        return wait(executions, arn, timeout, shown)
    except KeyboardInterrupt:
        raise Interrupted(stop(executions, executions.arn_of(name))) from None


def check_question(text: str) -> None:
    """Raise InvalidRequest for a question that is empty, too long or no text."""
    if not text.strip():
        raise InvalidRequest("The question is empty.")
    check_unicode(text, "The question")
    if len(text) > QUESTION_CHARACTERS:
        raise InvalidRequest(f"The question has {len(text)} characters; at most {QUESTION_CHARACTERS} are allowed.")


def stop(executions: Executions, arn: str | None) -> str:
    """Stop the execution of an interrupted question, if it has begun; what became of it."""
    if arn is None:
        return (
            "Interrupted before the answer began. If the question was taken, `stepguard history` lists its execution."
        )
    try:
        executions.stop(arn)
    except UnknownExecution:
        return "Interrupted before the execution started."
    except StepguardError as error:
        return f"Interrupted. The execution could not be stopped and continues: {arn}: {error}"
    return f"Interrupted. The execution was stopped: {arn}"


def wait(executions: Executions, arn: str, timeout: float, shown: Shown | None = None) -> Result:
    """The result of an execution, after it has ended."""
    try:
        execution = _ended(executions, arn, timeout, shown)
    finally:
        if shown:
            shown(None)
    if execution.status == "SUCCEEDED" and execution.output and "answer" in execution.output:
        answer = answers.from_document(execution.output, arn)
    else:
        asked = str((execution.input.get("request") or {}).get("text", ""))
        answer = answers.unavailable(for_question(settings(), asked).error_message, arn)
    trace = read_history(executions.history(arn))
    return Result(arn, answer, trace, {} if trace.status == "SUCCEEDED" else NAMES.find(guardrails_of(trace)))


def _ended(executions: Executions, arn: str, timeout: float, shown: Shown | None) -> Execution:
    now = time.monotonic()
    deadline, look = now + timeout, now + STEP_SECONDS
    pause = 0.01
    while True:
        execution = executions.describe(arn)
        if execution.finished:
            return execution
        now = time.monotonic()
        if now > deadline:
            raise ServiceUnavailable(f"No answer within {timeout:g} s. Check later: stepguard history {arn}")
        if shown and now > look:
            look = now + STEP_SECONDS
            shown(executions.running_state(arn))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def find(executions: Executions, name: str) -> str:
    """The ARN of an execution that exists. Raises UnknownExecution."""
    arn = executions.arn_of(name)
    try:
        executions.describe(arn)
    except UnknownExecution:
        machine = executions.state_machine_arn
        raise UnknownExecution(
            f"There is no execution {name} of {machine}. `stepguard history` lists those that exist; another state "
            "folder or account has others (--home, --aws)."
        ) from None
    return arn
