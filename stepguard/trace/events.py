"""The events of an execution in one form, from any source.

Sources: GetExecutionHistory (https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html) as
boto3 returns it; its JSON, as the AWS CLI or console exports it (times as text or seconds); the log lines of an
EXPRESS execution (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html: one JSON object an event, every
number a string, details un-nested, in no order).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stepguard.guard.errors import InvalidRequest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `details` holds the members of its `...EventDetails`; `previous` is 0 if there is none."""

    id: int
    previous: int
    type: str
    at: datetime
    details: Mapping[str, Any]


def details_member(kind: str) -> str:
    """The member of HistoryEvent that holds an event type's details."""
    for suffix in ("StateEntered", "StateExited"):
        if kind.endswith(suffix):
            return f"state{suffix[5:]}EventDetails"
    return f"{kind[:1].lower()}{kind[1:]}EventDetails"


def read_events(raw: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The events of one execution in order. Raises InvalidRequest if an event has no type.

    Events of a log or an export are put in the order of their ids; with missing or duplicate ids the order is
    unchanged.
    """
    events = [_event(item, number) for number, item in enumerate(raw, 1)]
    identifiers = [event.id for event in events]
    if len(set(identifiers)) == len(identifiers):
        events.sort(key=lambda event: event.id)
    return events


def _event(item: object, number: int) -> Event:
    if not isinstance(item, Mapping) or not isinstance(item.get("type"), str):
        raise InvalidRequest(f"Event {number} of the history has no type: this is not an execution's history.")
    kind: str = item["type"]
    details = item.get("details")
    if details is None:
        details = item.get(details_member(kind))
    return Event(
        id=_integer(item.get("id"), number),
        previous=_integer(item.get("previousEventId", item.get("previous_event_id")), 0),
        type=kind,
        at=_moment(item.get("timestamp", item.get("event_timestamp"))),
        details=details if isinstance(details, Mapping) else {},
    )


def _integer(value: object, otherwise: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else otherwise


def _moment(value: object) -> datetime:
    """boto3's datetime, an ISO 8601 text, seconds (AWS's JSON) or milliseconds (log lines) since 1970."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            return _moment(datetime.fromisoformat(value))
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if abs(seconds) >= 100_000_000_000 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return EPOCH


def read_export(text: str) -> list[Mapping[str, Any]]:
    """The raw events in a file's text: `{"events": [...]}`, `[...]`, or JSON lines of events or of log entries.

    Log entries may be those of FilterLogEvents and GetLogEvents, with the event's JSON as `message`. Raises
    InvalidRequest if the text contains no history, or the events of several executions.
    """
    found = list(_unwrapped(read_documents(text)))
    if not found:
        raise InvalidRequest("The file holds no events of an execution.")
    executions = {item["execution_arn"] for item in found if isinstance(item.get("execution_arn"), str)}
    if len(executions) > 1:
        raise InvalidRequest(f"The file holds the events of {len(executions)} executions; keep those of one.")
    return found


def read_documents(text: str) -> list[Any]:
    """The JSON documents of a text: one, or one a line. Raises InvalidRequest."""
    try:
        return [json.loads(text)]
    except RecursionError:
        raise InvalidRequest("The file's JSON is nested too deeply.") from None
    except ValueError:
        pass
    documents = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                documents.append(json.loads(line))
            except (ValueError, RecursionError):
                raise InvalidRequest(f"Line {number} of the file is not valid JSON.") from None
    return documents


def _unwrapped(documents: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        if isinstance(document, list):
            yield from _unwrapped(document)
        elif isinstance(document, Mapping) and isinstance(document.get("events"), list):
            yield from _unwrapped(document["events"])
        elif isinstance(document, Mapping) and isinstance(document.get("message"), str) and "type" not in document:
            try:
                yield from _unwrapped([json.loads(document["message"])])
            except (ValueError, RecursionError):
                continue  # the log group may contain other lines
        elif isinstance(document, Mapping) and isinstance(document.get("type"), str):
            yield document
