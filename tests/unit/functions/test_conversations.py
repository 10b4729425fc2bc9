"""Conversations in the table: whose they are, their order, deletion while an answer is being made, repeated posts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.chat_api import ChatApi
from functions.conversations_api import ConversationsApi
from functions.routes import Reply, started
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.express import ExpressExecutions
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.callers import Caller
from stepguard.guard.conversation import ConversationSettings, read_place
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import from_document
from stepguard.guard.turns import kept, shortened
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.bedrock import ALL_LAYERS, blocked, guard, masked, passed, with_layers
from tests.fakes.chat import DEFAULTS, posted
from tests.fakes.chats import EXPRESS
from tests.fakes.states import ANSWER, Clock, FakeStates
from tests.fakes.tables import FakeTable

ME, OTHER = Caller("me"), Caller("other")
ON = replace(DEFAULTS, conversation=ConversationSettings(on=True))
GUARDED = replace(with_layers(*ALL_LAYERS), conversation=ConversationSettings(on=True))


class Talk:
    """The API with its table, and executions that end when `answer` says so."""

    def __init__(self, settings: Any = ON) -> None:
        self.table, self.states, self.clock = FakeTable(), FakeStates(), Clock()
        self.chat = ChatApi(
            self.states.executions,
            lambda: settings,
            self.clock,
            self.clock.sleep,
            lambda: frozenset(),
            ExpressExecutions(EXPRESS, FakeClient("stepfunctions").client),
            table=self.table.table,
        )

    def post(self, conversation: object = "new", caller: Caller = ME, **body: Any) -> Reply:
        """POST /chat, which does not wait."""
        asked = {"question": "Why?", "wait_seconds": 0, "conversation": conversation} | body
        self.table.now += 1
        return posted(self.chat, json.dumps(asked).encode(), caller)

    def answer(self, reply: Reply, outcome: str = "answered", question: str | None = "Why?", texts: Any = None) -> None:
        """What the state machine writes for the execution of a reply; `texts` are those that a stage kept."""
        place = from_document(self.states.inputs[reply[1]["execution"]]["request"]).conversation
        assert place is not None
        held = [{"NULL": True}, *([] if outcome == "blocked" else [texts or kept(question, "Because.")])]
        values = {**{key: {"S": str(ANSWER[key])} for key in ("text", "source")}, "got_hits": {"N": "1"}}
        self.table.write(
            place.id,
            place.turn,
            **values,
            outcome={"S": outcome},
            status={"S": "SUCCEEDED"},
            verdicts={"L": []},
            texts={"L": held},
            execution={"S": reply[1]["execution"]},
            caller={"S": "me"},
            expires={"N": str(int(self.table.now) + 86_400)},
        )

    def turns(self, conversation: str, caller: Caller = ME) -> Any:
        """The turns, or the error's code."""
        status, body, _ = self.chat.conversations.get(conversation, caller)
        return body["turns"] if status == 200 else (status, body["error"]["code"])

    def listed(self, caller: Caller = ME, **query: str) -> dict[str, Any]:
        """The caller's list."""
        return self.chat.conversations.list(query, caller)[1]


def test_a_conversation_is_its_turns_in_their_order() -> None:
    """Each turn with its question, answer, outcome and time; a blocked one without texts; one that runs without end."""
    talk = Talk()
    first = talk.post()
    name = first[1]["conversation"]
    talk.answer(first)
    second = talk.post(name)
    assert second[1]["conversation"] == name
    talk.answer(second, "blocked")
    talk.post(name)
    turns = talk.turns(name)
    assert [(turn["question"], turn["answer"], turn["outcome"]) for turn in turns] == [
        ("Why?", "Because.", "answered"),
        (None, None, "blocked"),
        (None, None, None),
    ]
    assert [turn["at"] for turn in turns] == sorted({turn["at"] for turn in turns})
    status, body, _ = talk.chat.get_chat(first[1]["execution"], ME)
    assert (status, body["conversation"], body["answer"]["text"]) == (200, name, ANSWER["text"])


def test_the_first_turn_has_nothing_to_load() -> None:
    """The request says so, and later turns say that they are not the first. They are never EXPRESS."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    talk.post(name)
    requests = [document["request"]["conversation"] for document in talk.states.inputs.values()]
    assert [(item["id"], item["first"]) for item in requests] == [(name, True), (name, False)]


def test_no_id_of_another_caller_works() -> None:
    """Reading, deleting and going on: as if there were no such conversation."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    unknown = talk.turns("conv-unknown")
    assert unknown == (404, "UnknownConversation")
    assert talk.turns(name, OTHER) == unknown
    assert talk.chat.conversations.delete(name, OTHER)[0] == 404
    assert talk.post(name, OTHER)[0] == 404
    assert talk.listed(OTHER)["conversations"] == []
    assert len(talk.states.inputs) == 1
    assert name not in json.dumps([item["id"] for item in talk.table.all()])


