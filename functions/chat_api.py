"""The chat API: `POST /chat`, `GET /chat/{execution}`, `GET /health`.

Every function returns `(status, body, headers)`. A failed execution is never a 200, and no response of this module
repeats the caller's text.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from functions.routes import Reply, Work, check_token, guarded, read_body
from stepguard.aws.environment import operators
from stepguard.aws.environment import settings as environment
from stepguard.aws.executions import Execution, Executions
from stepguard.aws.express import ExpressExecutions
from stepguard.aws.grounding import grounding_of
from stepguard.guard import answer as answers
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable, Throttled, UnknownExecution
from stepguard.guard.request import QUESTION_CHARACTERS, Request, check_size, passages_of
from stepguard.guard.settings import GuardrailRef, Settings
from stepguard.guard.verdict import Layer

WAIT_SECONDS = 25.0
"""The longest wait for an answer: API Gateway's limit is 29 seconds."""


class ChatApi:
    """The routes, on the executions of one state machine. `clock` and `sleep` are in seconds.

    A caller reads only the executions that it started, unless it is one of `operators`. With an EXPRESS state machine,
    that one answers questions without a client_token, at once and without a history.
    """

    def __init__(
        self,
        executions: Executions | None = None,
        settings: Callable[[], Settings] = environment,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        operators: Callable[[], frozenset[str]] = operators,
        express: ExpressExecutions | None = None,
        grounding: Callable[[GuardrailRef | None], bool | None] = grounding_of,
    ) -> None:
        self._executions = executions or Executions()
        self._operators = operators
        self._express = express or ExpressExecutions()
        self._settings = settings
        self._grounding = grounding
        self._clock = clock
        self._sleep = sleep

    def post_chat(self, body: bytes, caller: Caller) -> Work:
        """A question: 200 with the answer, 202 with the execution if it has not ended in time.

        Raises StepguardError.
        """
        question = _parse(body)
        request = Request(text=question["question"], caller=caller.id, passages=passages_of(question.get("passages")))
        check_size(request)
        token = question.get("client_token")
        name = execution_name(caller.id, token)
        wait_seconds = question.get("wait_seconds", WAIT_SECONDS)
        if token is None and self._express.deployed:
            # EXPRESS may run the same name twice; a token requires exactly one run, so it uses STANDARD.
            return Work(lambda: self._reply(self._express.run(name, {"request": request.to_document()})))
        return Work(lambda: self._ask(name, request, wait_seconds), None if token is None else name)

    def get_chat(self, execution: str, caller: Caller) -> Reply:
        """Get the answer of an execution: 200, 202 while it runs, 404 also for another caller's execution.

        `execution` is a name or an ARN; REST APIs pass path parameters percent-encoded.
        """

        def read_result() -> Reply:
            found = self._executions.describe(self._executions.arn_of(unquote(execution)))
            if not caller.may_read(found.input, self._operators()):
                # The same message as for an unknown name, so that the caller cannot learn whether it exists.
                raise UnknownExecution("No execution of this name belongs to the chat state machine.")
            return self._reply(found)

        return guarded(read_result)

    def get_health(self) -> Reply:
        """200 with the layers that are on, if the configuration is complete; `unguarded` if it permits none.

        `grounding`: whether the model layer checks answers against their passages; null if it cannot be read.
        """

        def health() -> Reply:
            self._operators()
            settings = self._settings()
            settings.check_guarded()
            layers = {str(layer): f"version {ref.version}" for layer, ref in settings.guardrails.items()}
            body = {
                "status": "ok",
                "layers": layers,
                "unguarded": settings.unguarded,
                "grounding": self._grounding(settings.guardrails.get(Layer.MODEL)),
                "state_machine": self._executions.state_machine_arn,
            }
            return 200, body, {}

        return guarded(health)

    def _ask(self, name: str, request: Request, wait_seconds: float) -> Reply:
        arn = self._executions.start(name, {"request": request.to_document()})
        execution = self._wait(arn, wait_seconds)
        return self._accepted(arn, "RUNNING") if execution is None else self._reply(execution)

    def _wait(self, arn: str, seconds: float) -> Execution | None:
        """The execution when it has ended or the time is up; None if it could not be read until then."""
        deadline = self._clock() + seconds
        pause = 0.05
        while True:
            execution = self._describe(arn)
            left = deadline - self._clock()
            if left <= 0 or (execution is not None and execution.finished):
                return execution
            self._sleep(min(pause, left))
            pause = min(pause * 1.5, 1.0)

    def _describe(self, arn: str) -> Execution | None:
        # DescribeExecution is eventually consistent and has its own quotas: keep waiting for a started execution.
        try:
            return self._executions.describe(arn)
        except (UnknownExecution, Throttled, ServiceUnavailable):
            return None

    def _reply(self, execution: Execution) -> Reply:
        if not execution.finished:
            return self._accepted(execution.arn, execution.status)
        body: dict[str, Any] = {"execution": execution.arn, "status": execution.status}
        if execution.status == "SUCCEEDED" and execution.output is not None and "answer" in execution.output:
            return 200, body | {"answer": answers.from_document(execution.output, execution.arn).to_dict()}, {}
        gone = answers.unavailable(self._settings().error_message, execution.arn)
        return 503, body | {"answer": gone.to_dict()}, {}

    def _accepted(self, arn: str, status: str) -> Reply:
        location = f"/chat/{arn.rpartition(':')[2]}"
        return 202, {"execution": arn, "status": status}, {"Location": location, "Retry-After": "1"}


def execution_name(caller: str, client_token: str | None) -> str:
    """The execution's name: the same for the same caller and token, so that starting is idempotent."""
    if client_token is None:
        return f"chat-{uuid4().hex}"
    return "chat-" + hashlib.sha256(json.dumps([caller, client_token]).encode()).hexdigest()[:32]


_MEMBERS = frozenset({"question", "passages", "client_token", "wait_seconds"})


def _parse(body: bytes) -> dict[str, Any]:
    question = read_body(body, '{"question": "..."}', _MEMBERS)
    text = question.get("question")
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequest("'question' must be a non-empty string.")
    if len(text) > QUESTION_CHARACTERS:
        raise InvalidRequest(f"'question' has {len(text)} characters; at most {QUESTION_CHARACTERS} are allowed.")
    check_token(question)
    seconds = question.get("wait_seconds", WAIT_SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= WAIT_SECONDS:
        raise InvalidRequest(f"'wait_seconds' must be a number from 0 to {WAIT_SECONDS:g}.")
    return question
