"""Contextual grounding: whether a guardrail checks an answer against its passages, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GROUNDING_UNITS = "contextualGroundingPolicyUnits"
"""The text units of the policy in a verdict; a verdict without them did not check the grounding."""

UNGROUNDED = "the answer was not checked against its passages"


def checks_grounding(guardrail: Mapping[str, Any]) -> bool:
    """Whether a response of GetGuardrail, or a request of CreateGuardrail, has an enabled GROUNDING filter."""
    policy = guardrail.get("contextualGroundingPolicy") or guardrail.get("contextualGroundingPolicyConfig") or {}
    filters = policy.get("filters") or policy.get("filtersConfig") or ()
    return any(entry.get("type") == "GROUNDING" and entry.get("enabled") is not False for entry in filters)


def is_ungrounded(document: Mapping[str, Any]) -> bool:
    """Whether an execution document holds a delivered answer to passages that no guardrail checked against them."""
    request, model, answer = (_mapping(document.get(key)) for key in ("request", "model", "answer"))
    checked = _mapping(model.get("text_units")).get(GROUNDING_UNITS)
    found = request.get("passages") or _mapping(_mapping(document.get("context")).get("passages")).get("passages")
    return bool(found and model and answer.get("got_hits") == 1 and not checked)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
