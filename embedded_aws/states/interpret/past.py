"""What an earlier process recorded of an execution, for the one that goes on: after a crash, and for RedriveExecution.

Each event belongs to a thread: the main line is "", branch or iteration 2 of the state that event 7 entered is "7.2/",
and a thread inside of it "7.2/9.0/". A thread goes on in the state that it was in: its task is called again, a Wait
continues with its remaining time, and branches, iterations and children that ended well keep their results.
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.states.language.json_text import Json, load
from embedded_aws.states.language.model import Choice, Machine


@dataclass(slots=True)
class Position:
    """Where a thread was: in `state`, entered with `data` by the event `entered` at the time `entered_at`.

    `state` is None before the first one. `left` says that the state's exit, with `output`, is the thread's last event.
    `since` holds the types of the thread's events after the state was entered, `failed` that its last attempt failed.
    """

    state: str | None = None
    data: Json = None
    entered: int = 0
    entered_at: float = 0.0
    last: int = 0
    left: bool = False
    output: Json = None
    failed: bool = False
    since: set[str] = field(default_factory=set)
    variables: dict[str, Json] = field(default_factory=dict)

    def ended(self, machine: Machine) -> bool:
        """Whether the thread has come to an end of its states, and `output` is its result."""
        if self.state is None or not self.left or self.failed:
            return False
        state = machine.states[self.state]
        return state.next is None and not isinstance(state, Choice)

    def follows(self, machine: Machine) -> str | None:
        """The next state, where only one can follow. A Choice, or a state that a Catch may have left, runs again."""
        if self.state is None or not self.left or self.failed:
            return None
        state = machine.states[self.state]
        return None if isinstance(state, Choice) else state.next


class Past:
    """The events of an execution: rows with `id`, `type`, `timestamp`, `details` (JSON text) and `thread`."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._threads: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            self._threads.setdefault(row["thread"], []).append(row)
        self.last = rows[-1]["id"] if rows else 0
        self._redriven = any(row["type"] == "ExecutionRedriven" for row in rows)

    def position(self, thread: str, after: int = 0) -> Position:
        """Where this thread was; events up to `after` are those of earlier attempts."""
        here = Position()
        for event in self._threads.get(thread, ()):
            if event["id"] <= after:
                continue
            here.last = event["id"]
            kind = event["type"]
            if kind.endswith("StateEntered"):
                details = load(event["details"])
                here.state, here.data = details["name"], load(details["input"])
                here.entered, here.entered_at = event["id"], event["timestamp"]
                here.left = here.failed = False
                here.since.clear()
                continue
            here.since.add(kind)
            if kind.endswith("StateExited"):
                details = load(event["details"])
                here.left, here.output = True, load(details["output"])
                assigned = details.get("assignedVariables", {})
                here.variables.update({name: load(text) for name, text in assigned.items()})
            else:
                here.failed = kind.endswith(("Failed", "TimedOut"))
        if self._redriven:
            here.since.add("ExecutionRedriven")
        return here

    def open_states(self, thread: str = "", after: int = 0) -> Iterator[int]:
        """The events that entered the states that go on, in this thread and in those inside of it."""
        here = self.position(thread, after)
        if here.state is None or (here.left and not here.failed):
            return
        yield here.entered
        began = max(self.started(thread, here.entered, kind) for kind in ("ParallelStateStarted", "MapStateStarted"))
        inside = re.compile(rf"{re.escape(thread)}{here.entered}\.\d+/")
        for inner in filter(inside.fullmatch, self._threads):
            yield from self.open_states(inner, began)

    def started(self, thread: str, entered: int, kind: str) -> int:
        """The id of the last event of this kind in a thread since a state was entered, 0 without one."""
        ids = [row["id"] for row in self._threads.get(thread, ()) if row["id"] > entered and row["type"] == kind]
        return max(ids, default=0)
