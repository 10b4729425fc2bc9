"""A text that a layer blocked, masked or replaced reaches its caller by no route.

The caller may read the trace of what it started. Without the rule a blocked answer could be read there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.chat_api import ChatApi
from functions.executions_api import ExecutionsApi
from stepguard.aws.executions import Executions
from stepguard.guard.callers import Caller
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import blocked, masked, passed
from tests.paths import ROOT
from tests.workflow.engines import Run, embedded
from tests.workflow.scenarios import Scenario, said

SAID = "Sorry, I don't know where Eve Stone hides her keys."
REQUEST = {"kind": "prompt", "text": "Where does Eve Stone hide her keys?", "caller": "eve"}
EVE, BOSS = Caller("eve"), Caller("boss", frozenset({"operators"}))
OPERATORS = frozenset({"operators"})
MASK = "Sorry, I don't know where {NAME} hides her keys. Ask her."
TURNS = {
    "does not know": Scenario("", [], [passed()], [said("converse/answered", SAID)]),
    "model blocked": Scenario("", [], [passed()], [said("converse/blocked_output", SAID)]),
    "answer blocked": Scenario("", [], [passed(), blocked()], [said("converse/answered", f"{SAID} Ask her.")]),
    "answer masked": Scenario("", [], [passed(), masked(MASK)], [said("converse/answered", f"{SAID} Ask her.")]),
}


@pytest.fixture(name="engine", scope="module")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with embedded(tmp_path_factory.mktemp("states")) as run:
        yield run


def executions_of(ended: Mapping[str, Any]) -> Executions:
    """The client of a state machine with this execution."""
    described = {key: value for key, value in ended.items() if key not in ("events", "row") and value is not None}
    definition = (ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8")
    machine = {
        "stateMachineArn": described["stateMachineArn"],
        "name": "chat",
        "definition": definition,
        "roleArn": "r",
        "updateDate": described["startDate"],
    }
    fake = FakeClient(
        "stepfunctions",
        describe_execution=lambda _: described,
        get_execution_history=lambda _: {"events": ended["events"]},
        describe_state_machine_for_execution=lambda _: machine,
    )
    return Executions(described["stateMachineArn"], fake.client)


@pytest.mark.parametrize("turn", TURNS)
def test_no_route_gives_the_caller_what_was_not_delivered(engine: Run, turn: str) -> None:
    """Answer, trace, comparison and events; operators find the words in the history."""
    ended = engine({"request": REQUEST}, TURNS[turn].stages())
    executions = executions_of(ended)
    name = ended["executionArn"]
    api = ExecutionsApi(executions, lambda: OPERATORS)
    chat = ChatApi(executions, operators=lambda: OPERATORS)

    replies = [
        chat.get_chat(name, EVE),
        api.get(name, {}, EVE),
        api.get(name, {"redact": "false", "compare": name}, EVE),
        api.events(name, {}, EVE),
    ]
    assert [status for status, _, _ in replies] == [200] * 4
    assert "Eve Stone" not in json.dumps([body for _, body, _ in replies])
    assert SAID in json.dumps(api.get(name, {}, BOSS)[1])
    assert SAID in json.dumps(api.events(name, {}, BOSS)[1])


def test_events_without_texts_keep_their_names(engine: Run) -> None:
    """What is left says which states and errors there were."""
    ended = engine({"request": REQUEST}, TURNS["does not know"].stages())
    events = ExecutionsApi(executions_of(ended), lambda: OPERATORS).events(ended["executionArn"], {}, EVE)[1]["events"]

    assert [event["type"] for event in events] == [event["type"] for event in ended["events"]]
    assert events[1]["stateEnteredEventDetails"]["name"] == "GuardInput"
    assert events[1]["stateEnteredEventDetails"]["input"].startswith("‹")
