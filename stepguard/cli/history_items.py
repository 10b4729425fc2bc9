"""`stepguard history ITEM`: an evaluation's item by its id or execution.

Items run as EXPRESS executions, which have no history: the lines of results.jsonl have their stages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from stepguard.aws.evaluations import Evaluations
from stepguard.evaluation.runs import RUN_ID
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.session.model import Session, home_of
from stepguard.trace import to_document
from stepguard.trace.result import is_result, read_result

RESULTS = "results.jsonl"
MOST_RUNS = 50
"""The newest runs to search without `--run`."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of results.jsonl, and its run."""

    line: Mapping[str, Any]
    run: str

    def to_document(self) -> dict[str, Any]:
        """The item as the trace of an execution."""
        document = to_document(read_result(self.line), str(self.line.get("execution") or self.line.get("id")))
        names = ("id", "number", "action", "expected", "category", "excerpt", "acting")
        return document | {"item": {"run": self.run} | {name: self.line.get(name) for name in names}}


def find_item(name: str, run: str | None, session: Session, home: str | None) -> Item | None:
    """The item with this id or execution: in a run, or in the newest run that has it. Raises InvalidRequest for an
    unknown run, StepguardError."""
    if run is not None:
        return _in_run(name, run, session.evaluations, home)
    local = _local(home)
    known = {file.parent.name for file in local}
    found = _first(name, ((file.parent.name, file) for file in local))
    if found is not None:
        return found
    try:
        page = session.evaluations.listing.search(lambda _: True, limit=MOST_RUNS, most=MOST_RUNS)
    except StepguardError:  # credentials that may read chats only
        return None
    others = [str(entry["id"]) for entry in page.found if entry["id"] not in known]
    return next((item for other in others if (item := _stored(name, other, session.evaluations))), None)


def item_in(text: Iterable[str], name: str, run: str) -> Item | None:
    """The item among the lines of results.jsonl; the parts and repeats of an item have executions of their item."""
    quoted = json.dumps(name)
    for line in text:
        if quoted not in line:
            continue
        value = json.loads(line)
        if is_result(value) and name in _names(value):
            return Item(value, run)
    return None


def _names(line: Mapping[str, Any]) -> Iterator[Any]:
    yield from (line.get("id"), line.get("execution"), *line.get("executions", ()))
    yield from (earlier.get("execution") for earlier in line.get("earlier", ()))


def _in_run(name: str, run: str, evaluations: Evaluations, home: str | None) -> Item | None:
    given = Path(run).expanduser()
    places = (given, given / RESULTS, home_of(home) / "evaluations" / run / RESULTS)
    file = next((place for place in places if place.is_file()), None)
    if file is None and RUN_ID.fullmatch(run):
        found = _stored(name, run, evaluations)
    elif file is None:
        raise InvalidRequest(f"--run {run}: is neither a run nor a folder with {RESULTS}.")
    else:
        found = _first(name, [(run, file)])
    return found


def _local(home: str | None) -> list[Path]:
    """The results in the state folder, the newest first."""
    files = home_of(home).glob(f"evaluations/*/{RESULTS}")
    return list(islice(sorted(files, key=lambda file: file.stat().st_mtime, reverse=True), MOST_RUNS))


def _first(name: str, files: Iterable[tuple[str, Path]]) -> Item | None:
    for run, file in files:
        try:
            with file.open(encoding="utf-8") as lines:
                found = item_in(lines, name, run)
        except (OSError, ValueError):
            raise InvalidRequest(f"{file}: cannot be read as results of an evaluation.") from None
        if found is not None:
            return found
    return None


def _stored(name: str, run: str, evaluations: Evaluations) -> Item | None:
    """The item in a run's results in S3; None if it has none."""
    with _results(evaluations, run) as stream:
        return None if stream is None else item_in((line.decode() for line in stream), name, run)


@contextmanager
def _results(evaluations: Evaluations, run: str) -> Iterator[IO[bytes] | None]:
    """The stream of a run's results; None if there are none, or if these credentials may not read them."""
    try:
        stream = evaluations.objects.open(evaluations.object(run, RESULTS))
    except StepguardError:
        yield None
        return
    with stream:
        yield stream


def lines_of(document: Mapping[str, Any]) -> list[str]:
    """The lines about an item before its trace."""
    item = document["item"]
    about = f"item {item['id']} of the run {item['run']}: {item['action']}"
    if item.get("expected"):
        about += f", expected {item['expected']}"
    lines = [about, f"  text: {' '.join(str(item.get('excerpt')).split())}"]
    for part in item.get("acting") or ():
        filters = f" by {', '.join(part['filters'])}" if part["filters"] else ""
        lines.append(
            f"  part {part['part']}, characters {part['start'] + 1:,} to {part['end']:,}: {part['action']}{filters}"
        )
    return lines
