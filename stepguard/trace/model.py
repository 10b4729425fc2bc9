"""The parts of a trace: visits of states, and the attempts of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from stepguard.guard.stages import STAGE_OF


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a Task, Map or Parallel state.

    `waited` is the milliseconds since the attempt before it failed (the retry's back-off), `queued` those until it
    started, `milliseconds` those until it ended; None until then. `outcome` is `succeeded`, `failed`, `timed_out`,
    `aborted` or `running`.
    """

    outcome: str
    scheduled: datetime
    waited: float | None = None
    queued: float | None = None
    milliseconds: float | None = None
    error: str | None = None
    cause: str | None = None
    resource: str | None = None
    submitted: bool = False
    parameters: str | None = None
    output: str | None = None

    @property
    def request_id(self) -> str | None:
        """The request id of the AWS call, e.g. Lambda's, if the history contains it."""
        document = parsed(self.output)
        for member in ("SdkResponseMetadata", "SdkHttpMetadata"):
            held = document.get(member) if isinstance(document, dict) else None
            if isinstance(held, dict) and isinstance(held.get("RequestId"), str):
                return str(held["RequestId"])
        return None

    def to_dict(self) -> dict[str, Any]:
        """The attempt as JSON, without the members that do not apply to it."""
        full = {
            "outcome": self.outcome,
            "scheduled": self.scheduled.isoformat(),
            "waited": rounded(self.waited),
            "queued": rounded(self.queued),
            "milliseconds": rounded(self.milliseconds),
            "error": self.error,
            "cause": self.cause,
            "resource": self.resource,
            "request_id": self.request_id,
            "submitted": self.submitted or None,
        }
        return {key: value for key, value in full.items() if value is not None}


@dataclass(frozen=True)
class Visit:
    """One visit of a state.

    `status` is `succeeded`, `caught`, `failed`, `timed_out`, `aborted` or `running`. `milliseconds` is None until the
    state ends. `error` is the last attempt's, if no later one succeeded. `parent` is the index of the visit of the Map
    or Parallel around it, `branch` the item or branch there. `input` and `output` are JSON texts; None if the history
    does not contain them; `truncated` if the history marks them as cut. `events` are the ids of its first and last
    event.
    """

    state: str
    type: str
    entered: datetime
    milliseconds: float | None = None
    status: str = "running"
    tries: tuple[Attempt, ...] = ()
    error: str | None = None
    cause: str | None = None
    index: int = 0
    parent: int | None = None
    branch: int | None = None
    input: str | None = None
    output: str | None = None
    truncated: bool = False
    variables: Mapping[str, Any] | None = None
    map_run: str | None = None
    items: Mapping[str, int] | None = None
    events: tuple[int, int] = (0, 0)

    @property
    def attempts(self) -> int:
        """The number of times its Task was scheduled, or its Map or Parallel started."""
        return len(self.tries)

    @cached_property
    def result(self) -> Mapping[str, Any] | None:
        """The result of a guard stage, a part of the box or the model call: `{outcome, findings, ...}`; None for other
        states."""
        stage = STAGE_OF.get(self.state)
        if stage is None:
            return None
        output = parsed(self.output)
        return stage.result(output) if isinstance(output, dict) else None

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The complete findings of a guard stage."""
        found = (self.result or {}).get("findings")
        return [item for item in found if _is_finding(item)] if isinstance(found, list) else []

    @property
    def outcome(self) -> str | None:
        """The verdict of a guard stage or the model call; `error` or `running` if it wrote none."""
        if self.state not in STAGE_OF:
            return None
        outcome = (self.result or {}).get("outcome")
        return outcome if isinstance(outcome, str) else ("error" if self.error else "running")

    def to_stage(self) -> dict[str, Any]:
        """The stage for the API, the command line and results: `{state, outcome, findings, milliseconds, attempts}`."""
        stage = {
            "state": self.state,
            "outcome": self.outcome,
            "findings": self.findings,
            "milliseconds": rounded(self.milliseconds),
            "attempts": self.attempts,
        }
        return stage | ({"error": self.error} if self.error else {})


@dataclass(frozen=True)
class Trace:
    """The path of states of one execution. `error` and `cause` are the execution's own."""

    visits: tuple[Visit, ...]
    status: str
    milliseconds: float | None
    error: str | None = None
    cause: str | None = None
    input: str | None = None
    output: str | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    redrives: int = 0
    events: int = 0

    @property
    def path(self) -> list[str]:
        """The names of the states, in the order they were entered."""
        return [visit.state for visit in self.visits]

    def stages(self) -> list[dict[str, Any]]:
        """The guard stages, the parts of the box and the model call, in order."""
        return [visit.to_stage() for visit in self.visits if visit.state in STAGE_OF]


def _is_finding(item: object) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(key), str) for key in ("policy", "name", "action"))


def parsed(text: str | None) -> Any:
    """A JSON document, or None if it is missing or was cut."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def rounded(value: float | None) -> float | None:
    """Milliseconds to one decimal."""
    return None if value is None else round(value, 1)
