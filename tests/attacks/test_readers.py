"""A caller without the group tries to get words of a staff document by every route that shows an execution."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.chat_api import ChatApi
from functions.guard_answer import guard_answer
from functions.retrieve_passages import retrieve_passages
from functions.rewrite_question import rewrite_question
from functions.routes import Reply
from stepguard.aws.executions import Executions
from stepguard.evaluation.answers.retrieval import retrieval_of
from stepguard.evaluation.items import item_of
from stepguard.evaluation.map_items import map_lines
from stepguard.guard.callers import Caller, groups_of, read_caller, with_groups
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.knowledge import Access, KnowledgeSettings
from stepguard.guard.request import from_document
from stepguard.guard.turns import kept, read_turn
from tests.fakes.aws import FakeClient
from tests.fakes.chat import DEFAULTS
from tests.unit.functions.test_conversations import Talk
from tests.unit.functions.test_executions_api import MACHINE, Place, execution

SECRET = "4711"
STAFF = Caller("me", frozenset({"staff"}))
PATIENT = Caller("me")
BOSS, CHIEF = Caller("boss", frozenset({"operators"})), Caller("chief", frozenset({"operators", "staff"}))
PASSAGE = {
    "id": "c1", "text": f"The code is {SECRET}.", "uri": f"s3://b/documents/{SECRET}.md", "title": f"{SECRET}.md",
    "page": None, "score": 0.9, "groups": ["staff"], "screened": True,
}  # fmt: skip
CITATION = {
    "n": 1, "id": "c1", "title": f"{SECRET}.md", "uri": f"s3://b/documents/{SECRET}.md", "page": None,
    "excerpt": f"The code is {SECRET}.", "score": 0.9, "groups": ["staff"],
}  # fmt: skip


def run() -> dict[str, Any]:
    """An execution of `me` that was answered from a staff document."""
    described = execution("one", "me")
    output = json.loads(described["output"])
    output["context"] = {"passages": {"outcome": "found", "passages": [PASSAGE]}, "result": "ask_model"}
    output["answer"] = {
        "text": f"It is {SECRET} [1].", "outcome": "answered", "source": "KNOWLEDGE BASE", "got_hits": 1,
        "citations": [CITATION],
    }  # fmt: skip
    return described | {"output": json.dumps(output)}


def chat(described: dict[str, Any]) -> ChatApi:
    """The chat API in front of this execution, without a table."""
    client = FakeClient("stepfunctions", describe_execution=lambda request: described)
    return ChatApi(Executions(MACHINE, client.client), operators=lambda: frozenset({"operators"}))


def shown(reply: Reply) -> str:
    """Everything that the caller gets."""
    return json.dumps(reply[1], default=str) + json.dumps(reply[2])


@pytest.mark.parametrize("caller", [PATIENT, BOSS])
def test_an_answer_from_a_document_is_shown_to_its_readers_only(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who left the group after the question, and an operator outside of it: no text, no source, no link."""
    api = chat(run())
    status, body, _ = reply = api.get_chat("one", caller)
    assert (status, body["answer"]["withheld"]) == (200, True)
    assert SECRET not in shown(reply)
    link = api.get_source("one", "1", caller)
    assert link[0] == 404
    assert SECRET not in shown(link)
    monkeypatch.setattr(
        "stepguard.aws.objects.Objects.link", lambda self, address, name, seconds: f"{address} {seconds}"
    )
    assert SECRET in shown(api.get_chat("one", STAFF))
    assert api.get_source("one", "1", STAFF)[1] == {"link": f"s3://b/documents/{SECRET}.md 300", "seconds": 300}
    assert api.get_source("one", "2", STAFF)[0] == 404


@pytest.mark.parametrize("caller", [PATIENT, BOSS])
def test_traces_and_events_hide_documents_from_others(caller: Caller) -> None:
    """Also from operators who are not in the group."""
    place = Place(run())
    for reply in (place.api.get("one", {}, caller), place.api.events("one", {}, caller)):
        assert reply[0] == 200
        assert SECRET not in shown(reply)
    listed = place.api.search({}, caller)
    assert SECRET not in shown(listed)
    assert SECRET in shown(place.api.get("one", {}, CHIEF))


@pytest.mark.parametrize("groups", [(), ("operators",)])
def test_a_conversation_withholds_answers_from_documents_of_a_group_that_was_left(groups: tuple[str, ...]) -> None:
    """The caller's own conversation, and its own question: the answer came from a document of the group."""
    talk = Talk()
    first = talk.post(caller=STAFF)
    talk.answer(first, texts=kept("Why?", f"It is {SECRET} [1].", [["staff"], ["everyone"]]))
    second = talk.post(first[1]["conversation"], STAFF)
    talk.answer(second, texts=kept("And?", "Open to all.", [["everyone"]]))
    name = first[1]["conversation"]
    left = talk.chat.conversations.get(name, Caller("me", frozenset(groups)))
    assert SECRET not in shown(left)
    assert [(turn["question"], turn.get("withheld", False)) for turn in left[1]["turns"]] == [
        ("Why?", True), ("And?", False),
    ]  # fmt: skip
    assert left[1]["turns"][0]["answer"] == DEFAULTS.empty_message
    assert SECRET in shown(talk.chat.conversations.get(name, STAFF))