def test_a_repeated_post_is_the_same_turn() -> None:
    """With a client_token: the same conversation, the same place, one execution."""
    talk = Talk()
    first, again = (talk.post(client_token="t") for _ in range(2))
    assert [first[1][name] for name in ("conversation", "execution")] == [
        again[1][name] for name in ("conversation", "execution")
    ]
    talk.answer(first)
    assert talk.post(client_token="t")[0] == 200
    assert len(talk.turns(first[1]["conversation"])) == 1
    assert len(talk.listed()["conversations"]) == 1
    other = talk.post(client_token="u")
    assert other[1]["conversation"] != first[1]["conversation"]


def test_two_tabs_have_their_own_turns() -> None:
    """Two posts before any answer, answered in the other order: both are kept, in the order of their questions."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    one, two = talk.post(name), talk.post(name)
    talk.answer(two, question="Two?")
    talk.answer(one, question="One?")
    assert [turn["question"] for turn in talk.turns(name)] == [None, "One?", "Two?"]


def test_a_deleted_conversation_stays_deleted_while_an_answer_is_made() -> None:
    """Its turns are tombstones, which RecordAnswer's condition sees; the list and new posts know it no longer."""
    talk = Talk()
    first = talk.post()
    name = first[1]["conversation"]
    talk.answer(first)
    running = talk.post(name)
    assert talk.chat.conversations.delete(name, ME)[0] == 200
    assert "Because." not in json.dumps(talk.table.all())
    tombstones = [item for item in talk.table.all() if item["id"]["S"].startswith("turns#")]
    assert len(tombstones) == 2
    assert all(item["deleted"] == {"BOOL": True} and "status" not in item for item in tombstones)
    assert talk.turns(name) == (404, "UnknownConversation")
    assert talk.listed()["conversations"] == []
    assert talk.post(name)[0] == 404
    assert talk.chat.conversations.delete(name, ME)[0] == 200  # what a first try left is deleted too
    # The caller still gets the answer, from the execution.
    talk.states.output = {"input_guard": {"outcome": "passed", "findings": []}, "answer": ANSWER}
    assert talk.chat.get_chat(running[1]["execution"], ME)[0] == 200


def test_a_conversation_that_is_deleted_while_a_question_comes_gets_no_turn() -> None:
    """Between the check and the write of the turn: the write is taken back, and nothing starts."""
    talk = Talk()
    name = talk.post()[1]["conversation"]

    def meanwhile() -> None:
        if talk.table.calls[-1:] == ["put_item"] and talk.table.fake.requests[-1][1]["Item"]["id"]["S"][:5] == "turns":
            talk.table.before = lambda: None
            talk.chat.conversations.delete(name, ME)

    talk.table.before = meanwhile
    assert talk.post(name)[0] == 404
    assert len(talk.states.inputs) == 1
    assert all("deleted" in item for item in talk.table.all() if item["id"]["S"].startswith("turns#"))


def test_a_turn_that_did_not_start_is_no_turn() -> None:
    """Step Functions throttles: the caller asks again."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    talk.states.start_errors.append(client_error("ThrottlingException", "Rate exceeded"))
    assert talk.post(name)[0] == 429
    assert len(talk.turns(name)) == 1


def test_the_list_is_paged_and_newest_first() -> None:
    """Every conversation once, by pages of any size."""
    talk = Talk()
    names = [talk.post()[1]["conversation"] for _ in range(7)]
    for size in (1, 2, 3, 7, 50):
        found: list[str] = []
        page = talk.listed(limit=str(size))
        found += [item["id"] for item in page["conversations"]]
        while page["more"]:
            page = talk.listed(limit=str(size), cursor=page["cursor"])
            found += [item["id"] for item in page["conversations"]]
        assert found == names[::-1]
    assert talk.chat.conversations.list({"limit": "0"}, ME)[0] == 400
    assert talk.chat.conversations.list({"cursor": "ü"}, ME)[0] == 400


def test_what_has_expired_is_gone_for_readers() -> None:
    """DynamoDB deletes it days later. A turn renews its conversation."""
    talk = Talk()
    name, other = (talk.post()[1]["conversation"] for _ in range(2))
    talk.table.now += 20 * 86_400
    talk.post(name)
    talk.table.now += 11 * 86_400
    assert [item["id"] for item in talk.listed()["conversations"]] == [name]
    assert len(talk.turns(name)) == 1
    assert talk.turns(other) == (404, "UnknownConversation")


def test_an_execution_that_failed_is_an_unavailable_turn() -> None:
    """Nothing wrote its end; after the longest time of an execution the reader knows."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    talk.table.now += 2_001
    assert [turn["outcome"] for turn in talk.turns(name)] == ["unavailable"]


@pytest.mark.parametrize("value", ["", "a b", "x" * 65, "../x", 7, ["new"], "ü"])
def test_an_id_that_is_none_is_refused(value: object) -> None:
    """400, and nothing starts."""
    talk = Talk()
    assert talk.post(value)[0] == 400
    assert not talk.states.inputs


