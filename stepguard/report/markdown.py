"""The summary of a run as Markdown, for GITHUB_STEP_SUMMARY and comments on pull requests. No text of a corpus.

Names of corpora, items, topics and errors come from others: each of their characters with a meaning in Markdown or HTML
is written as a character reference.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from stepguard.report.gates import Checked, cost_of
from stepguard.report.items import checkable
from stepguard.report.summary import answers_of, format_rate, retrieval_of

ITEMS = 25
POLICIES = 25
CHARACTERS = 200
"""The most of a name; GitHub takes 1 MiB of a summary."""

_PLAIN = frozenset("-,./()%")
_MARKS = {ord(char): f"&#{ord(char)};" for char in string.punctuation if char not in _PLAIN}


def escape(text: object) -> str:
    """Text as Markdown that shows it and does nothing else: no markup, link, mention or line end."""
    words = re.sub(r"\s+", " ", "".join(char if char.isprintable() else " " for char in str(text))).strip()
    return (
        (f"{words[:CHARACTERS]}…" if len(words) > CHARACTERS else words).translate(_MARKS).replace("www.", "www&#46;")
    )


def summary_of(about: Mapping[str, Any], card: Mapping[str, Any], checked: Sequence[Checked], results: Path) -> str:
    """The summary."""
    kept = all(limit.passed for limit in checked)
    verdict = "✅ limits kept" if kept else "❌ limits not kept"
    actions = ", ".join(f"{count:,} {name}" for name, count in card["actions"].items())
    lines = [f"## {verdict}: evaluation of {escape(about.get('corpus'))}", ""]
    lines += _table(("limit", "kept", "result"), ((limit.name, _mark(limit.passed), limit.text) for limit in checked))
    lines += [f"{card['items']:,} items: {actions}; {card['bad_rows']:,} bad rows.", ""]
    if card["labelled"]:
        found = card["intervention"]
        rows = (
            ("as expected", format_rate(card["correct"])),
            ("recall of intervening", format_rate(found["recall"])),
            ("precision of intervening", format_rate(found["precision"])),
            ("false-positive rate", format_rate(found["false_positive_rate"])),
            ("missed", found["fn"]),
            ("intervened without need", found["fp"]),
        )
        lines += _table(("metric", "value"), rows)
    if answers := list(answers_of(card)):
        lines += ["### Answers", "", *(f"- {escape(line.strip())}" for line in answers), ""]
    if retrieved := list(retrieval_of(card)):
        lines += ["### Retrieval", "", *(f"- {escape(line.strip())}" for line in retrieved), ""]
    cost = cost_of(card)
    lines += [f"Cost on AWS at list prices: {'a price is unknown' if cost is None else f'about ${cost:.4f}'}.", ""]
    wrong = list(islice((item for item in checkable(results) if item.problem), ITEMS))
    if wrong:
        lines += [f"### Items to check (the first {len(wrong)})", ""]
        lines += _table(("item", "line", "problem"), ((item.id, item.line, item.problem) for item in wrong))
    groups = list(card.get("groups", {}).items())[:POLICIES]
    if groups:
        lines += ["### Categories", ""]
        lines += _table(
            ("category", "labelled", "as expected", "missed", "needless"),
            ((name, row["labelled"], format_rate(row["correct"]), row["fn"], row["fp"]) for name, row in groups),
        )
    policies = [row for row in card["policies"] if "/" in row["policy"]]
    if policies:
        chosen = sorted(policies, key=lambda row: (-row["intervened"], row["policy"]))[:POLICIES]
        lines += ["### Filters", ""]
        lines += _table(
            ("filter", "acted", "missed", "needless", "precision", "recall"),
            (
                (row["policy"], row["intervened"], row.get("fn", ""), row.get("fp", ""),
                 format_rate(row.get("precision")), format_rate(row.get("recall")))
                for row in chosen
            ),
        )  # fmt: skip
    lines += [f"Run {escape(about.get('run'))}. The texts are in report.html of the run's folder.", ""]
    return "\n".join(lines)


def _mark(passed: bool) -> str:
    return "✅" if passed else "❌"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    body = ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body, ""] if body else []