@pytest.mark.parametrize(("groups", "count"), [(["staff"], 2), ([], 1)])
def test_no_model_gets_an_earlier_answer_that_its_caller_may_not_read_now(groups: list[str], count: int) -> None:
    """Neither the one that rewrites nor, by its result, the one that answers."""
    secret = kept("Why?", f"It is {SECRET}.", [["staff"]])
    items = [
        {"turn": {"S": f"{number}#chat"}, "texts": {"L": [texts]}, "expires": {"N": "2000"}}
        for number, texts in ((2, secret), (1, kept("When?", "Daily.")))
    ]
    request = {"kind": "prompt", "text": "And?", "caller": {"id": "me", "groups": groups, "tenant": None}}
    result = rewrite_question({"request": request, "text": "And?", "items": items}, DEFAULTS, now=lambda: 1_000.0)
    assert len(result["turns"]) == count
    assert (SECRET in json.dumps(result)) is bool(groups)


def test_the_kept_turn_of_an_answer_names_the_readers_of_what_it_cites() -> None:
    """As GuardAnswer writes it for RecordAnswer."""
    place = {"id": "conv", "turn": "2026-11-30T00:00:00.000Z#chat", "first": True}
    document = {
        "request": {"kind": "prompt", "text": "Why?", "caller": "me", "conversation": place},
        "input_guard": {"outcome": "passed", "text": "Why?"},
        "context": {"passages": {"passages": [PASSAGE]}, "passage_guard": {"kept": [1]}, "result": "ask_model"},
        "model": {"outcome": "passed", "text": "So [1].", "citations": {"numbers": [1], "sources": []}},
    }
    texts = guard_answer({"document": document}, replace(DEFAULTS, unguarded=True))["turn"]
    turn = read_turn({"turn": {"S": "1#chat"}, "texts": {"L": [texts]}})
    assert (turn.answer, turn.readers) == ("So [1].", (("staff",),))
    assert (turn.readable(["staff"]), turn.readable(["ward"])) == (True, False)


LAYERS = {"preprocess": {"id": "abc123abc123", "version": "1"}}


@pytest.mark.parametrize("claimed", [{"caller": {"id": "me", "groups": ["staff"]}}, {"groups": ["staff"]},
                                     {"kind": "prompt", "caller": "staff", "tenant": "north"}])  # fmt: skip
def test_a_corpus_gets_no_words_of_a_groups_document(claimed: dict[str, Any]) -> None:
    """A row cannot name a caller: its question searches as one without groups, and its result holds names only of what
    that search found."""
    (line,) = map_lines(item_of({"prompt": "Which code?", "sources": [f"{SECRET}.md"], **claimed}, 1), 1, LAYERS, "run")
    request = from_document(line["request"])
    assert (request.groups, request.tenant) == ((), None)
    client = FakeClient("bedrock-agent-runtime", retrieve={"retrievalResults": []})
    knowledge = KnowledgeSettings("KB12345678", Access.GROUPS)
    document = {"request": line["request"], "input_guard": {"text": "Which code?"}}
    found = retrieve_passages({"document": document}, replace(DEFAULTS, knowledge=knowledge), client.client)
    asked = json.dumps(client.bodies("retrieve"))
    assert "everyone" in asked
    assert "staff" not in asked
    result = retrieval_of({**document, "context": {"passages": found}}, ["other.md"])
    assert SECRET not in json.dumps(result)


def test_a_service_that_ignores_the_filter_gives_an_evaluation_nothing() -> None:
    """Each passage is checked again."""
    leaked = {
        "content": {"type": "TEXT", "text": PASSAGE["text"]},
        "location": {"type": "S3", "s3Location": {"uri": PASSAGE["uri"]}},
        "metadata": {"groups": ["staff"], "stepguard_screening": "passed"},
    }
    client = FakeClient("bedrock-agent-runtime", retrieve={"retrievalResults": [leaked]})
    knowledge = KnowledgeSettings("KB12345678", Access.GROUPS)
    document = {"request": {"kind": "prompt", "text": "?", "caller": "evaluation/run"}, "input_guard": {"text": "?"}}
    found = retrieve_passages({"document": document}, replace(DEFAULTS, knowledge=knowledge), client.client)
    assert SECRET not in json.dumps(found)
    line = retrieval_of({**document, "context": {"passages": found}}, [])
    assert line is not None
    assert line["found"] == []


def test_groups_come_from_the_token_or_the_deployment_only() -> None:
    """A header, a body or a query adds none; a user of a pool gets none from the map of IAM callers."""
    session = "arn:aws:sts::111122223333:assumed-role/Ward/ann"
    given = groups_of('{"arn:aws:iam::111122223333:role/path/Ward": ["staff"]}')
    assert with_groups(Caller(session), given).groups == {"staff"}
    assert with_groups(Caller(session.replace("Ward", "Wards")), given).groups == frozenset()
    assert with_groups(Caller(session.replace("1111", "2222")), given).groups == frozenset()
    assert with_groups(Caller(session, pooled=True), given).groups == frozenset()
    event = {"identity": {"userArn": session}, "groups": ["staff"], "authorizer": {"groups": "staff"}}
    assert read_caller(event).groups == frozenset()
    claims = {"sub": "s", "cognito:groups": "staff,ward", "custom:tenant": "north"}
    assert read_caller({"authorizer": {"claims": claims}}) == Caller(
        "s", frozenset({"staff", "ward"}), pooled=True, tenant="north"
    )


@pytest.mark.parametrize("text", ["[]", "{", '{"*": ["staff"]}', '{"arn:aws:iam::1:role/x": ["a"]}',
                                  '{"arn:aws:iam::111122223333:role/x": "staff"}'])  # fmt: skip
def test_a_map_that_cannot_be_read_is_an_error(text: str) -> None:
    """It names the variable, and nobody gets a group."""
    with pytest.raises(ConfigurationError, match="CALLER_GROUPS"):
        groups_of(text)
