"""What a report shows of an item's text: pieces of long texts, marks, the parts in which a guard acted."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from stepguard.evaluation.detail import WHOLE_CHARACTERS, pieces_of
from stepguard.evaluation.results import Result, merge, result_of
from stepguard.guard.texts.chunking import Chunk, cut
from tests.unit.evaluation.test_scorecard import VIOLENCE, finding, record

EMAIL = finding("sensitive_information", "EMAIL", "ANONYMIZED")


def test_a_short_text_is_whole() -> None:
    """Up to the limit, with its marks."""
    text = "x" * WHOLE_CHARACTERS
    assert pieces_of([Chunk(0, text)], [(5, 9)]) == [Chunk(0, text)]


@pytest.mark.parametrize("limit", [40, 400, WHOLE_CHARACTERS])
def test_pieces_are_of_the_text_and_within_the_limit(limit: int) -> None:
    """In order, without overlap; each begins where it says."""
    text = " ".join(str(number) for number in range(10_000))
    pieces = pieces_of(cut(text, 20_000), [(30_000, 30_010), (19_990, 20_100), (30_005, 30_020)], [18_900], limit)
    assert sum(len(piece.text) for piece in pieces) <= limit
    assert all(text.startswith(piece.text, piece.start) for piece in pieces)
    assert all(one.end < other.start for one, other in itertools.pairwise(pieces))
    again = pieces_of(pieces, [(30_000, 30_010)], limit=limit // 4)
    assert sum(len(piece.text) for piece in again) <= limit // 4
    assert all(text.startswith(piece.text, piece.start) for piece in again)


def test_spans_of_a_long_text_are_in_its_pieces() -> None:
    """Also at the very end."""
    text = "a" * 50_000
    pieces = pieces_of(cut(text, 20_000), [(25_000, 25_005), (49_990, 50_000)])
    assert [(piece.start, piece.end) for piece in pieces] == [(0, 600), (24_880, 25_125), (49_870, 50_000)]


def long_item(*parts: dict[str, Any]) -> Result:
    """A document of so many parts of 100 characters, without overlap."""
    made = [
        record(0, "y" * 100, part=number, parts=len(parts), start=number * 100, **part)
        for number, part in enumerate(parts)
    ]
    return merge([result_of(entry)[0] for entry in made])


def test_the_parts_in_which_a_guard_acted_are_known() -> None:
    """Each with its characters, filters and execution."""
    line = long_item({}, {"findings": [VIOLENCE]}, {}).to_dict()
    assert line["acting"] == [
        {"part": 2, "start": 100, "end": 200, "action": "blocked", "filters": ["content/VIOLENCE"],
         "execution": "arn:0:1"}
    ]  # fmt: skip
    assert line["characters"] == 300


def test_marks_survive_a_blocked_part() -> None:
    """The spans of a document with a blocked part are unknown to the metrics, but the report marks those found."""
    masked = {"findings": [EMAIL], "masked": "y" * 90 + "{EMAIL}"}
    line = long_item(masked, {"findings": [VIOLENCE]}).to_dict()
    assert "found" not in line
    assert line["masks"] == [[90, 100, "EMAIL"]]


@pytest.mark.parametrize("stage", ["model", "answer_guard"])
def test_a_response_is_marked_where_a_later_layer_masked_it(stage: str) -> None:
    """Its completion is the judged text, its query is kept."""
    made = record(0)
    guard = {"outcome": "masked", "findings": [EMAIL], "scores": [], "text_units": {}, "blocked": False,
             "entered": "2026-01-01T00:00:00.150Z", "text": "write to {EMAIL}"}  # fmt: skip
    request = {"kind": "response", "text": "", "query": "How?", "completion": "write to a@example.com"}
    made["Input"] = json.dumps({"item": {"id": "r", "number": 0, "line": 1}, "request": request})
    made["Output"] = json.dumps({stage: guard, "answer": {"outcome": "masked", "source": "RESPONSE", "got_hits": 1}})
    line = result_of(made)[0].to_dict()
    assert (line["masks"], line["query"], line["excerpt"]) == ([[9, 22, "EMAIL"]], "How?", "write to a@example.com")


def test_a_text_that_is_its_excerpt_is_not_written_twice() -> None:
    """Only a text with other white space, or a longer one, is in the line."""
    assert "texts" not in result_of(record(0, "one line"))[0].to_dict()
    assert result_of(record(0, "two\n lines"))[0].to_dict()["texts"] == [[0, "two\n lines"]]
