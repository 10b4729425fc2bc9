"""Reading QnABot's import formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.formats.qnabot import read_import
from stepguard.guard.errors import InvalidRequest

ITEM: dict[str, Any] = {
    "qid": "A.1",
    "type": "qna",
    "q": ["Who are you?", " Your  name? "],
    "a": "A hospital.",
    "t": "us",
}
EXPORTED: dict[str, Any] = {
    "_id": "A.1", "l": "", "slots": [],
    "elicitResponse": {"responsebot_hook": "", "response_sessionattr_namespace": ""},
    "botRouting": {"specialty_bot": ""}, "conditionalChaining": "", "kendraRedirectQueryArgs": [""], "args": [""],
    "enableQidIntent": False, "clientFilterValues": "", "quniqueterms": "who",
}  # fmt: skip
"""The empty fields that QnABot's export writes into each item."""


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"qna": [ITEM, {**ITEM, "qid": "B", "q": ["Why?"]}]}, indent=2),
        json.dumps(ITEM) + "\n\n" + json.dumps({**ITEM, "qid": "B", "q": ["Why?"]}) + "\r\n",
        json.dumps([ITEM, {**ITEM, "qid": "B", "q": ["Why?"]}]),
        "\ufeff"
        + json.dumps({**ITEM, **EXPORTED})
        + "\n"
        + json.dumps({**ITEM, "qid": "B", "q": ["Why?"], **EXPORTED}),
    ],
    ids=["container", "lines", "list", "export"],
)
def test_every_container_gives_the_same_items(text: str) -> None:
    """The designer's file, and the lines of an import or export."""
    found = read_import(text, "f")
    assert [item.qid for item in found.items] == ["A.1", "B"]
    assert found.items[0].questions == ("Who are you?", "Your name?")
    assert (found.items[0].answer, found.items[0].topic) == ("A hospital.", "us")
    assert not found.left_out
    assert not found.unused


def test_one_item_alone_is_a_file_of_one_line() -> None:
    """It is an object without `qna`."""
    assert [item.qid for item in read_import(json.dumps(ITEM), "f").items] == ["A.1"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"l": "QNA-hook"}, "Lambda hook"),
        ({"slots": [{"slotName": "x"}]}, "slots"),
        ({"enableQidIntent": True}, "intent"),
        ({"elicitResponse": {"responsebot_hook": "QNAYesNo"}}, "dialogue"),
        ({"botRouting": {"specialty_bot": "x"}}, "another bot"),
        ({"conditionalChaining": "'next'"}, "chain"),
        ({"kendraRedirectQueryText": "x"}, "Kendra"),
        ({"clientFilterValues": "a"}, "filter of clients"),
        ({"type": "quiz", "q": None, "a": None}, "type quiz"),
        ({"type": "slottype"}, "type slottype"),
        ({"a": "Hi {{UserInfo.UserName}}"}, "Handlebars"),
        ({"alt": {"markdown": "{{#if x}}y{{/if}}"}}, "Handlebars"),
    ],
)
def test_an_item_that_needs_more_is_left_out_by_name(fields: dict[str, Any], reason: str) -> None:
    """A hook that does not run or a template that is not filled in would give another answer than the team's."""
    found = read_import(json.dumps({"qna": [{**ITEM, "qid": "X", **fields}, ITEM]}), "f")
    assert [item.qid for item in found.items] == ["A.1"]
    ((qid, why),) = found.left_out
    assert qid == "X"
    assert reason in why


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({}, "qid"),
        ({**ITEM, "qid": "a b"}, "white space"),
        ({**ITEM, "q": []}, "no question"),
        ({**ITEM, "q": "Why?"}, "list of questions"),
        ({**ITEM, "q": ["x" * 1001]}, "1000 characters"),
        ({**ITEM, "a": " "}, "a has no text"),
        ({**ITEM, "a": "x" * 8001}, "8000 characters"),
        ({**ITEM, "type": "text"}, "passage has no text"),
        ({**ITEM, "t": 3}, "t must be a text"),
        ({**ITEM, "alt": "x"}, "alt must"),
        ({**ITEM, "a": "\ud800"}, "half of a character"),
        (3, "not an object"),
    ],
)
def test_a_wrong_item_is_named_with_its_place(held: Any, words: str) -> None:
    """Nothing of the file is published."""
    with pytest.raises(InvalidRequest, match=words) as raised:
        read_import(json.dumps({"qna": [ITEM, held]}), "f")
    assert "item 2" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("{\n", "line 1: is not JSON"),
        (json.dumps(ITEM) + "\nx", "line 2: is not JSON"),
        ('{"qna": {}}', "not a list"),
        ("[" * 100_000, "nested too deeply|is not JSON"),
        (json.dumps({"qna": [ITEM, ITEM]}), "A.1: 2 items have this qid"),
        (json.dumps({"qna": [ITEM, {**ITEM, "qid": "B", "a": "No."}]}), "also a question of A.1"),
        (json.dumps({"qna": [{**ITEM, "l": "x"}]}), "no answer that can be published: A.1 needs"),
    ],
)
def test_a_file_that_cannot_be_published_says_why(text: str, words: str) -> None:
    """With the line, the qid, or what is missing."""
    with pytest.raises(InvalidRequest, match=words):
        read_import(text, "f")


def test_too_many_questions_are_for_the_knowledge_base() -> None:
    """2,000 are accepted, one more is refused with advice."""
    items = [{**ITEM, "qid": f"Q{number}", "q": [f"Question {number}?"]} for number in range(2_000)]
    assert read_import(json.dumps(items), "f").questions == 2_000
    with pytest.raises(InvalidRequest, match="knowledge base"):
        read_import(json.dumps([*items, ITEM]), "f")


def test_dont_know_answers_passages_and_fields_without_effect() -> None:
    """QnABot's `no_hits` question, its passage items, and what has no meaning here."""
    rows = [
        {**ITEM, "r": {"title": "Card"}, "tags": "x", "next": ""},
        {"qid": "N", "q": ["No_Hits"], "a": "Call us.", "t": "us", "language": "en"},
        {"qid": "P", "type": "text", "passage": "A long text."},
    ]
    found = read_import("\n".join(map(json.dumps, rows)), "f")
    assert [(item.qid, item.topic, item.language) for item in found.dont_know] == [("N", "us", "en")]
    assert (found.items[1].questions, found.items[1].texts) == ((), ("A long text.",))
    assert found.unused == {"r": 1, "tags": 1}
