"""A conversation of the command line."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.aws.executions import Executions
from stepguard.aws.talk.turns import Turns
from stepguard.guard.errors import InvalidRequest, UnknownConversation
from stepguard.session.chat import CALLER, STEPS
from stepguard.session.model import Session
from stepguard.session.talk import NONE_HERE, Talk, new_talk, open_talk
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.states import BEGIN, MACHINE, FakeStates
from tests.fakes.tables import FakeTable
from tests.paths import ROOT

ALIAS = f"{MACHINE}:conversations"
VERSION = f"{MACHINE}:1"
ABOUT = {"name": "stepguard-chat", "roleArn": "arn:aws:iam::1:role/r", "type": "STANDARD", "creationDate": BEGIN}


class _States(FakeStates):
    """Executions with an empty history."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeClient(
            "stepfunctions",
            start_execution=self._start,
            describe_execution=self._describe,
            get_execution_history=lambda _: {"events": []},
            stop_execution=lambda _: {"stopDate": BEGIN},
        )


def test_each_question_is_a_turn_of_one_conversation() -> None:
    """The first one begins it, the next ones load what was said; the table has both."""
    states, table = _States(), FakeTable()
    talk = Talk(states.executions, Turns(table.table))
    assert not talk.begun
    talk.ask("What is a cold?", 5)
    name = talk.id
    talk.ask("How long does it last?", 5)
    assert [talk.begun] == [True]
    turns = [document["request"]["conversation"] for document in states.inputs.values()]
    assert [(turn["id"], turn["first"]) for turn in turns] == [(name, True), (name, False)]
    assert len(Turns(table.table).conversations.read(CALLER, name)[1]) == 2


def test_questions_alone_have_no_turns() -> None:
    """As `stepguard chat QUESTION` asks them."""
    states = _States()
    Talk(states.executions, None).ask("What is a cold?", 5)
    assert ["conversation" in document["request"] for document in states.inputs.values()] == [False]


@pytest.mark.parametrize(
    ("definition", "loads"),
    [("assistant.asl.json", True), ("chat.asl.json", False), (None, False)],
)
def test_the_definition_says_whether_there_are_conversations(definition: str | None, loads: bool) -> None:
    """That of the version which the alias names; without the alias there are none."""

    def alias(_: Any) -> dict[str, Any]:
        if definition is None:
            raise client_error("ResourceNotFound")
        return {"routingConfiguration": [{"stateMachineVersionArn": VERSION, "weight": 100}]}

    def machine(request: Any) -> dict[str, Any]:
        assert request["stateMachineArn"] == VERSION
        text = (ROOT / "statemachine" / str(definition)).read_text("utf-8")
        return ABOUT | {"stateMachineArn": VERSION, "definition": text}

    fake = FakeClient("stepfunctions", describe_state_machine_alias=alias, describe_state_machine=machine)
    executions = Executions(MACHINE, fake.client, ALIAS)
    assert executions.loads_turns() is loads
    session = Session(executions)
    talk, note = new_talk(session, aws=False, groups=(), passages=())
    assert (talk.turns is not None, note == "") == (loads, loads)
    if not loads:
        with pytest.raises(InvalidRequest, match=NONE_HERE[:40]):
            open_talk(session, "new", aws=False, groups=(), passages=())


def test_on_aws_the_table_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how."""
    monkeypatch.delenv("ANSWER_TABLE", raising=False)
    with pytest.raises(InvalidRequest, match="Set ANSWER_TABLE"):
        open_talk(Session(_States().executions), "new", aws=True, groups=(), passages=())


def test_only_ones_own_conversation_is_continued() -> None:
    """One of another caller is unknown, as in the API."""
    with pytest.raises(UnknownConversation):
        Turns(FakeTable().table).conversations.read(CALLER, "conv-other")


def test_a_person_sees_what_runs() -> None:
    """The Task that was entered last, in words for every Task of a chat."""
    events = [
        {"timestamp": BEGIN, "type": "LambdaFunctionScheduled", "id": 9},
        {"timestamp": BEGIN, "type": "TaskStateEntered", "id": 8, "stateEnteredEventDetails": {"name": "InvokeModel"}},
        {"timestamp": BEGIN, "type": "ChoiceStateEntered", "id": 7, "stateEnteredEventDetails": {"name": "Choose"}},
    ]
    fake = FakeClient("stepfunctions", get_execution_history=lambda _: {"events": events})
    state = Executions(MACHINE, fake.client).running_state(f"{MACHINE.replace('stateMachine', 'execution')}:1")
    assert STEPS[str(state)] == "The model is writing"
