"""comparison.html: the items of two runs side by side, those that changed first. No script; texts only as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.report.page import table_of, text_of

MOST_ROWS = 5000
"""The most items of the page; --json lists every change."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class Row:
    """An item of both runs: actions, findings with their scores, and whether each action was the expected one."""

    id: str
    changed: bool
    expected: str
    actions: tuple[str, str]
    scores: tuple[str, str]
    correct: tuple[bool | None, bool | None]
    excerpt: str

    @property
    def rank(self) -> tuple[bool, bool, str]:
        """Newly wrong items first, then other changes."""
        return not (self.correct[0] and self.correct[1] is not True), not self.changed, self.id


def page_of(report: Mapping[str, Any], rows: list[Row], first: str, second: str) -> str:
    """The page."""
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    chosen = sorted(rows, key=lambda row: row.rank)[:MOST_ROWS]
    test, counts = report["mcnemar"], report["counts"]
    facts = [
        ("A", first),
        ("B", second),
        ("items in both", report["both"]),
        ("only in A, only in B", f"{report['only_first']}, {report['only_second']}"),
        ("right in A alone, in B alone", f"{test['only_first_right']}, {test['only_second_right']}"),
        ("McNemar's exact test", f"p = {test['p']:.4g}"),
        *((name.replace("-", " "), counts[name]) for name in ("changed", "newly-wrong", "newly-right")),
    ]
    listed = "".join(f"<dt>{text_of(name)}</dt><dd>{text_of(value)}</dd>" for name, value in facts)
    head = ("item", "expected", "A", "B", "findings in A", "findings in B", "right in A, B", "text")
    changed = [_cells(row) for row in chosen if row.changed]
    same = [_cells(row) for row in chosen if not row.changed]
    other = [(identifier,) for identifier in report["other_text"][:MOST_ROWS]]
    more = f"<p class=note>The page has {len(chosen):,} of {len(rows):,} items.</p>" if len(chosen) < len(rows) else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Comparison of {text_of(first)} and {text_of(second)}</title><style>{style}</style></head><body><main>"
        f"<h1>Comparison of two evaluations</h1><dl>{listed}</dl>{more}"
        f"{table_of('Changed', head, changed)}{table_of('Ids with another text in B', ('item',), other)}"
        f"{table_of('Unchanged', head, same)}</main></body></html>\n"
    )


def _cells(row: Row) -> tuple[str, ...]:
    right = ", ".join("–" if value is None else "yes" if value else "no" for value in row.correct)
    return row.id, row.expected, *row.actions, *row.scores, right, row.excerpt
