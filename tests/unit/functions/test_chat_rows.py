"""The rows of the table of answers: who may read them, what is in them, and those of EXPRESS executions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.chat_answers import EXPRESS_SECONDS
from functions.chat_api import ChatApi
from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.express import ExpressExecutions
from stepguard.guard.callers import Caller
from tests.fakes.aws import FakeClient
from tests.fakes.chat import DEFAULTS, posted
from tests.fakes.chats import (
    ANSWERED,
    EXPRESS,
    ME,
    OTHER,
    PASSED,
    Chats,
)
from tests.fakes.states import ANSWER, BEGIN, MACHINE, FakeStates
from tests.fakes.tables import FakeTable

# --- who may read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [True, False])
def test_a_caller_reads_only_its_own(running: bool) -> None:
    """The owner is in the row. For others it is as if there were no execution; operators read all."""
    chats = Chats(None if running else ANSWERED)
    chats.post(wait_seconds=0 if running else 25)
    unknown = chats.get(OTHER, "chat-unknown")
    assert unknown[0] == 404
    assert chats.get(OTHER) == unknown
    assert chats.get(Caller("x", frozenset({"operators"})))[0] == chats.get()[0] == (202 if running else 200)


def test_an_execution_without_a_row_is_asked_for() -> None:
    """Started by somebody else, or before the table was there: its input has the owner."""
    chats = Chats()
    chats.states.inputs[f"{MACHINE.replace(':stateMachine:', ':execution:')}:old"] = {"request": {"caller": "me"}}
    assert chats.get(ME, "old")[0] == 200
    assert chats.get(OTHER, "old")[0] == 404


def test_an_expired_row_is_no_row() -> None:
    """DynamoDB deletes it days later. The history still has the answer."""
    chats = Chats(ANSWERED)
    chats.post()
    chats.clock.now = 24 * 3600 + 1
    assert chats.get()[0] == 200
    assert chats.calls["describe_execution"] == 1


def test_the_row_of_a_start_has_no_question() -> None:
    """Name, owner, times: what the caller wrote is not in it."""
    chats = Chats()
    chats.post(wait_seconds=0, question="My secret?")
    row = chats.table.item(chats.name)
    assert row == {
        "id": chats.name,
        "turn": "-",
        "caller": "me",
        "status": "RUNNING",
        "started": str(int(chats.begin)),
        "expires": str(int(chats.begin) + 24 * 3600),
        "express": False,
    }


# --- starting once -------------------------------------------------------------------------------------------------


def test_a_repeated_request_is_the_same_answer() -> None:
    """After the end the history shows whether the request is the same: one DescribeExecution."""
    stage = {"outcome": "passed", "findings": []}
    chats = Chats(ANSWERED, output={"input_guard": stage, "model": stage, "answer": ANSWER})
    first = chats.post(client_token="t")
    assert chats.post(client_token="t") == first
    assert chats.post(client_token="t", question="Another?")[0] == 409
    assert len(chats.states.inputs) == 1
    assert chats.calls["describe_execution"] == 2


def test_a_token_after_the_row_has_expired_is_no_new_execution() -> None:
    """The expired row is replaced, the execution is not."""
    chats = Chats(ANSWERED)
    chats.post(client_token="t")
    chats.clock.now = 24 * 3600 + 1
    assert chats.post(client_token="t")[0] == 200
    assert len(chats.states.inputs) == 1


# --- EXPRESS -------------------------------------------------------------------------------------------------------


def express(table: FakeTable, status: str = "SUCCEEDED") -> tuple[ChatApi, list[str]]:
    """The API with an EXPRESS twin that records, and the names of its executions."""
    names: list[str] = []

    def run(request: dict[str, Any]) -> dict[str, Any]:
        names.append(request["name"])
        arn = f"{EXPRESS.replace(':stateMachine:', ':express:')}:{request['name']}:0b5e"
        if status == "SUCCEEDED":
            table.record(request["name"], ANSWER, PASSED)
            table.write(request["name"], execution={"S": arn})
        answer = {"input_guard": {"outcome": "passed", "findings": []}, "answer": ANSWER}
        output = {"output": json.dumps(answer)} if status == "SUCCEEDED" else {}
        return {"executionArn": arn, "startDate": BEGIN, "stopDate": BEGIN, "status": status} | output

    twin = ExpressExecutions(EXPRESS, FakeClient("stepfunctions", start_sync_execution=run).client)
    return ChatApi(FakeStates().executions, lambda: DEFAULTS, express=twin, table=table.table), names


def test_an_express_answer_can_be_read_again() -> None:
    """By its name and by its ARN, by its owner."""
    table = FakeTable()
    chat, names = express(table)
    status, body, _ = posted(chat, b'{"question": "Why?"}', ME)
    assert status == 200
    for name in (names[0], body["execution"]):
        assert chat.get_chat(name, ME) == (200, body, {})
        assert chat.get_chat(name, OTHER)[0] == 404
    assert table.calls == ["put_item", *["get_item"] * 4]


def test_an_express_execution_without_an_end_is_gone_after_five_minutes() -> None:
    """Nobody can be asked about it."""
    table = FakeTable()
    chat, names = express(table, "TIMED_OUT")
    assert posted(chat, b'{"question": "Why?"}', ME)[0] == 503
    assert chat.get_chat(names[0], ME)[0] == 202
    table.now += EXPRESS_SECONDS + 1
    assert chat.get_chat(names[0], ME)[0] == 503


@pytest.mark.parametrize("arn", [f"{EXPRESS.replace(':stateMachine:', ':express:')}:x:1", "arn:aws:states:x"])
def test_an_unknown_express_execution_is_unknown(arn: str) -> None:
    """404, as for every other unknown name."""
    assert express(FakeTable())[0].get_chat(arn, ME)[0] == 404


def test_without_a_name_there_is_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """ANSWER_TABLE, or nothing."""
    monkeypatch.delenv("ANSWER_TABLE", raising=False)
    assert not AnswerTable().deployed
    monkeypatch.setenv("ANSWER_TABLE", "answers")
    assert AnswerTable().deployed
