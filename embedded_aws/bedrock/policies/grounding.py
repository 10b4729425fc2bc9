"""Contextual grounding: is an answer supported by its source, and does it answer the query?

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-contextual-grounding-check.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.bedrock.detection import Detection
from embedded_aws.bedrock.policies.base import Direction, Entry, Section, action, text_units
from embedded_aws.wire import ServiceError

# Characters (AWS general reference, Bedrock quotas).
_LONGEST = {"grounding source": 100_000, "query": 1_000, "content to guard": 5_000}


@dataclass(frozen=True, slots=True)
class Grounding:
    """The texts to compare: all grounding sources, the query, and the answer; empty if the request has none."""

    source: str
    query: str
    answer: str


def active(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The filters that are switched on."""
    return [entry for entry in policy.get("filtersConfig") or [] if entry.get("enabled", True) is not False]


def check(grounding: Grounding) -> None:
    """Raise ServiceError(ValidationException) unless all three texts are there and within their quotas."""
    texts = {
        "grounding source": grounding.source,
        "query": grounding.query,
        "content to guard": grounding.answer,
    }
    for name, text in texts.items():
        if not text.strip():
            raise ServiceError(
                "ValidationException",
                f"The provided request does not contain the {name}. Grounding source, query and content to guard are "
                "required for Guardrails contextual grounding policy evaluation.",
            )
        if len(text) > _LONGEST[name]:
            raise ServiceError(
                "ValidationException",
                f"The {name} has {len(text)} characters; Guardrails contextual grounding policy evaluation takes at "
                f"most {_LONGEST[name]}.",
            )


def assess(
    policy: Mapping[str, Any], direction: Direction, grounding: Grounding, detection: Detection
) -> Section | None:
    """The policy's section; None for inputs and when no filter is switched on."""
    filters = active(policy)
    if direction == "INPUT" or not filters:
        return None
    check(grounding)
    found = detection.grounding(grounding.source, grounding.query, grounding.answer)
    scores = {"GROUNDING": found.grounding, "RELEVANCE": found.relevance}
    characters = len(grounding.source) + len(grounding.query) + len(grounding.answer)
    return Section(
        name="contextualGroundingPolicy",
        lists={"filters": [_entry(entry, scores[entry["type"]]) for entry in filters]},
        units={"contextualGroundingPolicyUnits": text_units(characters)},
    )


def _entry(entry: Mapping[str, Any], score: float) -> Entry:
    score = round(min(1.0, max(0.0, float(score))), 4)
    detected = score < entry["threshold"]
    return {
        "type": entry["type"],
        "threshold": entry["threshold"],
        "score": score,
        "action": action(entry, "OUTPUT") if detected else "NONE",
        "detected": detected,
    }
