"""The events of EventBridge at each status of an execution, and their delivery to rules' targets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from embedded_aws.events.rules import EventRules, Rule
from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import VirtualClock
from embedded_aws.wire import Account, ServiceError
from tests.fakes.waiting import until
from tests.unit.embedded_aws.states.cloud import ROLE, FakeLambda, task

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "because"}}}
LATE = {"StartAt": "A", "TimeoutSeconds": 5, "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}}


class Watched:
    """Step Functions whose events are kept."""

    def __init__(self, folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.states = StepFunctions(
            folder / "states.sqlite3", FakeLambda(), clock=VirtualClock(), status_changed=self.events.append
        )

    def run(self, definition: Any, **more: Any) -> list[dict[str, Any]]:
        """The events of one execution with this definition, when it has ended."""
        request = {"name": "m", "definition": json.dumps(definition), "roleArn": ROLE, **more}
        machine = self.states.create_state_machine(request)["stateMachineArn"]
        self.states.start_execution({"stateMachineArn": machine, "name": "one", "input": '{"q": 1}'})
        until(lambda: len(self.events) == 2 or bool(more))
        return self.events


@pytest.mark.parametrize(
    ("definition", "status", "ended"),
    [
        (PASS, "SUCCEEDED", {"output": '{"q":1}', "error": None}),
        (FAIL, "FAILED", {"output": None, "error": "E", "cause": "because"}),
        (LATE, "TIMED_OUT", {"output": None}),
    ],
)
def test_a_start_and_every_end_are_events(tmp_path: Path, definition: Any, status: str, ended: dict[str, Any]) -> None:
    """RUNNING, then how it ended, in the form of the Step Functions guide (eventbridge-integration)."""
    watched = Watched(tmp_path)
    try:
        first, last = watched.run(definition)
    finally:
        watched.states.close()
    assert (first["detail"]["status"], first["detail"]["stopDate"]) == ("RUNNING", None)
    assert (last["source"], last["detail-type"]) == ("aws.states", "Step Functions Execution Status Change")
    detail = last["detail"]
    assert last["resources"] == [detail["executionArn"]]
    assert (detail["name"], detail["status"], detail["redriveCount"]) == ("one", status, 0)
    assert detail["stateMachineArn"].endswith(":stateMachine:m")
    assert detail["startDate"] <= detail["stopDate"]
    assert (detail["input"], detail["inputDetails"]) == ('{"q": 1}', {"included": True})
    assert {name: detail[name] for name in ended} == ended


def test_a_stopped_execution_is_an_event(tmp_path: Path) -> None:
    """ABORTED: a caller's chat that an operator stops must not leave its listener waiting."""
    events: list[dict[str, Any]] = []
    states = StepFunctions(tmp_path / "s.sqlite3", FakeLambda(), status_changed=events.append)
    machine = states.create_state_machine({"name": "m", "definition": json.dumps(LATE), "roleArn": ROLE})
    arn = states.start_execution({"stateMachineArn": machine["stateMachineArn"], "input": "{}"})["executionArn"]
    states.stop_execution({"executionArn": arn})
    until(lambda: [event["detail"]["status"] for event in events] == ["RUNNING", "ABORTED"])
    states.close()


def test_express_executions_have_no_events(tmp_path: Path) -> None:
    """As on AWS."""
    watched = Watched(tmp_path)
    machine = watched.states.create_state_machine(
        {"name": "m", "definition": json.dumps(PASS), "roleArn": ROLE, "type": "EXPRESS"}
    )["stateMachineArn"]
    watched.states.start_sync_execution({"stateMachineArn": machine, "input": "{}"})
    watched.states.close()
    assert watched.events == []


def test_large_data_are_left_out(tmp_path: Path) -> None:
    """Over 248 KB of input and output together, the event says that it has none."""
    watched = Watched(tmp_path)
    made = {"StartAt": "A", "States": {"A": task(End=True)}}
    machine = watched.states.create_state_machine({"name": "m", "definition": json.dumps(made), "roleArn": ROLE})
    text = json.dumps({"q": "x" * 130_000})
    watched.states.start_execution({"stateMachineArn": machine["stateMachineArn"], "input": text})
    until(lambda: len(watched.events) == 2)
    watched.states.close()
    started, ended = (event["detail"] for event in watched.events)
    assert started["inputDetails"] == {"included": True}
    assert (ended["status"], ended["input"], ended["output"]) == ("SUCCEEDED", None, None)
    assert ended["outputDetails"] == {"included": False}


