"""The execution's request: what is accepted, and which member a refusal names."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.evaluation.items import part_characters
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.prompts import Passage, Question
from stepguard.guard.request import (
    ANSWER_BYTES,
    PASSAGE_CHARACTERS,
    PASSAGE_ID_CHARACTERS,
    PASSAGES,
    QUESTION_CHARACTERS,
    REQUEST_BYTES,
    STATE_BYTES,
    TEXT_BYTES,
    Kind,
    Request,
    check_size,
    from_document,
    json_bytes,
    passages_of,
)
from stepguard.guard.texts.chunking import cut

PASSAGE = {"id": "p1", "text": "A passage."}


@pytest.mark.parametrize(
    "request_",
    [
        Request("Why?", "me"),
        Request("Why?", "me", passages=(Passage("p1", "A passage."),)),
        Request("A document.", "me", Kind.DOCUMENT),
        Request(
            "", "me", Kind.RESPONSE, (Passage("1", "x"),), "Why?", "Because.", {"model": {"id": "a", "version": "1"}}
        ),
    ],
    ids=lambda request: str(request.kind),
)
def test_a_request_survives_the_document(request_: Request) -> None:
    """What a starter writes is what the stages read."""
    assert from_document(request_.to_document()) == request_


def test_optional_members_are_left_out() -> None:
    """The document holds what was given, nothing else."""
    assert Request("Why?", "me").to_document() == {"kind": "prompt", "text": "Why?", "caller": "me"}


def test_a_prompt_is_the_default_kind() -> None:
    """`{text}` is a question of an unknown caller."""
    assert from_document({"text": "Why?"}) == Request("Why?", "unknown")


def test_the_input_layer_looks_at_what_the_person_wrote() -> None:
    """The question or document; of a given response, the query it answers."""
    assert Request("Why?", "me").input_text == "Why?"
    assert Request("text", "me", Kind.RESPONSE, query="Why?", completion="x").input_text == "Why?"
    assert Request("text", "me", Kind.RESPONSE, completion="x").input_text == ""
    assert Request("Why?", "me", passages=(Passage("1", "x"),)).question == Question("Why?", (Passage("1", "x"),))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "The execution's input must be"),
        ([], "The execution's input must be"),
        ({}, "request.text must not be empty"),
        ({"text": " \n"}, "request.text must not be empty"),
        ({"text": 5}, "request.text must be a string"),
        ({"text": "x", "kind": "poem"}, "request.kind must be one of prompt, document, response"),
        ({"text": "x", "kind": ["prompt"]}, "request.kind must be one of"),
        ({"text": "x", "caller": []}, "request.caller must be a string"),
        ({"text": "x", "caller": {"id": "me", "groups": "staff"}}, "request.caller.groups must be a list"),
        ({"text": "x", "caller": {"id": "me", "tenant": 1}}, "request.caller.tenant must be a string"),
        ({"text": "x", "query": 1}, "request.query must be a string"),
        ({"kind": "response", "query": "x"}, "needs 'completion'"),
        ({"kind": "response", "completion": 1}, "request.completion must be a string"),
        ({"text": "\ud800"}, "request.text is not valid Unicode"),
        ({"text": "x", "passages": {}}, "'passages' must be a list"),
        ({"text": "x", "passages": ["x"] * (PASSAGES + 1)}, f"at most {PASSAGES}"),
        ({"text": "x", "passages": [PASSAGE, 1]}, r"passages\[1\] must be an object"),
        ({"text": "x", "passages": [[[]]]}, r"passages\[0\] must be an object"),
        ({"text": "x", "passages": [{"id": "1"}]}, r"passages\[0\] must be an object"),
        ({"text": "x", "passages": [{"text": "  "}]}, r"passages\[0\] must be an object"),
        ({"text": "x", "passages": [" "]}, r"passages\[0\] must be an object"),
        ({"text": "x", "passages": [PASSAGE | {"id": 1}]}, r"passages\[0\].id must be a string"),
        ({"text": "x", "passages": [PASSAGE | {"id": ""}]}, r"passages\[0\].id must be a string"),
        ({"text": "x", "passages": [PASSAGE | {"id": "x" * (PASSAGE_ID_CHARACTERS + 1)}]}, r"passages\[0\].id"),
        ({"text": "x", "passages": [PASSAGE | {"id": "\udfff"}]}, r"passages\[0\] is not valid Unicode"),
        ({"text": "x", "passages": ["\udfff"]}, r"passages\[0\] is not valid Unicode"),
        ({"text": "x", "passages": ["x" * (PASSAGE_CHARACTERS + 1)]}, r"passages\[0\].text is longer"),
        ({"text": "x", "guardrails": {}}, "request.guardrails is empty"),
        ({"text": "x", "guardrails": {"model": {"id": "None", "version": "1"}}}, "model: 'None' is not a guardrail's"),
        (
            {"text": "x", "guardrails": {"model": {"id": "a", "version": " "}}},
            "' ' is not a guardrail's version",
        ),
        ({"text": "x", "guardrails": {"model": {"id": "  ", "version": "1"}}}, "'  ' is not a guardrail's identifier"),
        ({"text": "x", "guardrails": "all"}, "request.guardrails must be an object"),
        ({"text": "x", "guardrails": {"first": {"id": "a", "version": "1"}}}, "must map preprocess, model or"),
        ({"text": "x", "guardrails": {"model": "a"}}, "must map preprocess, model or postprocess"),
        ({"text": "x", "guardrails": {"model": {"id": "a"}}}, "must map preprocess, model or postprocess"),
        ({"text": "x", "guardrails": {"model": {"id": "", "version": "1"}}}, "must map preprocess, model or"),
        ({"text": "x" * REQUEST_BYTES}, "the question counts twice; at most"),
    ],
)
def test_a_malformed_request_is_refused_by_member(document: Any, reason: str) -> None:
    """The message names the member and never repeats its value."""
    with pytest.raises(InvalidRequest, match=reason):
        from_document(document)


def test_plain_strings_are_numbered_passages() -> None:
    """A list of texts is enough; so is an object without an id."""
    assert passages_of(["One.", {"text": "Two."}]) == (Passage("1", "One."), Passage("2", "Two."))
    assert passages_of(None) == ()


def test_limits_are_inclusive() -> None:
    """Exactly the limit is allowed."""
    assert len(passages_of(["x"] * PASSAGES)) == PASSAGES
    assert passages_of([{"id": "i" * PASSAGE_ID_CHARACTERS, "text": "x" * PASSAGE_CHARACTERS}])
    spare = (REQUEST_BYTES - len('{"kind": "prompt", "text": "", "caller": "me"}""')) // 2
    assert from_document({"kind": "prompt", "text": "x" * spare, "caller": "me"}).caller == "me"
    with pytest.raises(InvalidRequest, match="the question counts twice; at most 140000 fit"):
        from_document({"kind": "prompt", "text": "x" * (spare + 1), "caller": "me"})


SCRIPTS = {"ASCII": "x", "umlauts": "ä", "CJK": "語", "emoji": "🩺", "controls": "\x01", "quotes": '"'}
"""A character of each width in JSON: 1, 2, 3, 4, 6 and 2 bytes."""


@pytest.mark.parametrize("letter", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("kind", ["prompt", "document", "response"])
def test_every_copy_of_the_largest_texts_fits_a_state(kind: str, letter: str) -> None:
    """The final document of the largest request that is accepted, with the largest answer; one character more is
    refused. A state may have 262,144 bytes, of which 26,144 are left for findings, names and messages."""

    def request(characters: int) -> dict[str, Any]:
        whole, rest = divmod(characters, 10)
        if kind == "prompt":
            passages = [{"id": str(number), "text": letter * whole} for number in range(9) if whole]
            return {"kind": kind, "text": letter * (whole + rest), "passages": passages, "caller": "me"}
        if kind == "document":
            return {"kind": kind, "text": letter * characters, "caller": "me"}
        texts = {"query": letter * whole, "completion": letter * (9 * whole + rest)}
        return {"kind": kind, "text": "", **texts, "caller": "me"}

    def refused(characters: int) -> bool:
        try:
            from_document(request(characters))
        except InvalidRequest:
            return True
        return False

    most = bisect_left(range(STATE_BYTES), True, lo=20, key=refused) - 1
    with pytest.raises(InvalidRequest, match="bytes as JSON"):
        from_document(request(most + 1))
    document = request(most)
    answer = document.get("completion") or (document["text"] if kind == "document" else "y" * (ANSWER_BYTES - 2))
    final = {
        "request": document,
        "input_guard": {"text": document.get("query", document["text"])},
        "model": {"text": "" if kind == "document" else answer},
        "answer_guard": {"answer": {"text": answer}},
        "answer": {"text": answer},
    }
    assert STATE_BYTES - 1_000 < json_bytes(final) < STATE_BYTES + 200


@pytest.mark.parametrize("letter", SCRIPTS.values(), ids=SCRIPTS)
def test_the_largest_parts_of_documents_fit(letter: str) -> None:
    """Whatever their script, although a part is measured in characters; one wide character is enough."""
    for text in (letter * 100_000, "x" * 30_000 + letter):
        for part in cut(text, part_characters(text)):
            check_size(Request(part.text, "evaluation/run", Kind.DOCUMENT))
            assert json_bytes(part.text) <= TEXT_BYTES + len('""')


def test_five_long_passages_are_accepted() -> None:
    """With the longest question, as documented."""
    document = {"text": "x" * QUESTION_CHARACTERS, "passages": ["y" * 19_000] * 5}

    assert from_document(document).question.passage_characters == 95_000


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just("response"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "text", "passages", "query", "completion", "guardrails", "caller", "id", "model"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    """No input of an execution makes the reader fail in any other way."""
    try:
        request = from_document(document)
    except InvalidRequest:
        return
    assert from_document(request.to_document()) == request
