"""A frame is one thread of states: an execution's main line, a branch, or a Map iteration.

It knows the last event (every event names its predecessor), the variables in scope and the context object.
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime

from embedded_aws.states.interpret.history import NOT_TRUNCATED, Details, History
from embedded_aws.states.interpret.past import Past, Position
from embedded_aws.states.interpret.ports import Clock
from embedded_aws.states.language.errors import QUERY, FaultError, StateError, data_limit
from embedded_aws.states.language.fields import Env
from embedded_aws.states.language.json_text import MAX_BYTES, Json, dump, size
from embedded_aws.states.language.model import Machine, State


def iso(moment: float) -> str:
    """A time in the context object: 2026-11-21T10:00:00.123Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_JITTER = random.Random()  # noqa: S311  spreads retries, guards nothing


class Run:
    """What all frames of one execution share. `context` holds $$.Execution and $$.StateMachine."""

    __slots__ = ("clock", "context", "history", "jitter", "region")

    def __init__(self, history: History, clock: Clock, context: Mapping[str, Json], region: str) -> None:
        self.history = history
        self.clock = clock
        self.context = context
        self.region = region
        self.jitter = _JITTER


class Frame:
    """The position of one thread of states.

    `last` is the event that the next one follows, `before` the one before the current state, `entered` the state's
    own, at the time `entered_at`; `after`, once set, follows the whole frame (the last event of a Map iteration).
    `recorded` are the types of the events that an earlier process wrote in this state, and `past` all of them, while
    the state goes on. `thread` names this thread in the history (see `past`).
    """

    __slots__ = (
        "_memo",
        "after",
        "before",
        "context",
        "entered",
        "entered_at",
        "iteration",
        "last",
        "past",
        "recorded",
        "run",
        "state",
        "thread",
        "variables",
    )

    def __init__(
        self,
        run: Run,
        last: int = 0,
        variables: Mapping[str, Json] | None = None,
        extra: Mapping[str, Json] | None = None,
        iteration: tuple[int, ...] = (),
        thread: str = "",
    ) -> None:
        self.run = run
        self.last = last
        self.after: int | None = None
        self.before = 0
        self.entered = 0
        self.entered_at = 0.0
        self.variables: dict[str, Json] = dict(variables or {})
        self.context: dict[str, Json] = {**run.context, **(extra or {})}
        self.iteration = iteration
        self.state: State | None = None
        self.recorded: set[str] = set()
        self.thread = thread
        self.past: Past | None = None
        self._memo: tuple[Json, str] = (None, "null")

    def below(self, previous: int, number: int, item: Mapping[str, Json] | None = None) -> Frame:
        """A frame for branch `number`, or for the iteration of that number over an `item` (its `$$.Map`).

        It reads this frame's variables; variables that it assigns stay in it.
        """
        iteration = self.iteration if item is None else (*self.iteration, number)
        context = {**({"Map": self.context["Map"]} if "Map" in self.context else {}), **(item or {})}
        thread = f"{self.thread}{self.entered}.{number}/"
        return Frame(self.run, previous, self.variables, context, iteration, thread)

    def resume(self, machine: Machine, past: Past, here: Position) -> None:
        """Stand where an earlier process left this thread: `here` has a state."""
        assert here.state is not None
        self.variables.update(here.variables)
        self.stand_in(machine.states[here.state], here.entered, here.entered_at, here.last)
        self.recorded, self.past = here.since, past

    def taken_past(self, kind: str) -> tuple[Past, int] | None:
        """For a state that goes on: the past, once, and the event of this kind that began its last attempt."""
        past, self.past = self.past, None
        began = 0 if past is None else past.started(self.thread, self.entered, kind)
        return (past, began) if past is not None and began else None

    def text(self, value: Json) -> str:
        """JSON text. One state's output is the next state's input, so the last text is cached."""
        known, text = self._memo
        if value is not known:
            text = dump(value)
            self._memo = (value, text)
        return text

    def remember(self, value: Json, text: str) -> None:
        """Remember the original text of a value, so that the history has it unchanged, including white space."""
        self._memo = (value, text)

    @property
    def kept(self) -> bool:
        """Whether the events are kept. If not, details that take time to make may be left out."""
        return self.run.history.kept

    def event(self, kind: str, details: Details | None, *, link: bool = True) -> int:
        """Record an event after the last one; without `link` the next event ignores it as a predecessor."""
        number = self.run.history.record(kind, details, self.last, thread=self.thread)
        if link:
            self.last = number
        return number

    def enter(self, state: State, data: Json) -> None:
        """XStateEntered, and $$.State."""
        self._stand(state, self.run.clock.now())
        self.entered = self.event(
            f"{state.type}StateEntered", {"name": state.name, "input": self.text(data), "inputDetails": NOT_TRUNCATED}
        )

    def stand_in(self, state: State, entered: int, entered_at: float, last: int) -> None:
        """Resume in a state that an earlier process or attempt entered; `last` is the last event."""
        self.last = last
        self._stand(state, entered_at)
        self.entered = entered

    def _stand(self, state: State, moment: float) -> None:
        self.state = state
        self.recorded, self.past = set(), None
        self.before = self.last
        self.entered_at = moment
        # A new object each time: an output may hold the context of an earlier state.
        self.context = {**self.context, "State": {"Name": state.name, "EnteredTime": iso(moment)}}

    def leave(self, state: State, output: Json, assigned: Mapping[str, Json] | None = None) -> None:
        """XStateExited; the assigned variables take effect here."""
        text = self.text(output)
        if size(text) > MAX_BYTES:
            raise data_limit(state.name)
        details: Details = {"name": state.name, "output": text, "outputDetails": NOT_TRUNCATED}
        if assigned:
            details["assignedVariables"] = {name: dump(value) for name, value in assigned.items()}
            details["assignedVariablesDetails"] = NOT_TRUNCATED
            self.variables.update(assigned)
        self.event(f"{state.type}StateExited", details)

    def event_once(self, kind: str, details: Details | None) -> None:
        """Record an event unless an earlier process already recorded it in this state."""
        if kind in self.recorded:
            self.recorded.discard(kind)
        else:
            self.event(kind, details)

    def aborted(self) -> None:
        """Record XStateAborted for the current state when a sibling's failure ends the frame."""
        if self.state is not None and self.state.type in ("Task", "Wait", "Parallel", "Map"):
            self.event(f"{self.state.type}StateAborted", None, link=False)

    def env(self, data: Json) -> Env:
        """The data that the state's fields can read before the state has a result."""
        return Env(data, self.context, self.variables, input=data)

    def located(self, fault: FaultError) -> StateError:
        """The state error for a fault, with its location in AWS's wording; a JSONata fault also gets an event."""
        name = self.state.name if self.state else ""
        cause = (
            f"An error occurred while executing the state '{name}' (entered at the event id #{self.entered}). "
            f"{fault.message}"
        )
        if fault.error == QUERY:
            details: Details = {"error": fault.error, "cause": cause, "state": name}
            if fault.location:
                details["location"] = fault.location
            # The state has no event yet, so this event follows the event before the state.
            previous = self.before if self.last == self.entered and not fault.late else self.last
            self.last = self.run.history.record("EvaluationFailed", details, previous, thread=self.thread)
        return StateError(fault.error, cause)
