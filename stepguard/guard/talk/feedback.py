"""What a person says about an answer: thumb up or down, and a reason, of which only what the input layer let pass is
kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stepguard.guard.answer import Answer, AnswerOutcome
from stepguard.guard.errors import InvalidRequest

REASON_CHARACTERS = 1_000
"""The longest reason: one text unit of a guardrail."""

NO_SOURCE = "none"
"""The source of an answer that is none, as in the metric."""


class Thumb(StrEnum):
    """The two values."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One caller's feedback on one answer. `policies` are those that acted on it; `at` is when the question came."""

    execution: str
    thumb: Thumb
    outcome: str
    source: str
    at: str
    policies: tuple[str, ...] = ()
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The feedback as JSON."""
        return {
            "execution": self.execution,
            "thumb": str(self.thumb),
            "outcome": self.outcome,
            "source": self.source,
            "policies": list(self.policies),
            "reason": self.reason,
            "at": self.at,
        }


def read_thumb(document: Mapping[str, Any]) -> tuple[Thumb, str | None]:
    """The `thumb` and the `reason` of a request's body; a blank reason is none. Raises InvalidRequest."""
    thumb, reason = document.get("thumb"), document.get("reason")
    if thumb not in tuple(Thumb):
        raise InvalidRequest('\'thumb\' must be "up" or "down".')
    if reason is not None and not isinstance(reason, str):
        raise InvalidRequest("'reason' must be a string.")
    if reason is not None and len(reason) > REASON_CHARACTERS:
        raise InvalidRequest(f"'reason' has {len(reason)} characters; at most {REASON_CHARACTERS} are allowed.")
    return Thumb(thumb), (reason or "").strip() or None


def feedback_on(answer: Answer | None, execution: str, at: str, thumb: Thumb) -> Feedback:
    """Feedback without a reason on an answer; None is that of an execution that failed."""
    if answer is None:
        return Feedback(execution, thumb, AnswerOutcome.UNAVAILABLE, NO_SOURCE, at)
    acted = {
        str(finding["policy"])
        for verdict in answer.verdicts
        for finding in verdict["findings"]
        if finding["action"] != "NONE"
    }
    source = NO_SOURCE if answer.source is None else str(answer.source)
    return Feedback(execution, thumb, str(answer.outcome), source, at, tuple(sorted(acted)))


def feedback_key(at: str) -> str:
    """The partition of the feedback on the answers of a day; `at` is an ISO 8601 time in UTC."""
    return f"feedback#{at[:10]}"
