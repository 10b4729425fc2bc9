"""`stepguard evaluate --compare A B`: what changed item by item between two runs, with McNemar's test."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stepguard.cli import render
from stepguard.cli.evaluate import output
from stepguard.cli.evaluate.output import RESULTS
from stepguard.cli.evaluate.traffic import RECORDED
from stepguard.evaluation.metrics import mcnemar
from stepguard.guard.errors import InvalidRequest
from stepguard.report.comparison import Row, page_of
from stepguard.report.gates import CHANGES, RUN_METRICS, change_gates, gates_of
from stepguard.report.page import read_results
from stepguard.session.model import home_of

SHOWN = 40
PAGE = "comparison.html"


def run(arguments: argparse.Namespace) -> int:
    """Compare two folders of results, or two runs of the state folder. Returns the exit code."""
    gates = gates_of(arguments.fail_under, arguments.fail_on)
    if wrong := [gate.name for gate in gates if gate.metric in RUN_METRICS]:
        raise InvalidRequest(f"{wrong[0]} is a limit of a run; those of a comparison are {', '.join(CHANGES)}.")
    for option in ("junit", "summary", "baseline"):
        if getattr(arguments, option, None):
            raise InvalidRequest(f"--{option} is for a run: leave it out, or evaluate with --baseline RUN.")
    first, second = (find(name, arguments.home) for name in arguments.compare)
    report, rows = compare(read(first), read(second))
    checked = [gate.check_changes(report) for gate in change_gates(gates)]
    page = write_page(Path(arguments.out).expanduser() if arguments.out else second.parent, report, rows, first, second)
    if arguments.json:
        print(render.as_json(report | {"page": str(page)} | output.limits(checked)))
        return output.code_of(checked)
    print_changes(report)
    print(f"Page: {page}")
    output.print_limits(checked)
    return output.code_of(checked)


def print_changes(report: dict[str, Any]) -> None:
    """The counts, and the first items that changed."""
    print(f"{report['both']} items in both runs, {report['only_first']} only in A, {report['only_second']} only in B")
    if report["other_text"]:
        ids = ", ".join(report["other_text"][:5])
        print(render.plain(f"{len(report['other_text'])} ids have another text in B, so are not compared: {ids}"))
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


def write_page(folder: Path, report: dict[str, Any], rows: list[Row], first: Path, second: Path) -> Path:
    """Write comparison.html. Raises InvalidRequest if the folder cannot be written to."""
    page = folder / PAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.write_text(page_of(report, rows, *map(_title, (first, second))), encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{page}: cannot be written ({type(error).__name__}). Choose another --out.") from None
    return page


def _title(file: Path) -> str:
    """The run's folder; of recorded chats, that they are."""
    return "recorded chats" if file.name == RECORDED else file.resolve().parent.name


Results = dict[str, dict[str, Any]]


def compare(first: Results, second: Results) -> tuple[dict[str, Any], list[Row]]:
    """The changes, and all common items. Two items differ if the guards' action differs or other filters acted.

    Items are the same if they have the same texts; of older runs, which have no digests, if they have the same id.
    Raises InvalidRequest if no item is in both.
    """
    pairs, other_text = _pairs(first, second)
    if not pairs:
        raise InvalidRequest(
            "The two runs have no item in common: no text of one is in the other"
            + (f", and {len(other_text)} ids have another text." if other_text else ".")
        )
    changes: Counter[str] = Counter()
    counts = dict.fromkeys(("judged", *CHANGES), 0)
    counts["missing"] = len(first) - len(pairs)
    items: list[dict[str, Any]] = []
    rows: list[Row] = []
    only_first = only_second = 0
    for one, identifier in pairs:
        a, b = first[one], second[identifier]
        for name in _counted(a, b):
            counts[name] += 1
        if a["correct"] is not None and b["correct"] is not None and a["correct"] != b["correct"]:
            only_first, only_second = only_first + bool(a["correct"]), only_second + bool(b["correct"])
        changed = (a["action"], a["filters"]) != (b["action"], b["filters"])
        rows.append(
            Row(identifier, changed, b["expected"], (a["action"], b["action"]), (a["scores"], b["scores"]),
                (a["correct"], b["correct"]), b["excerpt"])
        )  # fmt: skip
        if not changed:
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
    report = {
        "both": len(pairs),
        "only_first": len(first) - len(pairs),
        "only_second": len(second) - len(pairs),
        "other_text": other_text,
        "changes": dict(sorted(changes.items())),
        "counts": counts,
        "mcnemar": {
            "only_first_right": only_first,
            "only_second_right": only_second,
            "p": mcnemar(only_first, only_second),
        },
        "items": items,
    }
    return report, rows


def _pairs(first: Results, second: Results) -> tuple[list[tuple[str, str]], list[str]]:
    """The ids of the same items in both runs; and the ids that have another text in the second."""
    pairs: list[tuple[str, str]] = []
    other: list[str] = []
    for identifier in first.keys() & second.keys():
        digests = first[identifier]["digest"], second[identifier]["digest"]
        if None in digests or digests[0] == digests[1]:
            pairs.append((identifier, identifier))
        else:
            other.append(identifier)
    paired = {identifier for pair in pairs for identifier in pair}
    left: dict[str, list[str]] = defaultdict(list)
    for identifier in sorted(second.keys() - paired):
        if digest := second[identifier]["digest"]:
            left[digest].append(identifier)
    for identifier in sorted(first.keys() - paired):
        if same := left.get(first[identifier]["digest"] or ""):
            pairs.append((identifier, same.pop(0)))
    return sorted(pairs), sorted(other)


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


def find(name: str, home: str | None) -> Path:
    """The results of a run: of its folder, of a file of results, or of a run in the state folder. Raises
    InvalidRequest."""
    given = Path(name).expanduser()
    if given.is_file():
        return given
    places = (given, home_of(home) / "evaluations" / given.name)
    file = next((place / RESULTS for place in places if (place / RESULTS).is_file()), None)
    if file is None:
        raise InvalidRequest(
            f"{name}: is neither a folder with {RESULTS} nor a run in this state folder's "
            "evaluations/. Of a run with --out give that folder; --resume RUN fetches the results of any run again."
        )
    return file


def read(file: Path) -> Results:
    """The results by item, only the members that a comparison needs. Raises InvalidRequest."""
    try:
        return {line["id"]: _kept(line) for line in read_results(file)}
    except (ValueError, KeyError, TypeError):
        raise InvalidRequest(f"{file}: is not a file of results.") from None


def _kept(line: dict[str, Any]) -> dict[str, Any]:
    findings = [item for stage in line["stages"] for item in stage["findings"]]
    acting = [item for item in findings if item["action"] != "NONE"]
    return {
        "action": line["action"],
        "expected": line.get("expected", ""),
        "correct": line["correct"],
        "labelled": "expected" in line,
        "filters": {f"{item['policy']}/{item['name']}" for item in acting},
        "scores": "; ".join(dict.fromkeys(render.finding(item) for item in findings)),
        "digest": line.get("digest"),
        "excerpt": line["excerpt"],
    }
