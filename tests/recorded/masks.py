"""The replacements that the recorder made in AWS's answers, made again in ours, so that the two can be compared.

Names, times, identifiers and tokens differ from run to run. The recorder wrote placeholders such as `<uuid:1>` for
them; each case lists its replacements under `masks`, in the recorder's order.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

PLACEHOLDER = re.compile(r"<[A-Za-z][\w .\-]*(?::\d+)?>")
_UUID = re.compile(r"^[a-f0-9]{8}-?[a-f0-9]{4}-?[a-f0-9]{4}-?[a-f0-9]{4}-?[a-f0-9]{12}$", re.I)
_TIME = re.compile(
    r"[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-][01]\d:?(?:[0-5]\d)?)"
)
_TIMESTAMP_KEY = re.compile(r"timestamp", re.I)
_CAUSE = re.compile(r".*'({.*})'")
_ARN = re.compile(r"arn:(?:aws|<partition>)[^:]*:[^:]*:[^:]*:[^:]*:(.*)$")
_PARALLEL_END = {"ParallelStateSucceeded", "ParallelStateAborted", "ParallelStateExited", "ParallelStateFailed"}

Json = Any
Match = Callable[[str, Json], str | None]
"""The text to replace in a member's value, if the mask applies to it."""


def parse_text(value: Json) -> Json:
    """A string as the JSON value that it holds, or as it is."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def apply_masks(document: dict[str, Json], masks: list[Mapping[str, Json]], context: Mapping[str, Json]) -> Json:
    """The document with every replacement of the recorder; changes `document`."""
    _parse_objects(document)
    masked = _Masked(document)
    for mask in masks:
        masked.apply(mask)
    masked.apply_general(context)
    text = json.dumps(document, default=str)
    for replace in masked.replacements:
        text = replace(text)
    return json.loads(text)


class _Masked:
    """A document and the replacements of text that are due in it."""

    def __init__(self, document: dict[str, Json]) -> None:
        self._document = document
        self._numbers: Counter[str] = Counter()
        self._known: set[str] = set()
        self.replacements: list[Callable[[str], str]] = []

    def apply(self, mask: Mapping[str, Json]) -> None:
        """Apply one mask of a case."""
        kind, name = mask["kind"], mask.get("replacement", "")
        if kind == "parallel_sort":
            if isinstance(self._document.get("events"), list):
                _sort_parallel(self._document["events"])
        elif kind == "regex":
            self._replace(re.compile(mask["pattern"]), name)
        elif kind == "jsonpath":
            for container, key in list(_find(self._document, _steps(mask["path"]))):
                if mask["reference"]:
                    self._refer(container[key], name)
                else:
                    container[key] = name
        elif kind == "key":
            wanted = mask["key"]
            self._members(lambda key, value: value if key == wanted and value else None, name, mask["reference"])
        elif kind == "cause_json":
            self._members(_json_in_cause, name, reference=True)
        elif kind == "resource_name":
            self._members(_resource_name, name, reference=True)
        else:
            raise ValueError(f"unknown mask {kind}")

    def apply_general(self, context: Mapping[str, Json]) -> None:
        """Apply what the recorder replaced everywhere: account, region, partition, identifiers and times."""
        self._replace(re.compile(re.escape(context.get("accountId", "111111111111"))), "1" * 12)
        self._replace(re.compile(re.escape(context.get("region", "us-east-1"))), "<region>")
        self._replace(re.compile("arn:aws:"), "arn:<partition>:")
        self._members(_identifier, "uuid", reference=True)
        self._replace(_TIME, "date")
        self._members(_timestamp, "timestamp", reference=False)

    def _replace(self, pattern: re.Pattern[str], replacement: str) -> None:
        self.replacements.append(lambda text: pattern.sub(lambda _: replacement, text))

    def _refer(self, value: Json, name: str) -> None:
        """Replace a value by a numbered placeholder wherever it occurs."""
        if not isinstance(value, str) or not value or PLACEHOLDER.search(value):
            return
        value = value.replace('"', '\\"')
        if value not in self._known:
            self._known.add(value)
            self._numbers[name] += 1
            placeholder = f"<{name}:{self._numbers[name]}>"
            self.replacements.append(lambda text: text.replace(value, placeholder))

    def _members(self, match: Match, name: str, reference: bool) -> None:
        for container, key, value in list(_walk(self._document, match)):
            if reference:
                self._refer(value, name)
            else:
                held = container[key]
                container[key] = held.replace(value, name) if isinstance(held, str) else name


def _walk(value: Json, match: Match) -> Iterator[tuple[dict[str, Json], str, str]]:
    """Every member to which a mask applies: its container, its key and the text to replace."""
    if isinstance(value, dict):
        for key, member in list(value.items()):
            found = match(key, member)
            if found is not None:
                yield value, key, found
            else:
                yield from _walk(member, match)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from _walk(item, match)


def _json_in_cause(key: str, value: Json) -> str | None:
    found = _CAUSE.match(value) if key == "cause" and isinstance(value, str) else None
    return found[1] if found and isinstance(parse_text(found[1]), dict) else None


def _resource_name(_: str, value: Json) -> str | None:
    found = _ARN.match(value) if isinstance(value, str) else None
    if not found:
        return None
    return found[1].rpartition("/")[2] if "/" in found[1] else found[1].rpartition(":")[2]


def _identifier(key: str, value: Json) -> str | None:
    return value if isinstance(value, str) and key.lower().endswith("id") and _UUID.match(value) else None


def _timestamp(key: str, value: Json) -> str | None:
    if not _TIMESTAMP_KEY.search(key) and key not in ("creationTime", "ingestionTime"):
        return None
    if isinstance(value, dict | list) or value == "date" or _TIME.match(str(value)):
        return None
    return str(value)


def _parse_objects(value: dict[str, Json]) -> None:
    """Strings that start with `{` become the object that they hold, one level deep, as the recorder parsed them."""
    for key, member in list(value.items()):
        if isinstance(member, list):
            for item in member:
                if isinstance(item, dict):
                    _parse_objects(item)
        elif isinstance(member, dict):
            _parse_objects(member)
        elif isinstance(member, str) and member.startswith("{"):
            value[key] = parse_text(member)


def _steps(path: str) -> list[tuple[bool, str]]:
    """`$..a.b` as the keys of the way, each with whether it may be at any depth."""
    return [(dots == "..", key) for dots, key in re.findall(r"(\.\.|\.)([^.]+)", path[1:])]


def _find(value: Json, steps: list[tuple[bool, str]]) -> Iterator[tuple[dict[str, Json], str]]:
    (deep, key), rest = steps[0], steps[1:]
    waiting = [value]
    while waiting:
        container = waiting.pop(0)
        if isinstance(container, dict):
            if key in container:
                if rest:
                    yield from _find(container[key], rest)
                else:
                    yield container, key
            if deep:
                waiting.extend(container.values())
        elif isinstance(container, list) and deep:
            waiting.extend(container)


def _sort_parallel(events: list[dict[str, Json]]) -> None:
    """Sort the events inside of a Parallel state, as some recordings were sorted.

    At every further end of a Parallel state the recorder wrote the sorted events again over the same place, which lost
    the event in between; the same happens here, so that both sides lose the same.
    """
    first: int | None = None
    held: list[dict[str, Json]] = []
    inside = False
    for index in range(len(events)):
        if index >= len(events):
            break  # the list has become shorter
        event = events[index]
        kind = event.get("type")
        if kind in _PARALLEL_END:
            if first is not None:
                events[first:index] = sorted(held, key=lambda item: json.dumps(item, sort_keys=True))
            inside = False
        elif kind == "ParallelStateStarted":
            inside, held, first = True, [], index + 1
        elif kind is None:
            inside = False
        elif inside:
            event["id"], event["previousEventId"] = 0, 0
            held.append(event)
