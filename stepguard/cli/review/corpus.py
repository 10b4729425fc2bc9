"""The corpus of decided reviews: JSON lines, each question once, with the newest verdict on it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.evaluation.corpus import BadRow, read_file
from stepguard.guard.errors import ConfigurationError, InvalidRequest

_QUESTION = ("kind", "text", "query", "completion", "passages")


@dataclass(frozen=True, slots=True)
class Written:
    """The rows after an export: how many are new, how many got a newer verdict, and how many decisions have a newer
    one on the same question."""

    rows: list[dict[str, Any]]
    added: int
    changed: int
    same: int


def read_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a corpus that an earlier export wrote; none without the file. Raises StepguardError."""
    if file.suffix not in (".jsonl", ".ndjson"):
        raise InvalidRequest(f"{file}: a corpus of reviews is JSON lines; name it …jsonl.")
    if not file.exists():
        return []
    try:
        with file.open("rb") as stream:
            for entry in read_file(str(file), stream):
                if isinstance(entry, BadRow):
                    raise InvalidRequest(f"{entry}. Repair the row, or export to another file.")
        return [json.loads(line) for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}.") from None


def add_rows(kept: list[dict[str, Any]], new: Iterable[dict[str, Any]]) -> Written:
    """The kept rows with the new ones, which come the newest first."""
    rows = {_question(row): row for row in kept}
    seen: set[str] = set()
    added = changed = same = 0
    for row in new:
        question = _question(row)
        if question in seen:
            same += 1
            continue
        seen.add(question)
        before = rows.get(question)
        added += before is None
        changed += before is not None and before.get("expected") != row.get("expected")
        rows[question] = row
    return Written(list(rows.values()), added, changed, same)


def write_rows(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write the corpus whole, so that an interrupted export leaves the old one. Raises ConfigurationError."""
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}.") from None


def _question(row: dict[str, Any]) -> str:
    return json.dumps([row.get(name) for name in _QUESTION], sort_keys=True)
