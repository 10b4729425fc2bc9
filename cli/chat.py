"""`stepguard chat`: ask one question, or talk."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cli import render
from cli.session import Session
from functions.adapters.environment import settings
from functions.adapters.executions import Executions
from functions.core import answer as answers
from functions.core.answer import Answer, AnswerOutcome
from functions.core.errors import InvalidRequest, ServiceUnavailable, UnknownExecution
from functions.core.prompts import Passage
from functions.core.request import QUESTION_CHARACTERS, Request, check_size, check_unicode, passages_of
from functions.core.trace import Trace, read_history


@dataclass(frozen=True, slots=True)
class Result:
    """A finished chat execution."""

    execution: str
    answer: Answer
    trace: Trace

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        answer = {key: value for key, value in self.answer.to_dict().items() if key not in ("execution", "verdicts")}
        return {
            "execution": self.execution,
            "answer": answer,
            "path": self.trace.path,
            "stages": self.trace.stages(),
        }


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Ask the question of the command line, or every line of the standard input. Returns the exit code."""
    passages = read_passages(arguments.passages) if arguments.passages else ()
    if arguments.question is not None:
        text = sys.stdin.read() if arguments.question == "-" else arguments.question
        return _show(ask(session.executions, text, passages, arguments.timeout), as_json=arguments.json)
    return _converse(arguments, session, passages)


def _converse(arguments: argparse.Namespace, session: Session, passages: tuple[Passage, ...]) -> int:
    talking = sys.stdin.isatty()
    if talking:
        print("Ask a question; an empty line or Ctrl-D ends.", file=sys.stderr)
    worst = 0
    while True:
        try:
            line = input("> " if talking else "")
        except EOFError:
            return worst
        if not line.strip():
            if talking:
                return worst
            continue
        try:
            result = ask(session.executions, line, passages, arguments.timeout)
        except InvalidRequest as error:
            print(f"stepguard: {error}", file=sys.stderr)
            worst = max(worst, 2)
            continue
        worst = max(worst, _show(result, as_json=arguments.json))


def ask(
    executions: Executions, text: str, passages: tuple[Passage, ...] = (), timeout: float = 600, caller: str = "cli"
) -> Result:
    """Start the workflow with a question and wait for its end, at most `timeout` seconds.

    Raises InvalidRequest for a question that no workflow is started for, ServiceUnavailable when it does not end in
    time, and StepguardError.
    """
    if not text.strip():
        raise InvalidRequest("The question is empty.")
    check_unicode(text, "The question")
    if len(text) > QUESTION_CHARACTERS:
        raise InvalidRequest(f"The question has {len(text)} characters; at most {QUESTION_CHARACTERS} are allowed.")
    request = Request(text=text, caller=caller, passages=passages)
    check_size(request)
    arn = executions.start(f"chat-{uuid4().hex}", {"request": request.to_document()})
    return wait(executions, arn, timeout)


def wait(executions: Executions, arn: str, timeout: float) -> Result:
    """The result of an execution, when it has ended."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        execution = executions.describe(arn)
        if execution.finished:
            break
        if time.monotonic() > deadline:
            raise ServiceUnavailable(f"No answer within {timeout:g} s. Look later: stepguard history {arn}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
    if execution.status == "SUCCEEDED" and execution.output and "answer" in execution.output:
        answer = answers.from_document(execution.output, arn)
    else:
        answer = answers.unavailable(settings().error_message, arn)
    return Result(arn, answer, read_history(executions.history(arn)))


def _show(result: Result, *, as_json: bool) -> int:
    if as_json:
        print(render.as_json(result.to_dict()))
    else:
        answer = result.answer
        print(render.plain(answer.text))
        print()
        print(f"  {answer.outcome}" + (f", from {answer.source}" if answer.source else ""))
        for line in render.story(result.trace):
            print(line)
        print(f"  {result.execution}")
    return 1 if result.answer.outcome is AnswerOutcome.UNAVAILABLE else 0


def read_passages(path: Path) -> tuple[Passage, ...]:
    """Passages of a file: a JSON list or JSON lines of strings or {"id", "text"}, else the whole text as one.

    Raises InvalidRequest naming the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror or 'cannot be read'}.") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{path}: is not UTF-8 text.") from None
    try:
        if path.suffix == ".json":
            return passages_of(json.loads(text))
        if path.suffix == ".jsonl":
            return passages_of([json.loads(line) for line in text.splitlines() if line.strip()])
        return passages_of([{"id": path.name, "text": text}])
    except (ValueError, RecursionError):
        raise InvalidRequest(f"{path}: is not valid JSON.") from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from None


def find(executions: Executions, name: str) -> str:
    """The ARN of an execution that exists. Raises UnknownExecution."""
    arn = executions.arn_of(name)
    try:
        executions.describe(arn)
    except UnknownExecution:
        raise UnknownExecution(f"There is no execution {name} here.") from None
    return arn
