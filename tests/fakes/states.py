"""Step Functions in memory: executions that end the way a test says, after as many looks as it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stepguard.aws.executions import Executions
from tests.fakes.aws import FakeClient, Request, client_error

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:stepguard-chat"
BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
ANSWER = {"text": "Diabetes has several causes.", "outcome": "answered", "source": "LLM", "got_hits": 1}


class FakeStates:
    """The executions of one state machine. `looks` is how often DescribeExecution says RUNNING first.

    `look_errors` are raised by the next calls of DescribeExecution, `start_errors` by those of StartExecution.
    """

    def __init__(
        self,
        *,
        looks: int = 0,
        status: str = "SUCCEEDED",
        output: Mapping[str, Any] | None = None,
        error: str = "",
        cause: str = "told by the fake",
    ) -> None:
        self.inputs: dict[str, dict[str, Any]] = {}
        self.looks = looks
        self.status = status
        self.output = {"answer": ANSWER} if output is None else output
        self.error = error
        self.cause = cause
        self.look_errors: list[Exception] = []
        self.start_errors: list[Exception] = []
        self.fake = FakeClient("stepfunctions", start_execution=self._start, describe_execution=self._describe)

    @property
    def executions(self) -> Executions:
        """The adapter under test, on this fake."""
        return Executions(MACHINE, self.fake.client)

    @property
    def texts(self) -> list[str]:
        """The question of every execution started."""
        return [document["request"]["text"] for document in self.inputs.values()]

    def _start(self, request: Request) -> Mapping[str, Any]:
        if self.start_errors:
            raise self.start_errors.pop(0)
        arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{request['name']}"
        if arn in self.inputs:
            raise client_error("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        self.inputs[arn] = json.loads(request["input"])
        return {"executionArn": arn, "startDate": BEGIN}

    def _describe(self, request: Request) -> Mapping[str, Any]:
        if self.look_errors:
            raise self.look_errors.pop(0)
        arn = request["executionArn"]
        if arn not in self.inputs:
            raise client_error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        self.looks -= 1
        running = self.looks >= 0
        described: dict[str, Any] = {
            "executionArn": arn,
            "stateMachineArn": MACHINE,
            "name": arn.rpartition(":")[2],
            "status": "RUNNING" if running else self.status,
            "startDate": BEGIN,
            "input": json.dumps(self.inputs[arn]),
        }
        if not running:
            described["stopDate"] = BEGIN
            if self.status == "SUCCEEDED":
                described["output"] = json.dumps(self.inputs[arn] | dict(self.output))
            if self.error:
                described |= {"error": self.error, "cause": self.cause}
        return described


class Clock:
    """Seconds that pass only when something sleeps. `sleeps` holds every pause."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self.sleeps.append(seconds)
        self.now += seconds
