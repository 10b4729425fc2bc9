"""The execution history: numbered events in AWS's shapes, at most 25,000.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from embedded_aws.states.language.errors import StateError
from embedded_aws.states.language.json_text import Json

MAX_EVENTS = 25_000
NOT_TRUNCATED = {"truncated": False}

Details: TypeAlias = dict[str, Json]


class HistoryFullError(StateError):
    """The history has reached its limit of events: the execution fails, and no Catch applies."""

    def __init__(self) -> None:
        super().__init__(
            "States.Runtime", f"The execution reached the maximum number of history events ({MAX_EVENTS})."
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `details` holds the members of its `...EventDetails`, None when it has none.

    `thread` names the branch or iteration (see `past`), "" the main line.
    """

    id: int
    previous: int
    timestamp: float
    type: str
    details: Details | None
    thread: str = ""


class History:
    """Numbers an execution's events and passes them to `sink` (the store).

    Without a `sink` the events are only counted, so their details need not be made (see `Frame.kept`). The exit of a
    state is passed on together with the next event, so that a stored history never ends between two states. Not
    thread-safe: callers hold their execution's lock.
    """

    def __init__(self, now: Callable[[], float], sink: Callable[[list[Event]], None] | None, count: int = 0) -> None:
        self._now = now
        self._sink = sink
        self._held: list[Event] = []
        self.count = count

    @property
    def kept(self) -> bool:
        """Whether the events are passed on."""
        return self._sink is not None

    def record(self, kind: str, details: Details | None, previous: int, *, last: bool = False, thread: str = "") -> int:
        """Add an event and return its id. One place is reserved for the execution's `last` event."""
        if self.count >= MAX_EVENTS - 1 and not last:
            raise HistoryFullError
        self.count += 1
        if self._sink is None:
            return self.count
        self._held.append(Event(self.count, previous, self._now(), kind, details, thread))
        if not kind.endswith("StateExited"):
            self._sink(self._held)
            self._held = []
        return self.count


def details_key(kind: str) -> str:
    """The member of HistoryEvent that holds an event type's details."""
    if kind.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if kind.endswith("StateExited"):
        return "stateExitedEventDetails"
    return kind[0].lower() + kind[1:] + "EventDetails"


_DATA = ("input", "output", "parameters", "assignedVariables")


def without_data(details: Details) -> Details:
    """An event without its data, for requests with includeExecutionData false."""
    return {key: value for key, value in details.items() if key.removesuffix("Details") not in _DATA}
