"""Turns events into a trace. It accepts every history: unknown values stay None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stepguard.trace.drafts import Draft, milliseconds, text
from stepguard.trace.events import Event, read_events
from stepguard.trace.model import Trace
from stepguard.trace.open_states import CONTAINERS, OpenStates

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
_ITERATIONS = {
    "MapIterationStarted": "started",
    "MapIterationSucceeded": "succeeded",
    "MapIterationFailed": "failed",
    "MapIterationAborted": "aborted",
}
_MAP_RUNS = {"MapRunFailed": "failed", "MapRunAborted": "aborted"}


def read_history(events: Iterable[Mapping[str, Any]]) -> Trace:
    """The trace of an execution's raw events. Raises InvalidRequest if an event has no type."""
    reader = _Reader()
    for event in read_events(events):
        reader.read(event)
    return reader.trace()


@dataclass(slots=True)
class _Reader:
    states: OpenStates = field(default_factory=OpenStates)
    cut: list[Draft] = field(default_factory=list)
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
        owner: Draft | None
        if kind.startswith("Execution"):
            self._execution(event)
            return
        if kind.endswith("StateEntered"):
            owner = self._enter(event, kind.removesuffix("StateEntered"))
        elif kind.endswith("StateExited"):
            owner = self._exit(event, kind.removesuffix("StateExited"))
        elif kind in _ITERATIONS:
            owner = self._iteration(event)
        elif kind.startswith("MapRun"):
            owner = self._map_run(event)
        elif kind == "EvaluationFailed":
            owner = self.states.named(event, member="state")
            if owner is not None:
                owner.fail("failed", event.details, kind)
        elif kind.startswith(CONTAINERS):
            owner = self._container(event)
        elif kind in _ABORTED:
            owner = self.states.within(event, (kind.removesuffix("StateAborted"),))
            if owner is not None:
                self.states.abort(owner, event.at)
        else:
            owner = self._attempt(event)
        if owner is not None:
            self.states.own(event, owner)

    def trace(self) -> Trace:
        ended = self.status != "RUNNING" and self.started is not None and self.last is not None
        total = milliseconds(self.started, self.last) if ended and self.started and self.last else None
        return Trace(
            tuple(draft.frozen() for draft in self.states.visits), self.status, total, self.error, self.cause,
            self.input, self.output, self.started, self.last if ended else None, self.redrives, self.events,
        )  # fmt: skip

    def _execution(self, event: Event) -> None:
        details = event.details
        if event.type == "ExecutionStarted":
            self.input = text(details.get("input"))
        elif event.type == "ExecutionRedriven":
            self.status, self.error, self.cause = "RUNNING", None, None
            self.redrives += 1
            # Unsuccessful states continue; AWS may log them as entered again.
            for draft in self.cut:
                self.states.resume(draft)
            self.cut = []
        elif event.type in ENDINGS:
            self.status = ENDINGS[event.type]
            self.error, self.cause = text(details.get("error")), text(details.get("cause"))
            self.output = text(details.get("output"))
            self._cut(event)

    def _cut(self, event: Event) -> None:
        """End every open state with the execution."""
        for draft in self.states.active():
            visit = draft.visit
            if visit.error or visit.type == "Fail" or self.status == "FAILED":
                draft.note(error=visit.error or self.error, cause=visit.cause or self.cause)
                self.states.close(draft, "failed", event.at)
            else:
                status = "timed_out" if self.status == "TIMED_OUT" else "aborted"
                self.states.close(draft, status, None)
                if draft.trying:
                    draft.note_try(outcome=status)
            self.cut.append(draft)

    def _enter(self, event: Event, kind: str) -> Draft:
        if self.redrives:
            self._end_redriven(text(event.details.get("name")) or "?", kind)
        draft = self.states.enter(event, kind)
        draft.note(input=text(event.details.get("input")), truncated=_cut_short(event.details.get("inputDetails")))
        return draft

    def _end_redriven(self, name: str, kind: str) -> None:
        """After a redrive, entering a state again ends its failed visit."""
        for draft in self.states.active():
            visit = draft.visit
            if (visit.state, visit.type) == (name, kind) and (visit.error or kind == "Fail"):
                self.states.close(draft, "failed", None)

    def _exit(self, event: Event, kind: str) -> Draft | None:
        draft = self.states.named(event, kind)
        if draft is None:
            return None
        cured = bool(draft.tries) and draft.tries[-1].outcome in ("succeeded", "running")
        failed = draft.visit.error is not None and not cured
        self.states.close(draft, "caught" if failed else "succeeded", event.at)
        if draft.trying:
            draft.end_try("succeeded", event.at)
        variables = event.details.get("assignedVariables")
        draft.note(
            output=text(event.details.get("output")),
            truncated=draft.visit.truncated or _cut_short(event.details.get("outputDetails")),
            variables=variables if isinstance(variables, Mapping) else None,
            **({} if failed else {"error": None, "cause": None}),
        )
        return draft

    def _attempt(self, event: Event) -> Draft | None:
        draft = self.states.within(event, ("Task",))
        if draft is None:
            return None
        kind, details = event.type, event.details
        if kind in _SCHEDULED:
            parameters = text(details.get("parameters", details.get("input")))
            draft.begin_try(event.at, resource=_resource(details), parameters=parameters)
        elif not draft.tries:
            if kind in _ENDED and _ENDED[kind] != "succeeded":
                draft.fail(_ENDED[kind], details, kind)
        elif kind in _STARTED:
            draft.start_try(event.at)
        elif kind == "TaskSubmitted":
            draft.note_try(submitted=True)
        elif kind in _ENDED and _ENDED[kind] != "succeeded":
            draft.end_try(_ENDED[kind], event.at)
            draft.fail(_ENDED[kind], details, kind)
        elif kind in _ENDED:
            draft.end_try("succeeded", event.at, output=text(details.get("output")))
            truncated = draft.visit.truncated or _cut_short(details.get("outputDetails"))
            draft.note(error=None, cause=None, truncated=truncated)
        return draft

    def _container(self, event: Event) -> Draft | None:
        kind = "Map" if event.type.startswith("Map") else "Parallel"
        draft = self.states.within(event, (kind,))
        if draft is None:
            return None
        what = event.type.removeprefix(f"{kind}State")
        if what == "Started":
            self._restart(draft, event)
        elif what == "Aborted":
            self.states.close_inner(draft, event.at)
            self.states.abort(draft, event.at)
        else:
            if draft.tries:
                draft.end_try("succeeded" if what == "Succeeded" else "failed", event.at)
            if what == "Failed":
                self._failed_inside(draft, event)
        return draft

    def _restart(self, draft: Draft, event: Event) -> None:
        if draft.trying:
            inner = self.states.failing(draft)
            draft.end_try("failed", event.at, error=inner.visit.error if inner else None)
        self.states.close_inner(draft, event.at)
        draft.begin_try(event.at)
        draft.start_try(event.at)
        draft.branches = 0
        if draft.visit.type == "Map":
            draft.note(items={"total": _count(event.details.get("length")) or 0})

    def _failed_inside(self, draft: Draft, event: Event) -> None:
        """A Map or Parallel fails with the error inside it, which its own event does not contain."""
        inner = self.states.failing(draft)
        if inner is not None:
            draft.note(error=inner.visit.error, cause=inner.visit.cause)
        draft.note(error=draft.visit.error or event.type)
        if draft.tries:
            draft.note_try(error=draft.visit.error, cause=draft.visit.cause)
        self.states.close_inner(draft, event.at)

    def _iteration(self, event: Event) -> Draft | None:
        draft = self.states.named(event, "Map")
        if draft is None:
            return None
        what = _ITERATIONS[event.type]
        items = draft.visit.items or {}
        draft.note(items={**items, what: items.get(what, 0) + 1})
        number = _count(event.details.get("index"))
        if number is not None and what == "started":
            self.states.open_branch(event, number)
        elif number is not None and what != "succeeded":
            self.states.close_inner(draft, event.at, number)
        return draft

    def _map_run(self, event: Event) -> Draft | None:
        draft = self.states.within(event, ("Map",))
        if draft is None:
            return None
        if event.type in ("MapRunStarted", "MapRunRedriven"):
            draft.note(map_run=text(event.details.get("mapRunArn")) or draft.visit.map_run)
        elif event.type in _MAP_RUNS:
            draft.fail(_MAP_RUNS[event.type], event.details, event.type)
        return draft


def _resource(details: Mapping[str, Any]) -> str | None:
    """`lambda:invoke`, `sqs:sendMessage.waitForTaskToken`, or the ARN of a Lambda function or activity."""
    kind, resource = details.get("resourceType"), details.get("resource")
    return f"{kind}:{resource}" if isinstance(kind, str) else text(resource)


def _cut_short(details: object) -> bool:
    return isinstance(details, Mapping) and str(details.get("truncated", "")).lower() == "true"


def _count(value: object) -> int | None:
    """A number of the API, which is a text in a log line."""
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else None
