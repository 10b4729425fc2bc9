"""What operators keep of an execution: a page, a regression test; and the conversation that it is a turn of."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

import pytest

from functions.executions_api import ExecutionsApi
from functions.operators.exports import ExportsApi
from functions.routes import Reply, started
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.executions import Executions
from stepguard.guard.callers import Caller
from stepguard.guard.turns import kept
from tests.fakes.aws import FakeClient, Request, client_error
from tests.fakes.history import ATTACK, REQUEST, History, blocked_in_front, masked_question
from tests.fakes.states import BEGIN, MACHINE, Clock
from tests.unit.functions.test_conversations import ME, Talk

RUN = MACHINE.replace(":stateMachine:", ":execution:")
BOSS = Caller("boss", frozenset({"operators"}))
MAIL = "ann@x.example"


class Place:
    """One execution with this history; what is started takes the same path and runs for `looks` looks."""

    def __init__(self, history: History, status: str = "SUCCEEDED", talk: Talk | None = None, looks: int = 0) -> None:
        self.histories = {f"{RUN}:x": history}
        self.inputs: dict[str, Any] = {f"{RUN}:x": history.document}
        self.status, self.looks = status, looks
        self.again: History | None = None
        self.fake = FakeClient(
            "stepfunctions", describe_execution=self._describe, start_execution=self._start,
            get_execution_history=lambda request: {"events": self.histories[request["executionArn"]].events},
        )  # fmt: skip
        self.fake.modelled_replies = False  # the events leave out what no reader needs
        clock = Clock()
        api = ExecutionsApi(Executions(MACHINE, self.fake.client), lambda: frozenset({"operators"}))
        table = None if talk is None else talk.table.table
        self.api = ExportsApi(api, table, clock, clock.sleep, {"LLM_MODEL_ID": "m", "OTHER": "x"})

    def record(self, caller: Caller = BOSS) -> Reply:
        """POST /executions/x/record, as app.py runs it."""
        return started(lambda: self.api.record("x", caller), caller, CallerQuota())

    def _describe(self, request: Request) -> Mapping[str, Any]:
        arn = request["executionArn"]
        if arn not in self.inputs:
            raise client_error("ExecutionDoesNotExist", "Execution Does Not Exist")
        self.looks -= arn != f"{RUN}:x"
        status = self.status if arn == f"{RUN}:x" else "RUNNING" if self.looks >= 0 else "SUCCEEDED"
        output = {"output": json.dumps(self.inputs[arn])} if status == "SUCCEEDED" else {}
        return {
            "executionArn": arn, "stateMachineArn": MACHINE, "name": arn.rpartition(":")[2], "status": status,
            "startDate": BEGIN, "input": json.dumps(self.inputs[arn]), "stopDate": BEGIN, **output,
        }  # fmt: skip

    def _start(self, request: Request) -> Mapping[str, Any]:
        arn = f"{RUN}:{request['name']}"
        if arn in self.inputs:
            raise client_error("ExecutionAlreadyExists", "Execution Already Exists")
        self.inputs[arn] = json.loads(request["input"])
        self.histories[arn] = self.again or masked_question()
        return {"executionArn": arn, "startDate": BEGIN}


def test_a_blocked_question_becomes_a_test() -> None:
    """Three files: Python that parses and has no text of a person, the case, the mocks. Nothing more runs."""
    place = Place(blocked_in_front())
    status, body, _ = place.record()

    assert (status, body["replaced"]) == (200, 0)
    name = body["name"]
    assert sorted(body["files"]) == sorted([f"{name}.json", f"{name}.mocks.json", f"test_{name}.py"])
    ast.parse(body["files"][f"test_{name}.py"])
    assert REQUEST["text"] not in body["files"][f"test_{name}.py"]
    case = json.loads(body["files"][f"{name}.json"])
    assert case["input"]["request"] == {**REQUEST, "caller": "recorded"}
    assert (case["settings"], case["expected"]["outcome"]) == ({"LLM_MODEL_ID": "m"}, "blocked")
    assert json.loads(body["files"][f"{name}.mocks.json"])["StateMachines"]
    assert place.fake.bodies("start_execution") == []


def test_what_a_guardrail_masked_is_replaced_and_asked_again() -> None:
    """The changed request runs once, also if the route is called twice; no file has the address."""
    place = Place(masked_question())
    first, second = place.record(), place.record()

    assert (first[0], second) == (200, first)
    assert first[1]["replaced"] == 1
    assert all(MAIL not in text for text in first[1]["files"].values())
    (start,) = {json.dumps(body) for body in place.fake.bodies("start_execution")}
    assert MAIL not in start
    assert "person1@example.com" in start


def test_while_the_changed_request_runs_there_is_a_202() -> None:
    """With the execution; the same request later gives the files."""
    place = Place(masked_question(), looks=200)
    status, body, headers = place.record()
    assert (status, body["status"], headers) == (202, "RUNNING", {"Retry-After": "1"})
    place.looks = 0
    assert place.record()[0] == 200


def test_a_changed_request_that_ends_in_another_way_is_no_test() -> None:
    """400 with what to do."""
    place = Place(masked_question())
    place.again = blocked_in_front()
    status, body, _ = place.record()
    assert status == 400
    assert "--keep-personal-data" in body["error"]["message"]


PLACE = {"id": "conv-1", "turn": "2026-11-22T00:00:00.000Z#x", "first": False}


def test_a_turn_of_a_conversation_is_recorded_as_a_question_alone() -> None:
    """It runs once more, although nothing was replaced: alone it takes another path, and the case has that one."""
    turn = History({**REQUEST, "conversation": PLACE}).stage("LoadConversation", "context", found=[])
    turn.stage("GuardInput", "input_guard", outcome="blocked", findings=[ATTACK])
    place = Place(turn.ends(text="No.", outcome="blocked", source="PREPROCESS GUARDRAIL"))
    place.again = blocked_in_front()
    status, body, _ = place.record()
    assert status == 200
    (start,) = place.fake.bodies("start_execution")
    assert "conversation" not in json.loads(start["input"])["request"]
    assert json.loads(body["files"][f"{body['name']}.json"])["expected"]["path"] == ["GuardInput"]


def test_a_failed_turn_is_not_recorded() -> None:
    """400 with what to do."""
    place = Place(History({**REQUEST, "conversation": PLACE}).add("ExecutionFailed", error="x", cause="y"), "FAILED")
    status, body, _ = place.record()
    assert (status, "Replay it" in body["error"]["message"]) == (400, True)


def test_a_running_execution_is_not_recorded() -> None:
    """409."""
    assert Place(masked_question(), "RUNNING").record()[0] == 409


def test_texts_of_documents_are_for_those_who_may_read_them() -> None:
    """An operator without their groups records nothing and gets a page without texts."""
    history = masked_question()
    passage = {"id": "1", "text": "Nine.", "uri": "s3://b/pay.md", "groups": ["board"]}
    history.document = {**history.document, "context": {"passages": {"passages": [passage]}}}
    place = Place(history)
    assert place.record()[0] == 403
    _, body, _ = place.api.page("x", {}, BOSS)
    assert MAIL not in body["page"]
    assert MAIL in place.api.page("x", {}, Caller("b", frozenset({"operators", "board"})))[1]["page"]


def test_a_page_can_be_redacted() -> None:
    """As the trace."""
    place = Place(blocked_in_front())
    status, body, _ = place.api.page("x", {"redact": "true"}, BOSS)
    assert (status, body["name"], MAIL in body["page"]) == (200, "x.html", False)
    assert MAIL in place.api.page("x", {}, BOSS)[1]["page"]


@pytest.mark.parametrize("caller", [Caller("me"), Caller("other")])
def test_exports_are_for_operators(caller: Caller) -> None:
    """403, also for the caller who asked."""
    place = Place(blocked_in_front())
    replies = [place.api.page("x", {}, caller), place.api.conversation("x", caller), place.record(caller)]
    assert [reply[0] for reply in replies] == [403, 403, 403]
    assert place.fake.requests == []


def test_an_execution_leads_to_its_conversation() -> None:
    """The turns in their order with their executions, the title, the blocked one without texts."""
    talk = Talk()
    first = talk.post()
    name = first[1]["conversation"]
    talk.answer(first)
    second = talk.post(name)
    talk.answer(second, "blocked")
    talk.chat.conversations._conversations.rename("me", name, "Insulin")
    place = Place(History(talk.states.inputs[second[1]["execution"]]["request"]), talk=talk)

    status, body, _ = place.api.conversation("x", BOSS)
    assert (status, body["id"], body["title"]) == (200, name, "Insulin")
    assert [(turn["question"], turn["outcome"]) for turn in body["turns"]] == [("Why?", "answered"), (None, "blocked")]
    assert [turn["execution"] for turn in body["turns"]] == [
        reply[1]["execution"].rpartition(":")[2] for reply in (first, second)
    ]
    assert talk.chat.conversations.delete(name, ME)[0] == 200
    status, body, _ = place.api.conversation("x", BOSS)
    assert (status, body["error"]["code"]) == (404, "UnknownConversation")


def test_a_turn_from_documents_is_withheld() -> None:
    """From an operator who may not read them."""
    talk = Talk()
    reply = talk.post()
    talk.answer(reply, texts=kept("Why?", "Secret pay.", [["board"]]))
    place = Place(History(talk.states.inputs[reply[1]["execution"]]["request"]), talk=talk)
    (turn,) = place.api.conversation("x", BOSS)[1]["turns"]
    assert (turn["answer"], turn["withheld"]) == (None, True)
    (turn,) = place.api.conversation("x", Caller("b", frozenset({"operators", "board"})))[1]["turns"]
    assert turn["answer"] == "Secret pay."


def test_a_question_alone_has_no_conversation() -> None:
    """404 that says so."""
    status, body, _ = Place(blocked_in_front(), talk=Talk()).api.conversation("x", BOSS)
    assert (status, "no turn of a conversation" in body["error"]["message"]) == (404, True)
