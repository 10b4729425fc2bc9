"""Events -> trace.

An event belongs to the state that the event before it (`previousEventId`) belongs to: in a Parallel or Map that is the
only thing that tells branches apart, for their events stand mixed in the history. AWS does not always keep to it
(EvaluationFailed points at 0, a Map's next iteration at the end of the one before), and logs and exports may lack it;
then the innermost open state that fits is taken. No history is refused: what cannot be told stays None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.core.trace.events import Event, read_events
from functions.core.trace.model import Attempt, Trace, Visit

ENDINGS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_SERVICES = ("Task", "LambdaFunction", "Activity")
_SCHEDULED = {f"{service}Scheduled" for service in _SERVICES}
_STARTED = {f"{service}Started" for service in _SERVICES}
_ENDED = {
    **{f"{service}Succeeded": "succeeded" for service in _SERVICES},
    **{f"{service}Failed": "failed" for service in _SERVICES},
    **{f"{service}ScheduleFailed": "failed" for service in _SERVICES},
    **{f"{service}StartFailed": "failed" for service in _SERVICES},
    **{f"{service}TimedOut": "timed_out" for service in _SERVICES},
    "TaskSubmitFailed": "failed",
}
_ABORTED = {"TaskStateAborted", "WaitStateAborted", "MapStateAborted", "ParallelStateAborted"}
_CONTAINERS = ("Map", "Parallel")
_ITERATIONS = {
    "MapIterationStarted": "started",
    "MapIterationSucceeded": "succeeded",
    "MapIterationFailed": "failed",
    "MapIterationAborted": "aborted",
}
_MAP_RUNS = {"MapRunFailed": "failed", "MapRunSucceeded": "succeeded", "MapRunAborted": "aborted"}


def read_history(events: Iterable[Mapping[str, Any]]) -> Trace:
    """The trace of an execution's raw events. Raises InvalidRequest for what is no event."""
    reader = _Reader()
    for event in read_events(events):
        reader.read(event)
    return reader.trace()


@dataclass(slots=True)
class _Try:
    scheduled: datetime
    waited: float | None
    started: datetime | None = None
    ended: datetime | None = None
    outcome: str = "running"
    error: str | None = None
    cause: str | None = None
    resource: str | None = None
    submitted: bool = False
    parameters: str | None = None
    output: str | None = None

    def frozen(self) -> Attempt:
        return Attempt(
            self.outcome, self.scheduled, self.waited,
            None if self.started is None else _milliseconds(self.scheduled, self.started),
            None if self.ended is None else _milliseconds(self.started or self.scheduled, self.ended),
            self.error, self.cause, self.resource, self.submitted, self.parameters, self.output,
        )  # fmt: skip


@dataclass(slots=True)
class _Visit:
    index: int
    state: str
    type: str
    entered: datetime
    parent: _Visit | None
    branch: int | None
    first: int
    last: int
    left: datetime | None = None
    open: bool = True
    status: str = "running"
    tries: list[_Try] = field(default_factory=list)
    error: str | None = None
    cause: str | None = None
    input: str | None = None
    output: str | None = None
    truncated: bool = False
    variables: Mapping[str, Any] | None = None
    map_run: str | None = None
    items: dict[str, int] | None = None
    branches: int = 0
    redriven: bool = False

    def ends(self, status: str, at: datetime | None) -> None:
        self.open, self.status, self.left = False, status, at

    def fails(self, outcome: str, details: Mapping[str, Any], kind: str) -> None:
        self.error = _text(details.get("error")) or kind
        self.cause = _text(details.get("cause"))
        if self.tries:
            last = self.tries[-1]
            last.outcome, last.error, last.cause = outcome, self.error, self.cause

    def frozen(self) -> Visit:
        return Visit(
            self.state, self.type, self.entered,
            None if self.left is None else _milliseconds(self.entered, self.left),
            self.status, tuple(item.frozen() for item in self.tries), self.error, self.cause, self.index,
            None if self.parent is None else self.parent.index, self.branch, self.input, self.output, self.truncated,
            self.variables, self.map_run, self.items, (self.first, self.last),
        )  # fmt: skip


