"""`stepguard evaluate --compare A B`: what changed item by item between two runs, with McNemar's test."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from stepguard.cli import render
from stepguard.cli.evaluate.output import RESULTS
from stepguard.evaluation.metrics import mcnemar
from stepguard.guard.errors import InvalidRequest
from stepguard.report.page import read_results
from stepguard.session.model import home_of

SHOWN = 40


def run(arguments: argparse.Namespace) -> int:
    """Compare two folders of results, or two runs of the state folder. Returns the exit code."""
    first, second = (_results(name, arguments) for name in arguments.compare)
    report = compare(first, second)
    if arguments.json:
        print(render.as_json(report))
        return 0
    print(f"{report['both']} items in both runs, {report['only_first']} only in A, {report['only_second']} only in B")
    for change, count in report["changes"].items():
        print(f"  {count:>6}  {change}")
    test = report["mcnemar"]
    print(
        f"right in A alone: {test['only_first_right']}, right in B alone: {test['only_second_right']}; "
        f"McNemar's exact test: p = {test['p']:.4g}"
    )
    for item in report["items"][:SHOWN]:
        print(render.plain(f"  {item['id']}: {item['first']} -> {item['second']}  {item['excerpt'][:80]}"))
    left = len(report["items"]) - SHOWN
    if left > 0:
        print(f"  and {left} more; --json lists all")
    return 0


def compare(first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The changes, by id. Two items differ if the guards' action differs or other filters acted."""
    changes: Counter[str] = Counter()
    items: list[dict[str, Any]] = []
    only_first = only_second = 0
    for identifier in sorted(first.keys() & second.keys()):
        a, b = first[identifier], second[identifier]
        if a["correct"] is not None and b["correct"] is not None and a["correct"] != b["correct"]:
            only_first, only_second = only_first + bool(a["correct"]), only_second + bool(b["correct"])
        if (a["action"], a["filters"]) == (b["action"], b["filters"]):
            continue
        same = a["action"] == b["action"]
        changes[f"{a['action']}, by other filters" if same else f"{a['action']} -> {b['action']}"] += 1
        items.append(
            {
                "id": identifier,
                "first": a["action"],
                "second": b["action"],
                "gone": sorted(a["filters"] - b["filters"]),
                "new": sorted(b["filters"] - a["filters"]),
                "correct": [a["correct"], b["correct"]],
                "excerpt": b["excerpt"],
            }
        )
    return {
        "both": len(first.keys() & second.keys()),
        "only_first": len(first.keys() - second.keys()),
        "only_second": len(second.keys() - first.keys()),
        "changes": dict(sorted(changes.items())),
        "mcnemar": {
            "only_first_right": only_first,
            "only_second_right": only_second,
            "p": mcnemar(only_first, only_second),
        },
        "items": items,
    }


def _results(name: str, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The run's results by item, only the members that the comparison needs. Raises InvalidRequest."""
    places = (Path(name).expanduser(), home_of(arguments.home) / "evaluations" / Path(name).name)
    file = next((place / RESULTS for place in places if (place / RESULTS).is_file()), None)
    if file is None:
        raise InvalidRequest(
            f"{name}: is neither a folder with {RESULTS} nor a run in this state folder's "
            "evaluations/. Of a run with --out give that folder; --resume RUN fetches the results of any run again."
        )
    try:
        return {line["id"]: _kept(line) for line in read_results(file)}
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest(f"{file}: is not a file of results.") from None


def _kept(line: dict[str, Any]) -> dict[str, Any]:
    acting = [item for stage in line["stages"] for item in stage["findings"] if item["action"] != "NONE"]
    return {
        "action": line["action"],
        "correct": line["correct"],
        "filters": {f"{item['policy']}/{item['name']}" for item in acting},
        "excerpt": line["excerpt"],
    }
