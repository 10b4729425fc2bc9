"""after.asl.json on the embedded engine: every way through it, and that nothing in it touches the chat."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import moto.dynamodb
import pytest
import yaml
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock
from stepguard.project.folder import builtin_project
from stepguard.session.embedded import AFTER_INPUT, ENDINGS
from tests.fakes.aws import client_error
from tests.fakes.tables import FakeTable
from tests.fakes.waiting import until
from tests.paths import ROOT

FILE = ROOT / "statemachine" / "after.asl.json"
DEFINITION = json.loads(FILE.read_text(encoding="utf-8"))
ARN = "arn:aws:lambda:us-east-1:123456789012:function:notify_listener"
CHAT = "arn:aws:states:us-east-1:123456789012:execution:chat:chat-1"
INPUT = {"execution": CHAT, "name": "chat-1", "redrives": 0}


class After:
    """The state machine with its table and its Lambda, whose answers are `answers`, one for each call."""

    def __init__(self, folder: Path) -> None:
        self.table = FakeTable()
        self.events: list[Mapping[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self._states = StepFunctions(
            folder / "states.sqlite3", self._invoke, clock=VirtualClock(), clients=lambda name: self.table.fake.client
        )
        definition = builtin_project().after_definition({"notify_listener": ARN})
        role = "arn:aws:iam::123456789012:role/test"
        made = self._states.create_state_machine({"name": "after", "definition": definition, "roleArn": role})
        self._machine = made["stateMachineArn"]
        self.close = self._states.close

    def _invoke(self, function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        self.events.append(json.loads(payload))
        answer = self.answers.pop(0) if self.answers else {"delivered": "sent"}
        error = "Unhandled" if "errorType" in answer else None
        return LambdaResult(json.dumps(answer).encode(), function_error=error)

    def run(self) -> tuple[str, list[str]]:
        """The status and the states of one run."""
        arn = self._states.start_execution({"stateMachineArn": self._machine, "input": json.dumps(INPUT)})
        wanted = {"executionArn": arn["executionArn"]}
        until(lambda: self._states.describe_execution(wanted)["status"] != "RUNNING")
        events = self._states.get_execution_history({**wanted, "maxResults": 1000})["events"]
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        return self._states.describe_execution(wanted)["status"], entered


@pytest.fixture(name="after")
def _after(tmp_path: Path) -> Iterator[After]:
    made = After(tmp_path)
    yield made
    made.close()


def test_a_listener_is_notified(after: After) -> None:
    """Its connection comes from the row of the chat; no text of the chat passes through."""
    after.table.table.begin("chat-1", "me", 24, listener="conn=")
    assert after.run() == ("SUCCEEDED", ["FindListener", "Listened?", "NotifyListener", "Finished"])
    assert after.events == [{"execution": CHAT, "redrives": 0, "connection": "conn="}]


@pytest.mark.parametrize("begun", [True, False])
def test_without_a_listener_nothing_is_called(after: After, begun: bool) -> None:
    """A chat of POST /chat, and one without a row."""
    if begun:
        after.table.table.begin("chat-1", "me", 24)
    assert after.run() == ("SUCCEEDED", ["FindListener", "Listened?", "Finished"])
    assert after.events == []


def test_the_newest_connection_is_the_listener(after: After) -> None:
    """A client that lost its connection asks again with the same client_token; nobody else can take the place."""
    table = after.table.table
    table.begin("chat-1", "me", 24, listener="first")
    table.begin("chat-1", "me", 24, listener="second")
    table.begin("chat-1", "other", 24, listener="stranger")
    after.run()
    assert [event["connection"] for event in after.events] == ["second"]


def test_what_a_later_attempt_cures_is_retried(after: After) -> None:
    """The end of an execution can be visible a little later than its event."""
    after.table.table.begin("chat-1", "me", 24, listener="conn")
    after.answers = [{"errorType": "ServiceUnavailable", "errorMessage": "not yet"}]
    assert after.run()[0] == "SUCCEEDED"
    assert len(after.events) == 2


def test_a_failure_is_visible_and_only_here(after: After) -> None:
    """The table or the Lambda fails for good: this execution fails, the chat has long ended."""
    after.table.table.begin("chat-1", "me", 24, listener="conn")
    after.answers = [{"errorType": "AccessDenied", "errorMessage": "no"}]
    assert after.run() == ("FAILED", ["FindListener", "Listened?", "NotifyListener", "ListenerUnreached"])
    after.table.errors = [client_error("ResourceNotFoundException", "no table")]
    assert after.run() == ("FAILED", ["FindListener", "ListenerUnreached"])


def test_the_definition_keeps_the_rules_of_the_others() -> None:
    """statelint finds nothing, each state says why, no name in an expression is reserved."""
    assert Linter.validate(DEFINITION, Config({ProblemType.URI})) == []
    assert all(state["Comment"].endswith(".") for state in DEFINITION["States"].values())
    reserved = Path(moto.dynamodb.__file__).parent / "parsing" / "reserved_keywords.txt"
    words = reserved.read_text(encoding="utf-8").split()
    assert DEFINITION["States"]["FindListener"]["Parameters"]["ProjectionExpression"].upper() not in words


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms as what they name."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: str(node.value))


def test_the_deployed_rule_is_the_embedded_one() -> None:
    """Every end, and the same input, which has no text of the chat."""
    text = (ROOT / "statemachine" / "cloudformation" / "after.yaml").read_text(encoding="utf-8")
    rule = yaml.load(text, Loader=_Loader)["Resources"]["AfterRule"]["Properties"]
    assert set(rule["EventPattern"]["detail"]["status"]) == ENDINGS
    (target,) = rule["Targets"]
    assert target["InputTransformer"]["InputPathsMap"] == {name: f"$.{place}" for name, place in AFTER_INPUT.items()}
    template = json.loads(target["InputTransformer"]["InputTemplate"])
    assert template == {name: f"<{name}>" for name in AFTER_INPUT}
