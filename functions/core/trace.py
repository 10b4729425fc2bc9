"""An execution history read back as the story of one answer: the states passed, and what each guard stage did.

Event shapes: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html. This first version
reads the sequential chat workflow: states entered and left, attempts of Tasks, how the execution ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from functions.core.answer import STAGES

KEYS = {state: key for key, state in STAGES.items()}


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of a state. `milliseconds` is None while it is not left; `error` is the last attempt's."""

    state: str
    type: str
    entered: datetime
    milliseconds: float | None = None
    attempts: int = 0
    error: str | None = None
    result: Mapping[str, Any] | None = None

    def to_stage(self) -> dict[str, Any]:
        """The stage as API, command line and results show it: `{state, outcome, findings, milliseconds, attempts}`."""
        result = self.result or {}
        stage = {
            "state": self.state,
            "outcome": result.get("outcome", "error" if self.error else "running"),
            "findings": result.get("findings", []),
            "milliseconds": None if self.milliseconds is None else round(self.milliseconds, 1),
            "attempts": self.attempts,
        }
        return stage | ({"error": self.error} if self.error else {})


@dataclass(frozen=True, slots=True)
class Trace:
    """The path of states of one execution. `error` and `cause` are the execution's own."""

    visits: tuple[Visit, ...]
    status: str
    milliseconds: float | None
    error: str | None = None
    cause: str | None = None

    @property
    def path(self) -> list[str]:
        """The names of the states, in the order they were entered."""
        return [visit.state for visit in self.visits]

    def stages(self) -> list[dict[str, Any]]:
        """The guard stages and the model call, in order."""
        return [visit.to_stage() for visit in self.visits if visit.state in KEYS]


_ENDINGS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}
_FAILED_ATTEMPTS = {
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "TaskStartFailed": "taskStartFailedEventDetails",
    "LambdaFunctionFailed": "lambdaFunctionFailedEventDetails",
    "LambdaFunctionTimedOut": "lambdaFunctionTimedOutEventDetails",
}


def read_history(events: Iterable[Mapping[str, Any]]) -> Trace:
    """The trace of an execution's events, in their order."""
    visits: list[Visit] = []
    status, error, cause = "RUNNING", None, None
    started: datetime | None = None
    last: datetime | None = None
    for event in events:
        kind, moment = event["type"], event["timestamp"]
        started, last = started or moment, moment
        if kind.endswith("StateEntered"):
            details = event.get("stateEnteredEventDetails") or {}
            visits.append(Visit(details.get("name", "?"), kind.removesuffix("StateEntered"), moment))
        elif kind.endswith("StateExited") and visits:
            visits[-1] = _left(visits[-1], event)
        elif kind in ("TaskScheduled", "LambdaFunctionScheduled") and visits:
            visits[-1] = replace(visits[-1], attempts=visits[-1].attempts + 1)
        elif kind in _FAILED_ATTEMPTS and visits:
            details = event.get(_FAILED_ATTEMPTS[kind]) or {}
            visits[-1] = replace(
                visits[-1], error=details.get("error", kind), milliseconds=_between(visits[-1], moment)
            )
        elif kind in _ENDINGS:
            status = _ENDINGS[kind]
            details = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails") or {}
            error, cause = details.get("error"), details.get("cause")
    ended = status != "RUNNING" and started is not None and last is not None
    total = _milliseconds(started, last) if ended and started and last else None
    return Trace(tuple(visits), status, total, error, cause)


def _left(visit: Visit, event: Mapping[str, Any]) -> Visit:
    output = _document((event.get("stateExitedEventDetails") or {}).get("output"))
    result = output.get(KEYS[visit.state]) if visit.state in KEYS else None
    error = visit.error if result is None else None
    return replace(visit, milliseconds=_between(visit, event["timestamp"]), result=result, error=error)


def _document(text: str | None) -> Mapping[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _between(visit: Visit, moment: datetime) -> float:
    return _milliseconds(visit.entered, moment)


def _milliseconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
