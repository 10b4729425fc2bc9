"""The corpus of reviews: each question once, with the newest verdict, and what is there stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepguard.cli.review.corpus import add_rows, read_rows, write_rows
from stepguard.guard.errors import InvalidRequest


def row(name: str, text: str, expected: str) -> dict[str, Any]:
    """One decided question."""
    return {"id": name, "kind": "prompt", "text": text, "expected": expected, "category": "blocked: answer"}


def test_a_question_is_in_the_corpus_once(tmp_path: Path) -> None:
    """With the newest verdict; rows of earlier exports and of other hands stay, in their order."""
    file = tmp_path / "reviews.jsonl"
    write_rows(file, add_rows([], [row("a", "One?", "passed"), row("b", "Two?", "blocked")]).rows)
    written = add_rows(
        read_rows(file), [row("c", "Two?", "passed"), row("d", "Two?", "blocked"), row("e", "3?", "passed")]
    )
    assert (written.added, written.changed, written.same) == (1, 1, 1)
    write_rows(file, written.rows)
    assert [(item["id"], item["expected"]) for item in read_rows(file)] == [
        ("a", "passed"), ("c", "passed"), ("e", "passed"),
    ]  # fmt: skip
    assert add_rows(read_rows(file), [row("c", "Two?", "passed")]).changed == 0


def test_a_file_that_is_no_corpus_is_left_alone(tmp_path: Path) -> None:
    """It is named, with the line."""
    file = tmp_path / "notes.jsonl"
    file.write_text(json.dumps(row("a", "One?", "passed")) + "\nhello\n", encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"notes.jsonl, line 2: is not valid JSON"):
        read_rows(file)
    with pytest.raises(InvalidRequest, match="JSON lines"):
        read_rows(tmp_path / "reviews.csv")
    assert read_rows(tmp_path / "none.jsonl") == []
