"""A text that an exception quotes reaches neither its caller nor the log.

A question or a model's answer that makes a library fail may be in the exception's message.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from functions.executions_api import ExecutionsApi
from stepguard.aws.executions import Executions
from stepguard.aws.telemetry import observed_stage
from stepguard.guard.callers import Caller
from tests.fakes.aws import FakeClient
from tests.fakes.history import History
from tests.fakes.states import BEGIN, MACHINE
from tests.paths import ROOT

QUOTED = "Eve Stone keeps the key under the mat"
CAUSE = json.dumps(
    {
        "errorMessage": f"could not convert string to float: '{QUOTED}'",
        "errorType": "ValueError",
        "stackTrace": ['  File "/var/task/functions/invoke_model.py", line 3, in invoke_model\n    float(text)\n'],
    }
)
REQUEST = {"kind": "prompt", "text": "Where is the key?", "caller": "eve"}
EXECUTION = f"{MACHINE.replace(':stateMachine:', ':execution:')}:x"


def failed() -> dict[str, Any]:
    """A chat whose model call failed with a message that quotes the model."""
    history = History(REQUEST).add("TaskStateEntered", name="InvokeModel", input=json.dumps({"request": REQUEST}))
    called = {"resourceType": "lambda", "resource": "invoke"}
    history.add("TaskScheduled", **called, region="us-east-1", parameters="{}").add("TaskStarted", **called)
    history.add("TaskFailed", **called, error="ValueError", cause=CAUSE)
    output = json.dumps({"request": REQUEST, "error": {"Error": "ValueError", "Cause": CAUSE}})
    history.add("TaskStateExited", name="InvokeModel", output=output)
    history.add("FailStateEntered", name="AnswerUnavailable", input=output)
    return {"events": history.add("ExecutionFailed", error="AnswerUnavailable", cause="ValueError").events}


def api() -> ExecutionsApi:
    """The routes over this execution; everybody in the group `operators` is one."""
    definition = (ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8")
    described = {
        "executionArn": EXECUTION, "stateMachineArn": MACHINE, "name": "x", "status": "FAILED", "startDate": BEGIN,
        "stopDate": BEGIN, "input": json.dumps({"request": REQUEST}), "error": "AnswerUnavailable",
        "cause": "ValueError",
    }  # fmt: skip
    machine = {
        "stateMachineArn": MACHINE, "name": "chat", "definition": definition, "roleArn": "r", "updateDate": BEGIN,
    }  # fmt: skip
    fake = FakeClient(
        "stepfunctions",
        describe_execution=described,
        get_execution_history=failed(),
        describe_state_machine_for_execution=machine,
    )
    return ExecutionsApi(Executions(MACHINE, fake.client), lambda: frozenset({"operators"}))


def test_a_quoted_text_is_for_operators_only() -> None:
    """The caller reads the type and where in the code; an operator also the message."""
    routes = api()
    for status, body, _ in (routes.get(EXECUTION, {}, Caller("eve")), routes.events(EXECUTION, {}, Caller("eve"))):
        assert status == 200
        assert "Eve Stone" not in json.dumps(body)
    mine = routes.get(EXECUTION, {}, Caller("eve"))[1]
    assert mine["reason"] == "No answer: InvokeModel failed with ValueError."
    assert mine["failure"]["stack"] == ["functions/invoke_model.py:3 in invoke_model: float(text)"]

    theirs = routes.get(EXECUTION, {}, Caller("boss", frozenset({"operators"})))[1]
    assert QUOTED in theirs["failure"]["message"]


def test_a_quoted_text_is_in_no_log(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    """The log has the error's type."""

    def fail(_event: object) -> dict[str, Any]:
        raise ValueError(f"could not convert string to float: '{QUOTED}'")

    with caplog.at_level(logging.DEBUG), pytest.raises(ValueError, match="Eve Stone"):
        observed_stage("invoke_model", fail, {"execution": EXECUTION, "request": REQUEST})

    printed = capsys.readouterr()
    logged = printed.out + printed.err + caplog.text
    assert "ValueError" in logged
    assert "Eve Stone" not in logged