@dataclass(slots=True)
class _Reader:
    visits: list[_Visit] = field(default_factory=list)
    # The visit that an event belongs to, and the branch that it opened, by the event's id.
    owners: dict[int, _Visit] = field(default_factory=dict)
    opened: dict[int, int] = field(default_factory=dict)
    # Open visits in the order they were entered: a dict, so that leaving one is cheap.
    active: dict[int, _Visit] = field(default_factory=dict)
    cut: list[_Visit] = field(default_factory=list)
    status: str = "RUNNING"
    error: str | None = None
    cause: str | None = None
    input: str | None = None
    output: str | None = None
    started: datetime | None = None
    last: datetime | None = None
    redrives: int = 0
    events: int = 0

    def read(self, event: Event) -> None:
        self.events += 1
        self.started = self.started or event.at
        self.last = event.at
        kind = event.type
        if kind.startswith("Execution"):
            self._execution(event)
            return
        owner: _Visit | None
        if kind.endswith("StateEntered"):
            owner = self._enter(event, kind.removesuffix("StateEntered"))
        elif kind.endswith("StateExited"):
            owner = self._exit(event, kind.removesuffix("StateExited"))
        elif kind in _ITERATIONS:
            owner = self._iteration(event)
        elif kind.startswith("MapRun"):
            owner = self._map_run(event)
        elif kind == "EvaluationFailed":
            owner = self._named(event, _text(event.details.get("state")))
            if owner is not None:
                owner.fails("failed", event.details, kind)
        elif kind.startswith(_CONTAINERS):
            owner = self._container(event)
        elif kind in _ABORTED:
            owner = self._within(event, (kind.removesuffix("StateAborted"),))
            if owner is not None:
                self._abort(owner, event.at)
        else:
            owner = self._attempt(event)
        if owner is not None:
            self.owners[event.id] = owner
            owner.last = max(owner.last, event.id)

    def trace(self) -> Trace:
        ended = self.status != "RUNNING" and self.started is not None and self.last is not None
        total = _milliseconds(self.started, self.last) if ended and self.started and self.last else None
        return Trace(
            tuple(visit.frozen() for visit in self.visits), self.status, total, self.error, self.cause, self.input,
            self.output, self.started, self.last if ended else None, self.redrives, self.events,
        )  # fmt: skip

    def _execution(self, event: Event) -> None:
        details = event.details
        if event.type == "ExecutionStarted":
            self.input = _text(details.get("input"))
        elif event.type == "ExecutionRedriven":
            self.status, self.error, self.cause = "RUNNING", None, None
            self.redrives += 1
            # Unsuccessful states go on where they were; AWS may log them as entered again.
            for visit in self.cut:
                visit.open, visit.status, visit.left = True, "running", None
                visit.redriven = True
                self.active[visit.index] = visit
            self.cut = []
        elif event.type in ENDINGS:
            self.status = ENDINGS[event.type]
            self.error, self.cause = _text(details.get("error")), _text(details.get("cause"))
            self.output = _text(details.get("output"))
            self._cut(event)

    def _cut(self, event: Event) -> None:
        """The execution's end is the end of every state that was not left."""
        for visit in list(self.active.values()):
            if visit.error or visit.type == "Fail" or self.status == "FAILED":
                visit.error = visit.error or self.error
                visit.cause = visit.cause or self.cause
                visit.ends("failed", event.at)
            else:
                visit.ends({"TIMED_OUT": "timed_out"}.get(self.status, "aborted"), None)
                if visit.tries and visit.tries[-1].outcome == "running":
                    visit.tries[-1].outcome = visit.status
            self.cut.append(visit)
        self.active.clear()

    def _enter(self, event: Event, kind: str) -> _Visit:
        before = self.owners.get(event.previous)
        name = _text(event.details.get("name")) or "?"
        parent: _Visit | None = None
        branch: int | None = None
        if before is not None and before.open and before.type in _CONTAINERS and before.state != name:
            parent = before
            branch = self.opened.get(event.previous)
            if branch is None:
                branch, parent.branches = parent.branches, parent.branches + 1
        elif before is not None:
            parent, branch = before.parent, before.branch
        elif event.previous == 0 and self.visits:
            parent = self._last(_CONTAINERS)
        self._resumed(name, kind)
        visit = _Visit(len(self.visits), name, kind, event.at, parent, branch, event.id, event.id)
        visit.input = _text(event.details.get("input"))
        visit.truncated = _cut_short(event.details.get("inputDetails"))
        self.visits.append(visit)
        self.active[visit.index] = visit
        return visit

    def _resumed(self, name: str, kind: str) -> None:
        """After a redrive, a state that is entered again ends the visit that had failed."""
        if not self.redrives:
            return
        for visit in list(self.active.values()):
            if visit.state == name and visit.type == kind and (visit.error or kind == "Fail"):
                self._close(visit, "failed", None)

    def _exit(self, event: Event, kind: str) -> _Visit | None:
        visit = self._named(event, _text(event.details.get("name")), kind)
        if visit is None:
            return None
        cured = bool(visit.tries) and visit.tries[-1].outcome in ("succeeded", "running")
        failed = visit.error is not None and not cured
        if not failed:
            visit.error = visit.cause = None
        self._close(visit, "caught" if failed else "succeeded", event.at)
        for item in visit.tries[-1:]:
            if item.outcome == "running":
                item.outcome, item.ended = "succeeded", event.at
        visit.output = _text(event.details.get("output"))
        visit.truncated = visit.truncated or _cut_short(event.details.get("outputDetails"))
        variables = event.details.get("assignedVariables")
        visit.variables = variables if isinstance(variables, Mapping) else None
        return visit

    def _close(self, visit: _Visit, status: str, at: datetime | None) -> None:
        visit.ends(status, at)
        self.active.pop(visit.index, None)

    def _abort(self, visit: _Visit, at: datetime) -> None:
        self._close(visit, "aborted", at)
        for item in visit.tries[-1:]:
            if item.outcome == "running":
                item.outcome, item.ended = "aborted", at

    def _attempt(self, event: Event) -> _Visit | None:
        visit = self._within(event, ("Task",))
        if visit is None:
            return None
        kind, details = event.type, event.details
        if kind in _SCHEDULED:
            waited = self._waited(visit, event)
            item = _Try(event.at, waited, resource=_resource(details))
            item.parameters = _text(details.get("parameters", details.get("input")))
            visit.tries.append(item)
        elif not visit.tries:
            if kind in _ENDED and _ENDED[kind] != "succeeded":
                visit.fails(_ENDED[kind], details, kind)
        elif kind in _STARTED:
            visit.tries[-1].started = event.at
        elif kind == "TaskSubmitted":
            visit.tries[-1].submitted = True
        elif kind in _ENDED:
            item = visit.tries[-1]
            item.outcome, item.ended = _ENDED[kind], event.at
            if item.outcome == "succeeded":
                item.output = _text(details.get("output"))
                visit.truncated = visit.truncated or _cut_short(details.get("outputDetails"))
                visit.error = visit.cause = None
            else:
                visit.fails(item.outcome, details, kind)
        return visit

    def _waited(self, visit: _Visit, event: Event) -> float | None:
        """The back-off in front of a retry; what passed until a redrive is nobody's waiting."""
        again, visit.redriven = visit.redriven, False
        before = visit.tries[-1] if visit.tries else None
        return _milliseconds(before.ended, event.at) if before and before.ended and not again else None

    def _container(self, event: Event) -> _Visit | None:
        kind = "Map" if event.type.startswith("Map") else "Parallel"
        visit = self._within(event, (kind,))
        if visit is None:
            return None
        what = event.type.removeprefix(f"{kind}State")
        if what == "Started":
            self._restart(visit, event)
        elif what == "Aborted":
            self._close_inner(visit, event.at)
            self._abort(visit, event.at)
        elif visit.tries:
            item = visit.tries[-1]
            item.outcome, item.ended = ("succeeded" if what == "Succeeded" else "failed"), event.at
            if what == "Failed":
                self._failed_inside(visit, event)
        elif what == "Failed":
            self._failed_inside(visit, event)
        return visit

    def _restart(self, visit: _Visit, event: Event) -> None:
        before = visit.tries[-1] if visit.tries else None
        if before is not None and before.outcome == "running":
            before.outcome, before.ended = "failed", event.at
            inner = self._failing(visit)
            before.error = inner.error if inner else None
        self._close_inner(visit, event.at)
        waited = self._waited(visit, event)
        visit.tries.append(_Try(event.at, waited, started=event.at))
        visit.branches = 0
        length = event.details.get("length")
        if visit.type == "Map":
            visit.items = {"total": _count(length) or 0}

    def _failed_inside(self, visit: _Visit, event: Event) -> None:
        """A Map or Parallel fails with what failed inside it, which its own event does not name."""
        inner = self._failing(visit)
        if inner is not None:
            visit.error, visit.cause = inner.error, inner.cause
        visit.error = visit.error or event.type
        if visit.tries:
            visit.tries[-1].error, visit.tries[-1].cause = visit.error, visit.cause
        self._close_inner(visit, event.at)

    def _failing(self, visit: _Visit) -> _Visit | None:
        inside = (item for item in reversed(self.visits[visit.index + 1 :]) if item.parent is visit)
        return next((item for item in inside if item.error and item.status in ("running", "failed")), None)

    def _close_inner(self, visit: _Visit, at: datetime, branch: int | None = None) -> None:
        for inner in list(self.active.values()):
            if inner.parent is visit and branch in (None, inner.branch):
                self._close_inner(inner, at)
                failed = inner.error is not None or inner.type == "Fail"
                self._close(inner, "failed" if failed else "aborted", at)

    def _iteration(self, event: Event) -> _Visit | None:
        visit = self._named(event, _text(event.details.get("name")), "Map")
        if visit is None:
            return None
        what = _ITERATIONS[event.type]
        items = visit.items = visit.items or {}
        items[what] = items.get(what, 0) + 1
        index = event.details.get("index")
        number = _count(index)
        if what == "started":
            if number is not None:
                self.opened[event.id] = number
        elif what != "succeeded" and number is not None:
            self._close_inner(visit, event.at, number)
        return visit

    def _map_run(self, event: Event) -> _Visit | None:
        visit = self._within(event, ("Map",))
        if visit is None:
            return None
        if event.type in ("MapRunStarted", "MapRunRedriven"):
            visit.map_run = _text(event.details.get("mapRunArn")) or visit.map_run
        elif event.type in _MAP_RUNS and _MAP_RUNS[event.type] != "succeeded":
            visit.fails(_MAP_RUNS[event.type], event.details, event.type)
        return visit

    def _within(self, event: Event, kinds: tuple[str, ...]) -> _Visit | None:
        """The open visit of a type that the event before belongs to or is inside of; else the last open one."""
        visit = self.owners.get(event.previous)
        while visit is not None and not (visit.open and visit.type in kinds):
            visit = visit.parent
        return visit or self._last(kinds)

    def _named(self, event: Event, name: str | None, kind: str | None = None) -> _Visit | None:
        visit = self.owners.get(event.previous)
        while visit is not None and not (visit.open and (name is None or visit.state == name)):
            visit = visit.parent
        if visit is not None and (kind is None or visit.type == kind):
            return visit
        fitting = (item for item in reversed(self.active.values()) if name is None or item.state == name)
        return next((item for item in fitting if kind is None or item.type == kind), None)

    def _last(self, kinds: tuple[str, ...]) -> _Visit | None:
        return next((visit for visit in reversed(self.active.values()) if visit.type in kinds), None)


def _resource(details: Mapping[str, Any]) -> str | None:
    """`lambda:invoke`, `sqs:sendMessage.waitForTaskToken`, or the ARN of a Lambda function or activity."""
    kind, resource = details.get("resourceType"), details.get("resource")
    return f"{kind}:{resource}" if isinstance(kind, str) else _text(resource)


def _cut_short(details: object) -> bool:
    return isinstance(details, Mapping) and str(details.get("truncated", "")).lower() == "true"


def _count(value: object) -> int | None:
    """A number of the API, which is text in a log line."""
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _milliseconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
