"""The items of a run, filtered, in pages, and next to those of another run."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.evaluation.browsing import CHANGES, compared, item_of, page_of, wanted_of


def line(identifier: str, action: str, expected: str | None = None, **members: Any) -> dict[str, Any]:
    """A line of results.jsonl."""
    correct = None if expected is None else action == expected
    found = {"policy": "content", "name": "HATE", "action": "BLOCKED", "confidence": "HIGH"}
    seen = {**found, "name": "INSULTS", "action": "NONE", "confidence": "LOW"}
    idle = {**seen, "confidence": "NONE"}
    stages = [{"state": "GuardInput", "findings": [found, found] if action == "blocked" else []}]
    full = {"number": 0, "id": identifier, "action": action, "expected": expected, "correct": correct, "digest": "d"}
    return {**full, "stages": stages, "scores": [seen, idle], "excerpt": f"Text of {identifier}", **members}


def ids(items: list[dict[str, Any]], **query: str) -> list[str]:
    """The ids of the wanted items."""
    return [item["id"] for item in page_of(items, wanted_of(query), 0, 100)["items"]]


def test_an_item_shows_what_acted_once_and_scores_above_nothing() -> None:
    """A list needs no idle scores and no second copy of a finding."""
    item = item_of(line("a", "blocked", "passed"))
    assert [finding["name"] for finding in item["findings"]] == ["HATE"]
    assert [score["name"] for score in item["scores"]] == ["INSULTS"]
    assert item["correct"] is False


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"action": "blocked"}, ["a"]),
        ({"expected": "masked"}, ["b"]),
        ({"correct": "no"}, ["b"]),
        ({"correct": "yes"}, ["a"]),
        ({"correct": "unlabelled"}, ["c"]),
        ({"policy": "content"}, ["a"]),
        ({"policy": "content/HATE"}, ["a"]),
        ({"policy": "HATE"}, []),
        ({"text": "TEXT OF C"}, ["c"]),
        ({"text": "nothing"}, []),
    ],
)
def test_items_are_filtered(query: dict[str, str], expected: list[str]) -> None:
    """Each filter by itself."""
    lines = [line("a", "blocked", "blocked"), line("b", "passed", "masked"), line("c", "passed", excerpt="text of C")]
    assert ids([item_of(one) for one in lines], **query) == expected


def test_pages_reach_every_item_once() -> None:
    """Until the cursor is None."""
    items = [item_of(line(str(number), "passed")) for number in range(7)]
    seen, start = [], 0
    while True:
        page = page_of(items, wanted_of({}), start, 3)
        assert (page["total"], page["matching"]) == (7, 7)
        seen += [item["id"] for item in page["items"]]
        if page["cursor"] is None:
            break
        start = int(page["cursor"])
    assert seen == [str(number) for number in range(7)]


def test_changed_items_come_first() -> None:
    """The newly wrong before all others; each has its namesake beside it."""
    here = [
        line("same", "passed", "passed"),
        line("only", "passed"),
        line("text", "passed", digest="e"),
        line("scores", "passed", scores=[]),
        line("verdict", "masked"),
        line("right", "blocked", "blocked"),
        line("wrong", "passed", "blocked"),
    ]
    there = [line(one["id"], "passed", one["expected"]) for one in here if one["id"] != "only"]
    there[-2] = line("right", "passed", "blocked")
    there[-1] = line("wrong", "blocked", "blocked")
    both = compared(map(item_of, here), map(item_of, there))

    assert [item["id"] for item in both] == ["wrong", "right", "verdict", "scores", "text", "only", "same"]
    assert [item["change"] for item in both] == list(CHANGES)
    assert both[0]["other"]["action"] == "blocked"
    assert both[5]["other"] is None
    assert ids(both, change="any") == ["wrong", "right", "verdict", "scores", "text", "only"]
    assert ids(both, change="newly wrong") == ["wrong"]


@pytest.mark.parametrize("query", [{"correct": "maybe"}, {"change": "x"}])
def test_unknown_values_are_errors_that_list_the_known(query: dict[str, str]) -> None:
    """In words."""
    with pytest.raises(ValueError, match="is one of"):
        wanted_of(query)
