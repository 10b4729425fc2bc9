"""The EXPRESS twin: started and waited for in one call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.aws.express import ExpressExecutions
from stepguard.guard.errors import Throttled
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.states import ANSWER, BEGIN

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:stepguard-express"
ARN = "arn:aws:states:us-east-1:123456789012:express:stepguard-express:chat-1:0b5e"
DONE: dict[str, Any] = {"executionArn": ARN, "startDate": BEGIN, "stopDate": BEGIN, "status": "SUCCEEDED"}


def test_the_end_of_an_execution_is_its_answer() -> None:
    """Input and output as of any other execution."""
    fake = FakeClient("stepfunctions", start_sync_execution={**DONE, "output": json.dumps({"answer": ANSWER})})
    execution = ExpressExecutions(MACHINE, fake.client).run("chat-1", {"request": {"text": "é"}})

    assert (execution.arn, execution.finished, execution.output) == (ARN, True, {"answer": ANSWER})
    (request,) = fake.bodies("start_sync_execution")
    assert (request["stateMachineArn"], json.loads(request["input"])) == (MACHINE, {"request": {"text": "é"}})


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_a_failure_is_reported_although_the_call_succeeded(status: str) -> None:
    """AWS answers 200 for it."""
    fake = FakeClient("stepfunctions", start_sync_execution={**DONE, "status": status, "error": "AnswerUnavailable"})
    execution = ExpressExecutions(MACHINE, fake.client).run("chat-1", {})

    assert (execution.status, execution.output, execution.error) == (status, None, "AnswerUnavailable")


def test_aws_errors_are_ours() -> None:
    """Throttling has a separate error."""
    fake = FakeClient("stepfunctions", start_sync_execution=client_error("ThrottlingException", status=400))
    with pytest.raises(Throttled):
        ExpressExecutions(MACHINE, fake.client).run("chat-1", {})


def test_it_is_deployed_only_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """EXPRESS_STATE_MACHINE_ARN, or nothing."""
    monkeypatch.delenv("EXPRESS_STATE_MACHINE_ARN", raising=False)
    assert not ExpressExecutions().deployed
    monkeypatch.setenv("EXPRESS_STATE_MACHINE_ARN", MACHINE)
    assert ExpressExecutions().deployed
