"""Our execution beside the one that AWS recorded: the first difference in status, output, error, cause or events.

The rules are those of the corpus (README.md): JSON values are compared, a `<...>` placeholder matches any text, and the
order of events inside a concurrent block is free.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.recorded.masks import PLACEHOLDER, apply_masks, parse_text

Json = Any
Event = dict[str, Any]
_DROPPED = {"inputDetails", "outputDetails", "assignedVariablesDetails"}
_JSON_TEXT = {"input", "output", "parameters", "result"}
_BLOCK_END = {"ParallelStateStarted": "ParallelStateExited", "MapStateStarted": "MapStateExited"}


def difference(case: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """What differs first between the recorded case and `bench.conformance_adapter.run`'s result, or None."""
    expected, masks, context = case["expected"], case.get("masks") or [], case.get("context") or {}
    end = _end(result, masks, context)
    for name in ("status", "output", "error", "cause"):
        if expected.get(name) is None and end.get(name) is None:
            continue
        if not matches(expected.get(name), end.get(name)):
            return f"{name}: {json.dumps(end.get(name))[:300]} instead of {json.dumps(expected.get(name))[:300]}"
    if not case["events_comparable"] or not expected.get("events"):
        return None
    return _event_difference(expected["events"], _events(result["events"] or [], masks, context), case["concurrent"])


def matches(expected: Json, actual: Json) -> bool:
    """Whether JSON values are equal; a placeholder in a recorded string is any text, alone it is any scalar."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return False
        if "StartTime" in expected and "RedriveCount" not in expected and actual.get("RedriveCount") == 0:
            actual = {key: value for key, value in actual.items() if key != "RedriveCount"}  # AWS added it later
        return expected.keys() == actual.keys() and all(matches(item, actual[key]) for key, item in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(expected) == len(actual) and all(map(matches, expected, actual))
    if isinstance(expected, str):
        return expected == actual or _text_matches(expected, actual)
    return bool(expected == actual)


def _text_matches(expected: str, actual: Json) -> bool:
    if PLACEHOLDER.fullmatch(expected) and isinstance(actual, str | int | float):
        return True
    if not isinstance(actual, str) or not PLACEHOLDER.search(expected):
        return False
    parts = re.split(f"({PLACEHOLDER.pattern})", expected)
    pattern = "".join(".+?" if number % 2 else re.escape(part) for number, part in enumerate(parts))
    return re.fullmatch(pattern, actual, re.DOTALL) is not None


def _end(result: Mapping[str, Any], masks: list[Mapping[str, Any]], context: Mapping[str, Any]) -> dict[str, Any]:
    """Status, and output or error and cause, as the last event holds them."""
    if result["status"] == "SUCCEEDED":
        kind, held = "Succeeded", {"output": json.dumps(result["output"])}
    else:
        kind, held = "Failed", {name: result[name] for name in ("error", "cause") if result.get(name) is not None}
    last = {"type": f"Execution{kind}", f"execution{kind}EventDetails": held}
    (event,) = _events([last], masks, context)
    return {"status": result["status"], **event["details"]}


def _events(events: Iterable[Event], masks: list[Mapping[str, Any]], context: Mapping[str, Any]) -> list[Event]:
    """Events of GetExecutionHistory as the corpus writes them: id, previousEventId, type and details."""
    plain = [
        {key: value for key, value in event.items() if key != "timestamp"} for event in copy.deepcopy(list(events))
    ]
    document = json.loads(json.dumps({"events": plain}, default=str))
    return [_normalised(event) for event in apply_masks(document, masks, context)["events"]]


def _normalised(event: Event) -> Event:
    details: dict[str, Any] = {}
    for key, held in event.items():
        if not key.endswith("EventDetails") or not isinstance(held, dict):
            continue
        for name, value in held.items():
            if name in _DROPPED or value is None:
                continue
            if name in _JSON_TEXT:
                details[name] = parse_text(value)
            elif name == "assignedVariables" and isinstance(value, dict):
                details[name] = {variable: parse_text(text) for variable, text in value.items()}
            else:
                details[name] = value
    return {**{key: event.get(key) for key in ("id", "previousEventId", "type")}, "details": details}


def _event_difference(expected: list[Event], actual: list[Event], concurrent: bool) -> str | None:
    expected, actual = _one_link(expected), _one_link(actual)
    wanted, found = _blocks(expected, concurrent), _blocks(actual, concurrent)
    after_block = False
    for number in range(max(len(wanted), len(found))):
        if number >= len(wanted) or number >= len(found):
            return f"{len(expected)} events are expected, {len(actual)} came: {_types(expected, actual)}"
        one, other = wanted[number], found[number]
        if isinstance(one, list) or isinstance(other, list):
            if not isinstance(one, list) or not isinstance(other, list) or not _same_events(one, other):
                return f"the events inside of a concurrent block differ: {_types(expected, actual)}"
        # The first event after a concurrent block is linked to the branch that ended last.
        elif not _same_event(one, other, linked=not after_block):
            return f"event {number}: {json.dumps(other)[:600]} instead of {json.dumps(one)[:600]}"
        after_block = isinstance(one, list)
    return None


def _types(expected: list[Event], actual: list[Event]) -> str:
    missing = Counter(event["type"] for event in expected)
    missing.subtract(event["type"] for event in actual)
    return str({kind: count for kind, count in missing.items() if count})


def _same_event(one: Event, other: Event, *, numbered: bool = True, linked: bool = True) -> bool:
    if one["type"] != other["type"] or (numbered and one["id"] != other["id"]):
        return False
    if numbered and linked and one["previousEventId"] != other["previousEventId"]:
        return False
    left, right = dict(one["details"]), dict(other["details"])
    if one["type"] == "ExecutionStarted":  # the role is the environment's
        left.pop("roleArn", None)
        right.pop("roleArn", None)
    return matches(left, right)


def _same_events(some: list[Event], others: list[Event]) -> bool:
    """Whether two blocks hold the same events in any order."""
    left = list(others)
    for event in some:
        same = next((index for index, other in enumerate(left) if _same_event(event, other, numbered=False)), None)
        if same is None:
            return False
        del left[same]
    return not left


def _one_link(events: list[Event]) -> list[Event]:
    """AWS links the exit of a distributed Map to MapRunStarted since autumn 2024, to MapRunSucceeded before."""
    by_id = {event["id"]: event for event in events if event["id"]}
    linked = []
    for event in events:
        before = by_id.get(event["previousEventId"])
        if event["type"] == "MapStateExited" and before is not None and before["type"] == "MapRunSucceeded":
            event = {**event, "previousEventId": before["previousEventId"]}
        linked.append(event)
    return linked


def _blocks(events: list[Event], concurrent: bool) -> list[Event | list[Event]]:
    """The events, those inside of each outermost Parallel or Map as one list; the closing event stays outside."""
    if not concurrent:
        return list(events)
    found: list[Event | list[Event]] = []
    index = 0
    while index < len(events):
        event = events[index]
        found.append(event)
        index += 1
        if event["type"] not in _BLOCK_END:
            continue
        close, depth = _BLOCK_END[event["type"]], 1
        reopened = event["type"].replace("Started", "Entered")
        block: list[Event] = []
        while index < len(events):
            inner = events[index]
            depth += (inner["type"] == reopened) - (inner["type"] == close)
            if depth == 0 or inner["type"].startswith("Execution"):
                break
            block.append(inner)
            index += 1
        found.append(block)
    return found
