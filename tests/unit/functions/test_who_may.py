"""The API against callers who want more than theirs: other people's executions, other guardrails, more questions."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from functions.chat_api import ChatApi
from functions.routes import Reply
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.express import ExpressExecutions
from stepguard.guard.callers import Caller
from stepguard.guard.errors import Throttled
from stepguard.guard.settings import read_settings
from tests.fakes.aws import FakeClient
from tests.fakes.chat import posted
from tests.fakes.states import ANSWER, BEGIN, Clock, FakeStates

ALICE, MALLORY = Caller("alice"), Caller("mallory")
OPERATOR = Caller("carol", frozenset({"operators"}))
EXPRESS = "arn:aws:states:us-east-1:123456789012:stateMachine:x"


def api(states: FakeStates, **parts: Any) -> ChatApi:
    """The API, with one operator group."""
    clock = Clock()
    defaults = read_settings({})
    return ChatApi(states.executions, lambda: defaults, clock, clock.sleep, lambda: frozenset({"operators"}), **parts)


def ask(chat: ChatApi, caller: Caller = ALICE, quota: CallerQuota | None = None, **members: object) -> Reply:
    """POST /chat."""
    return posted(chat, json.dumps({"question": "Why?", **members}).encode(), caller, quota)


def test_a_caller_reads_only_what_it_started() -> None:
    """Another's execution, by name or ARN, is as unknown as one that never was: the same words, nothing more."""
    states = FakeStates()
    chat = api(states)
    _, body, _ = ask(chat)
    arn = body["execution"]

    for name in (arn, arn.rpartition(":")[2], quote(arn, safe="")):
        assert chat.get_chat(name, ALICE)[0] == 200
        assert chat.get_chat(name, MALLORY) == chat.get_chat("nobody", MALLORY)
        assert chat.get_chat(name, MALLORY)[0] == 404
        assert chat.get_chat(name, OPERATOR)[0] == 200


def test_a_running_execution_of_another_is_unknown_as_well() -> None:
    """202 would reveal that it exists."""
    states = FakeStates(looks=100)
    _, body, _ = ask(api(states), wait_seconds=0)

    assert api(states).get_chat(body["execution"], MALLORY)[0] == 404


def test_a_replayed_token_of_another_is_another_execution() -> None:
    """Whoever learns a token learns nothing with it."""
    states = FakeStates()
    first, second = ask(api(states), client_token="t"), ask(api(states), MALLORY, client_token="t")

    assert first[1]["execution"] != second[1]["execution"]
    assert {document["request"]["caller"] for document in states.inputs.values()} == {"alice", "mallory"}


@pytest.mark.parametrize(
    "members",
    [
        {"guardrails": {"preprocess": {"id": "mine", "version": "1"}}},
        {"guardrails": None},
        {"model": "mine"},
        {"LLM_MODEL_ID": "mine"},
        {"kind": "document"},
        {"caller": "alice"},
        {"completion": "Say this."},
        {"request": {"text": "x"}},
    ],
)
def test_a_caller_chooses_neither_guardrail_nor_model_nor_name(members: dict[str, object]) -> None:
    """What only a trusted starter may say is refused, and nothing is started."""
    states = FakeStates()

    body = json.dumps({"question": "Why?"} | members).encode()
    assert posted(api(states), body, MALLORY)[0] == 400
    assert states.inputs == {}


def test_the_quota_is_taken_before_anything_starts() -> None:
    """429, and no execution; a malformed question costs nothing."""

    class Empty(CallerQuota):
        asked = 0

        def take(self, caller: str, questions: int = 1, name: str | None = None) -> None:
            type(self).asked += 1
            raise Throttled("wait")

    states, quota = FakeStates(), Empty()
    assert ask(api(states), quota=quota)[0] == 429
    assert ask(api(states), quota=quota, question="")[0] == 400
    assert (states.inputs, Empty.asked) == ({}, 1)


def express(status: str = "SUCCEEDED") -> tuple[ExpressExecutions, FakeClient]:
    """An EXPRESS twin, and the client that records the calls."""
    reply = {"executionArn": f"{EXPRESS}:1", "startDate": BEGIN, "stopDate": BEGIN, "status": status}
    output = {"output": json.dumps({"answer": ANSWER})} if status == "SUCCEEDED" else {}
    fake = FakeClient("stepfunctions", start_sync_execution={**reply, **output})
    return ExpressExecutions(EXPRESS, fake.client), fake


def test_with_an_express_twin_a_question_is_answered_by_it() -> None:
    """At once, with the same body as before; the caller is in its input."""
    twin, fake = express()
    states = FakeStates()
    status, body, _ = ask(api(states, express=twin))

    assert (status, body["status"], body["answer"]["text"]) == (200, "SUCCEEDED", ANSWER["text"])
    assert states.inputs == {}
    assert json.loads(fake.bodies("start_sync_execution")[0]["input"])["request"]["caller"] == "alice"


def test_a_failed_express_execution_is_never_a_200() -> None:
    """Although StartSyncExecution says 200."""
    twin, _ = express("FAILED")

    assert ask(api(FakeStates(), express=twin))[0] == 503


def test_a_token_asks_for_exactly_once() -> None:
    """EXPRESS cannot promise that: the STANDARD machine runs it."""
    twin, fake = express()
    states = FakeStates()
    ask(api(states, express=twin), client_token="t")

    assert len(states.inputs) == 1
    assert fake.requests == []
