"""Contextual grounding: whether a guardrail checks an answer against its passages, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stepguard.guard.bedrock_names import NONE
from stepguard.guard.stages import Outcome
from stepguard.guard.verdict import Verdict

GROUNDING_UNITS = "contextualGroundingPolicyUnits"
"""The text units of the policy in a verdict; a verdict without them did not check the grounding."""

POLICY = "contextual_grounding"
"""The policy's name in findings."""

QUERY_CHARACTERS = 1_000
"""The longest query that contextual grounding takes."""

ANSWER_CHARACTERS = 5_000
"""The longest answer that contextual grounding takes."""

UNGROUNDED = "the answer was not checked against its passages"


def checks_grounding(guardrail: Mapping[str, Any]) -> bool:
    """Whether a response of GetGuardrail, or a request of CreateGuardrail, has an enabled GROUNDING filter."""
    policy = guardrail.get("contextualGroundingPolicy") or guardrail.get("contextualGroundingPolicyConfig") or {}
    filters = policy.get("filters") or policy.get("filtersConfig") or ()
    return any(entry.get("type") == "GROUNDING" and entry.get("enabled") is not False for entry in filters)


def query_of(question: str) -> tuple[str, str]:
    """The part of a question that contextual grounding takes as the query, and the rest; cut at white space."""
    if len(question) <= QUERY_CHARACTERS:
        return question, ""
    end = max(question.rfind(" ", 1, QUERY_CHARACTERS), question.rfind("\n", 1, QUERY_CHARACTERS))
    end = end + 1 if end > 0 else QUERY_CHARACTERS
    return question[:end], question[end:]


def only_ungrounded(verdict: Verdict) -> bool:
    """Whether contextual grounding is all that found anything, and blocked."""
    return verdict.blocked and bool(verdict.findings) and all(item.policy == POLICY for item in verdict.findings)


def without_grounding(verdict: Verdict, text: str) -> Verdict:
    """The verdict of the other policies on a text. If they masked a text that grounding blocked, it stays blocked: the
    response has no masked text then.
    """
    passed = only_ungrounded(verdict)
    return replace(
        verdict,
        outcome=Outcome.PASSED if passed else verdict.outcome,
        text=text if passed else verdict.text,
        message=None if passed else verdict.message,
        findings=tuple(item for item in verdict.findings if item.policy != POLICY),
        scores=tuple(item for item in verdict.scores if item.policy != POLICY),
    )


def released(verdict: Verdict, text: str) -> Verdict:
    """A verdict that only contextual grounding blocked, as one that passed; its findings stay, without an effect."""
    findings = tuple(replace(item, action=NONE) for item in verdict.findings)
    return replace(verdict, outcome=Outcome.PASSED, text=text, message=None, findings=findings)


def is_ungrounded(document: Mapping[str, Any]) -> bool:
    """Whether an execution document holds a delivered answer to passages that no guardrail checked against them."""
    request, model, answer = (_mapping(document.get(key)) for key in ("request", "model", "answer"))
    checked = _mapping(model.get("text_units")).get(GROUNDING_UNITS)
    found = request.get("passages") or _mapping(_mapping(document.get("context")).get("passages")).get("passages")
    return bool(found and model and answer.get("got_hits") == 1 and not checked)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