def test_without_the_box_there_are_no_conversations() -> None:
    """A question alone is answered as before; one of a conversation is refused with what to do."""
    talk = Talk(DEFAULTS)
    status, body, _ = talk.post()
    assert status == 400
    assert "Assistant=yes" in body["error"]["message"]


@pytest.mark.parametrize("text", ["x" * 2_001, "ü" * 3_000, '"' * 2_500, "\N{GRINNING FACE}" * 2_000])
def test_kept_texts_are_short(text: str) -> None:
    """2,000 characters and 4,000 bytes of JSON."""
    cut = shortened(text)
    assert len(cut) <= 2_000
    assert len(json.dumps(cut, ensure_ascii=False).encode()) <= 4_000
    assert cut.endswith("…")
    assert shortened("short") == "short"


@pytest.mark.parametrize("held", [7, {}, {"id": "a"}, {"id": "a", "turn": ""}, {"id": "ü", "turn": "t"}, {"turn": "t"}])
def test_a_place_that_is_none_is_refused(held: object) -> None:
    """In an execution's input."""
    with pytest.raises(InvalidRequest):
        read_place("me", held)


def rename(talk: Talk, name: str, title: object, caller: Caller = ME, *verdicts: Any) -> Reply:
    """PUT /conversations/NAME, as app.py runs it."""
    guards, _ = guard(*(verdicts or [passed()]))
    api = ConversationsApi(talk.table.table, lambda: GUARDED, guards)
    body = json.dumps({"title": title}).encode()
    return started(lambda: api.rename(name, body, caller), caller, CallerQuota())


def test_a_title_is_listed_and_stays() -> None:
    """In the list and in the conversation, also after a further turn; null and blanks take it away."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    assert talk.listed()["conversations"][0]["title"] is None
    assert rename(talk, name, "  About \n insulin ") == (200, {"id": name, "title": "About insulin"}, {})
    talk.post(name)
    assert [item["title"] for item in talk.listed()["conversations"]] == ["About insulin"]
    assert talk.chat.conversations.get(name, ME)[1]["title"] == "About insulin"
    for empty in (None, " \n"):
        assert rename(talk, name, empty)[1]["title"] is None
        assert talk.listed()["conversations"][0]["title"] is None


def test_a_title_is_kept_as_the_input_layer_leaves_it() -> None:
    """Masked, or refused and the earlier one stays; without a verdict nothing is kept."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    assert rename(talk, name, "Mail of ann@x.example", ME, masked("Mail of {EMAIL}"))[1]["title"] == "Mail of {EMAIL}"
    for verdict, status in ((blocked(), 400), (client_error("ThrottlingException", status=429), 429)):
        assert rename(talk, name, "zebra-4711", ME, verdict)[0] == status
    assert talk.listed()["conversations"][0]["title"] == "Mail of {EMAIL}"
    assert "ann@x.example" not in json.dumps(talk.table.all())
    assert "zebra" not in json.dumps(talk.table.all())


def test_a_deleted_conversation_has_no_title() -> None:
    """The tombstone has none, and none can be given; nor does a title bring the conversation back into the list."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    rename(talk, name, "Secret plan")
    talk.chat.conversations.delete(name, ME)
    assert "Secret" not in json.dumps(talk.table.all())
    assert rename(talk, name, "Again")[1]["error"]["code"] == "UnknownConversation"
    assert (talk.listed()["conversations"], "Again" in json.dumps(talk.table.all())) == ([], False)


def test_a_conversation_that_is_deleted_during_the_verdict_gets_no_title() -> None:
    """404, and the tombstone stays as it is."""
    talk = Talk()
    name = talk.post()[1]["conversation"]

    def deleting(_: Any) -> Any:
        talk.chat.conversations.delete(name, ME)
        return passed()

    guards = Guardrails(FakeClient("bedrock-runtime", apply_guardrail=deleting).client)
    api = ConversationsApi(talk.table.table, lambda: GUARDED, guards)
    reply = started(lambda: api.rename(name, b'{"title": "Plan"}', ME), ME, CallerQuota())
    assert (reply[0], "Plan" in json.dumps(talk.table.all())) == (404, False)


def test_anothers_conversation_is_not_renamed() -> None:
    """404 without a verdict, which would cost money."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    assert rename(talk, name, "Mine", OTHER)[0] == 404
    assert talk.listed()["conversations"][0]["title"] is None


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"x", b'{"title": 5}', b'{"title": "x", "id": "y"}', b'{"title": "' + b"x" * 201 + b'"}']
)
def test_a_wrong_title_is_refused(body: bytes) -> None:
    """400."""
    talk = Talk()
    name = talk.post()[1]["conversation"]
    reply = started(lambda: talk.chat.conversations.rename(name, body, ME), ME, CallerQuota())
    assert (reply[0], reply[1]["error"]["code"]) == (400, "InvalidRequest")
