"""A visit of a state while its events are being read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from stepguard.trace.model import Attempt, Visit


@dataclass(slots=True)
class Draft:
    """`visit` has the members known so far, without its attempts; they are in `tries`.

    `parent` is the Map or Parallel around it, `last` the id of its last event, `branches` the number of branches opened
    inside it, `redriven` whether it continues after a redrive.
    """

    visit: Visit
    parent: Draft | None
    last: int
    tries: list[Attempt] = field(default_factory=list)
    open: bool = True
    branches: int = 0
    redriven: bool = False
    _started: datetime | None = None
    _ended: datetime | None = None

    def note(self, **facts: Any) -> None:
        """Set members of the visit."""
        self.visit = replace(self.visit, **facts)

    def leave(self, status: str, at: datetime | None) -> None:
        """End the visit; `at` is None if the history has no time."""
        self.open = False
        self.note(status=status, milliseconds=None if at is None else milliseconds(self.visit.entered, at))

    def resume(self) -> None:
        """Continue the visit after a redrive."""
        self.open = self.redriven = True
        self.note(status="running", milliseconds=None)

    def fail(self, outcome: str, details: Mapping[str, Any], kind: str) -> None:
        """Mark the visit and its last attempt as failed by an event of type `kind`."""
        self.note(error=text(details.get("error")) or kind, cause=text(details.get("cause")))
        if self.tries:
            self.note_try(outcome=outcome, error=self.visit.error, cause=self.visit.cause)

    @property
    def trying(self) -> bool:
        """Whether the last attempt has not ended."""
        return bool(self.tries) and self.tries[-1].outcome == "running"

    def begin_try(self, at: datetime, **facts: Any) -> None:
        """Begin another attempt. The time until a redrive does not count as waiting."""
        waited = milliseconds(self._ended, at) if self._ended is not None and not self.redriven else None
        self.tries.append(Attempt("running", at, waited, **facts))
        self.redriven, self._started, self._ended = False, None, None

    def start_try(self, at: datetime) -> None:
        """Record that the last attempt has left its queue."""
        self._started = at
        self.note_try(queued=milliseconds(self.tries[-1].scheduled, at))

    def end_try(self, outcome: str, at: datetime, **facts: Any) -> None:
        """End the last attempt."""
        self._ended = at
        start = self._started or self.tries[-1].scheduled
        self.note_try(outcome=outcome, milliseconds=milliseconds(start, at), **facts)

    def note_try(self, **facts: Any) -> None:
        """Set members of the last attempt."""
        self.tries[-1] = replace(self.tries[-1], **facts)

    def frozen(self) -> Visit:
        """The visit as it is now."""
        return replace(self.visit, tries=tuple(self.tries), events=(self.visit.events[0], self.last))


def text(value: object) -> str | None:
    """The value if it is a text."""
    return value if isinstance(value, str) else None


def milliseconds(start: datetime, end: datetime) -> float:
    """The milliseconds between two times."""
    return (end - start).total_seconds() * 1000