# --- rules -----------------------------------------------------------------------------------------------------------

CHAT, AFTER = (
    "arn:aws:states:us-east-1:000000000000:stateMachine:chat",
    ("arn:aws:states:us-east-1:000000000000:stateMachine:after"),
)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
EVENT = {
    "version": "0", "id": "1", "source": "aws.states", "detail-type": "Step Functions Execution Status Change",
    "account": "000000000000", "time": "2026-11-30T00:00:00Z", "region": "us-east-1", "resources": ["arn:x"],
    "detail": {"stateMachineArn": CHAT, "status": "FAILED", "executionArn": "arn:x", "input": '{"secret": 1}'},
}  # fmt: skip


class Targets:
    """What was started and invoked."""

    def __init__(self, *rules: Rule) -> None:
        self.got: list[tuple[str, str, Any]] = []
        self.rules = EventRules(
            Account(),
            rules,
            lambda arn, text: self.got.append(("start", arn, json.loads(text))),
            lambda arn, text: self.got.append(("invoke", arn, json.loads(text))),
        )


def test_a_rule_of_the_deployment_passes_on_what_it_names() -> None:
    """Not the texts in the event; another status or another state machine starts nothing."""
    rule = Rule(CHAT, frozenset({"FAILED"}), AFTER, {"execution": "detail.executionArn", "none": "detail.missing"})
    targets = Targets(rule)
    targets.rules.deliver(EVENT)
    assert targets.got == [("start", AFTER, {"execution": "arn:x", "none": None})]
    for change in ({"status": "SUCCEEDED"}, {"stateMachineArn": AFTER}):
        targets.rules.deliver({**EVENT, "detail": {**EVENT["detail"], **change}})  # type: ignore[dict-item]
    assert len(targets.got) == 1


@pytest.fixture(name="moto")
def _moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.mark.usefixtures("moto")
def test_rules_that_clients_put_are_followed(caplog: pytest.LogCaptureFixture) -> None:
    """Kept and matched by moto: patterns, disabled rules, and each kind of input."""
    events = boto3.client("events")
    pattern = json.dumps({"source": ["aws.states"], "detail": {"status": ["FAILED", "ABORTED"]}})
    kinds: dict[str, dict[str, Any]] = {
        "whole": {},
        "constant": {"Input": '{"c": 1}'},
        "part": {"InputPath": "$.detail.status"},
        "made": {"InputTransformer": {"InputPathsMap": {"s": "$.detail.status"}, "InputTemplate": '{"is": "<s>"}'}},
    }
    for name, given in kinds.items():
        events.put_rule(Name=name, EventPattern=pattern)
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": FUNCTION, **given}])
    events.put_rule(Name="off", EventPattern=pattern, State="DISABLED")
    events.put_targets(Rule="off", Targets=[{"Id": "1", "Arn": FUNCTION}])
    events.put_rule(Name="queue", EventPattern=pattern)
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    events.put_targets(Rule="queue", Targets=[{"Id": "1", "Arn": queue}])
    targets = Targets()
    targets.rules = EventRules(Account(account_id="123456789012"), (), targets.rules._start, targets.rules._invoke)
    with caplog.at_level(logging.WARNING):
        targets.rules.deliver(EVENT)
    assert [(how, arn) for how, arn, _ in targets.got] == [("invoke", FUNCTION)] * 4
    assert [given for _, _, given in targets.got] == [EVENT, {"c": 1}, "FAILED", {"is": "FAILED"}]
    assert queue in caplog.text
    targets.got.clear()
    targets.rules.deliver({**EVENT, "detail": {**EVENT["detail"], "status": "SUCCEEDED"}})  # type: ignore[dict-item]
    assert targets.got == []


def test_a_target_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Who emitted the event goes on, and the log names the target."""

    def gone(arn: str, text: str) -> None:
        raise ServiceError("StateMachineDoesNotExist", "gone")

    rule = Rule(CHAT, frozenset({"FAILED"}), AFTER, {})
    EventRules(Account(), [rule], gone, gone).deliver(EVENT)
    assert AFTER in caplog.text
    assert "StateMachineDoesNotExist" in caplog.text
