"""`--fail-under recall=0.9,content/VIOLENCE:precision=0.8`: an exit code for continuous integration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.guard.errors import InvalidRequest

METRICS = ("precision", "recall", "f1", "accuracy", "correct")


@dataclass(frozen=True, slots=True)
class Gate:
    """A metric that must reach a limit; of one policy, or of all interventions."""

    metric: str
    limit: float
    policy: str = ""

    def value(self, scorecard: Mapping[str, Any]) -> float | None:
        """The metric's value; None if the scorecard has no data for it."""
        if self.policy:
            rows = [row for row in scorecard["policies"] if row["policy"] == self.policy]
            found = rows[0].get(self.metric) if rows else None
        else:
            found = scorecard["correct"] if self.metric == "correct" else scorecard["intervention"][self.metric]
        return found["value"] if isinstance(found, Mapping) else found

    def passes(self, scorecard: Mapping[str, Any]) -> bool:
        """Whether the limit is reached; a metric without a value reaches no limit."""
        value = self.value(scorecard)
        return value is not None and value >= self.limit

    def describe(self, scorecard: Mapping[str, Any]) -> str:
        """The gate in words."""
        value = self.value(scorecard)
        name = f"{self.policy}:{self.metric}" if self.policy else self.metric
        return f"{name} is {'unknown' if value is None else f'{value:.4f}'}, not at least {self.limit:g}"


def gates_of(text: str | None) -> list[Gate]:
    """Read the option. Raises InvalidRequest."""
    return [_gate(part) for part in (text or "").split(",") if part.strip()]


def _gate(text: str) -> Gate:
    name, _, limit = text.strip().rpartition("=")
    policy, _, metric = name.rpartition(":")
    try:
        least = float(limit)
    except ValueError:
        least = -1.0
    if metric not in METRICS or not 0 <= least <= 1 or (policy and metric == "correct"):
        raise InvalidRequest(
            f"--fail-under takes METRIC=LIMIT or POLICY:METRIC=LIMIT with a metric of {', '.join(METRICS)} and a limit "
            "from 0 to 1, such as recall=0.9."
        )
    return Gate(metric, least, policy)
