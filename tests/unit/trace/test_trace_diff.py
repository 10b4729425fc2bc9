"""What changed between two JSON documents, and between two texts."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.trace.diff import WORDS, changes, masked_texts, text_changes

KEYS = st.text(max_size=4) | st.sampled_from(["a/b", "a~b", "~1", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def applied(document: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902, written anew here."""
    document = copy.deepcopy(document)
    for operation in operations:
        if operation["path"] == "":
            document = operation["value"]
            continue
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"][1:].split("/"))
        place = document
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if isinstance(place, list):
            if operation["op"] == "add":
                place.insert(int(last), operation["value"])
            elif operation["op"] == "remove":
                assert place.pop(int(last)) == operation["before"]
            else:
                place[int(last)] = operation["value"]
        elif operation["op"] == "remove":
            assert place.pop(last) == operation["before"]
        else:
            place[last] = operation["value"]
    return document


@given(JSON, JSON)
def test_applying_the_changes_gives_the_second_document(before: Any, after: Any) -> None:
    """Also with true and 1, empty keys, and keys that JSON Pointer escapes."""
    assert json.dumps(applied(before, changes(before, after)), sort_keys=True) == json.dumps(after, sort_keys=True)


@given(JSON)
def test_nothing_changed_is_no_change(document: Any) -> None:
    """A document differs from itself in nothing."""
    assert changes(document, copy.deepcopy(document)) == []


WORDED = st.lists(st.sampled_from(["a", "b", " ", "\n", "{EMAIL}", "x@y.example", ".", "é", "b b"]), max_size=25)


@given(WORDED.map("".join), WORDED.map("".join))
def test_the_parts_of_a_text_difference_are_both_texts(before: str, after: str) -> None:
    """Nothing is lost: kept and removed parts are the first text, kept and added ones the second."""
    segments = text_changes(before, after)

    assert "".join(text for op, text in segments if op != "+") == before
    assert "".join(text for op, text in segments if op != "-") == after
    assert all(text for _, text in segments)


def test_masks_are_found_with_what_they_stand_for() -> None:
    """Word by word, with the white space kept."""
    before = "I am Ann Lee, ann@x.example, call 555."
    segments = text_changes(before, "I am {NAME}, {EMAIL}, call 555.")

    assert segments == [
        ("=", "I am "), ("-", "Ann Lee"), ("+", "{NAME}"), ("=", ", "), ("-", "ann@x.example"), ("+", "{EMAIL}"),
        ("=", ", call 555."),
    ]  # fmt: skip
    assert masked_texts(segments) == {"Ann Lee": "NAME", "ann@x.example": "EMAIL"}


def test_texts_too_long_to_align_are_one_change() -> None:
    """The square of the words is not waited for."""
    before, after = ("a b " * WORDS, "b a " * WORDS)

    assert [op for op, _ in text_changes(f"same {before}", f"same {after}")][:3] == ["=", "-", "+"]


@pytest.mark.parametrize(("before", "after", "ops"), [("", "", ""), ("a", "", "-"), ("", "a", "+"), ("a", "a", "=")])
def test_empty_texts_have_parts_where_there_is_something(before: str, after: str, ops: str) -> None:
    """No segment is empty."""
    assert "".join(op for op, _ in text_changes(before, after)) == ops
