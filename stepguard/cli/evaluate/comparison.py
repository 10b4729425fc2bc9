"""`stepguard evaluate --compare A B`: what changed item by item between two runs, with McNemar's test."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stepguard.cli import render
from stepguard.cli.evaluate import output
from stepguard.cli.evaluate.output import RESULTS
from stepguard.evaluation.metrics import mcnemar
from stepguard.guard.errors import InvalidRequest
from stepguard.report.gates import CHANGES, RUN_METRICS, change_gates, gates_of
from stepguard.report.page import read_results
from stepguard.session.model import home_of

SHOWN = 40


def run(arguments: argparse.Namespace) -> int:
    """Compare two folders of results, or two runs of the state folder. Returns the exit code."""
    gates = gates_of(arguments.fail_under, arguments.fail_on)
    if wrong := [gate.name for gate in gates if gate.metric in RUN_METRICS]:
        raise InvalidRequest(f"{wrong[0]} is a limit of a run; those of a comparison are {', '.join(CHANGES)}.")
    first, second = (_results(name, arguments) for name in arguments.compare)
    report = compare(first, second)
    if not report["both"]:
        raise InvalidRequest("The two runs have no item in common: they have no id that is the same.")
    checked = [gate.check_changes(report) for gate in change_gates(gates)]
    if arguments.json:
        print(render.as_json(report | output.limits(checked)))
        return output.code_of(checked)
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
    output.print_limits(checked)
    return output.code_of(checked)


def compare(first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The changes, by id. Two items differ if the guards' action differs or other filters acted."""
    changes: Counter[str] = Counter()
    counts = dict.fromkeys(("judged", *CHANGES), 0)
    counts["missing"] = len(first.keys() - second.keys())
    items: list[dict[str, Any]] = []
    only_first = only_second = 0
    for identifier in sorted(first.keys() & second.keys()):
        a, b = first[identifier], second[identifier]
        for name in _counted(a, b):
            counts[name] += 1
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
        "counts": counts,
        "mcnemar": {
            "only_first_right": only_first,
            "only_second_right": only_second,
            "p": mcnemar(only_first, only_second),
        },
        "items": items,
    }


def _counted(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    """The counts that an item adds to. One that was right and now has no verdict is newly wrong."""
    if (a["action"], a["filters"]) != (b["action"], b["filters"]):
        yield "changed"
    if a["correct"] is None or not b["labelled"]:
        return
    yield "judged"
    if a["correct"] and not b["correct"]:
        yield "newly-wrong"
        if b["correct"] is False:
            yield "newly-missed" if b["action"] == "passed" else "newly-needless"
    elif b["correct"] and not a["correct"]:
        yield "newly-right"


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
        "labelled": "expected" in line,
        "filters": {f"{item['policy']}/{item['name']}" for item in acting},
        "excerpt": line["excerpt"],
    }
