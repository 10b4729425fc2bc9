"""The items of a results.jsonl that continuous integration reports: what is wrong with each. No text of a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.report.page import read_results


@dataclass(frozen=True, slots=True)
class Checkable:
    """An item with a label, or without a verdict; `problem` is empty if it is as expected."""

    id: str
    line: int
    group: str
    problem: str
    kind: str
    details: str
    seconds: float


def checkable(results: Path) -> Iterator[Checkable]:
    """The items that are right or wrong, in the file's order; items without a label and with a verdict are neither."""
    for line in read_results(results):
        if line["action"] == "failed" or line["correct"] is not None:
            yield check_line(line)


def check_line(line: Mapping[str, Any]) -> Checkable:
    """What is wrong with the item of a line of results.jsonl, if anything is."""
    problem, kind = "", ""
    if line["action"] == "failed":
        problem, kind = f"no verdict: {line.get('error') or 'unknown error'}", "failed"
    elif line["correct"] is False:
        problem = f"expected {line['expected']}, found {line['action']}"
        missed, needless = line["action"] == "passed", line["expected"] == "passed"
        kind = "missed" if missed else "needless" if needless else "other-action"
    acting = [item for stage in line["stages"] for item in stage["findings"] if item["action"] != "NONE"]
    findings = ", ".join(dict.fromkeys(f"{item['policy']}/{item['name']}" for item in acting)) or "none"
    details = f"line {line['line']} of the corpus\nfindings: {findings}\nexecution: {line['execution']}"
    return Checkable(
        id=str(line["id"]),
        line=int(line["line"]),
        group=str(line.get("category") or ""),
        problem=problem,
        kind=kind,
        details=details,
        seconds=line["milliseconds"] / 1000,
    )
