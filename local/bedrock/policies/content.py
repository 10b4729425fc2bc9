"""Content filters: harmful categories and prompt attacks, each with a strength per direction.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-content-filters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from local.bedrock.detection import Confidence, Detection
from local.bedrock.policies.base import Direction, Entry, Section, action, enabled, text_units

PROMPT_ATTACK = "PROMPT_ATTACK"
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
# The user guide's table: the confidences that a filter of this strength acts on.
_ACTS_ON: dict[str, frozenset[Confidence]] = {
    "NONE": frozenset(),
    "LOW": frozenset({"HIGH"}),
    "MEDIUM": frozenset({"MEDIUM", "HIGH"}),
    "HIGH": frozenset({"LOW", "MEDIUM", "HIGH"}),
}


def acts(strength: str, confidence: Confidence) -> bool:
    """Whether a filter of this strength acts on a finding of this confidence."""
    return confidence in _ACTS_ON[strength]


def assess(
    policy: Mapping[str, Any],
    direction: Direction,
    texts: Sequence[str],
    detection: Detection,
    *,
    prompt_attack: bool = True,
) -> Section | None:
    """The policy's section; None when no filter works on text in this direction.

    `prompt_attack` is false where Bedrock cannot tell user input from the rest (InvokeModel without input tags).
    """
    filters = [entry for entry in policy.get("filtersConfig") or [] if _works(entry, direction, prompt_attack)]
    if not filters:
        return None
    confidences = _confidences([entry["type"] for entry in filters], texts, detection)
    return Section(
        name="contentPolicy",
        lists={"filters": [_entry(entry, direction, confidences[entry["type"]]) for entry in filters]},
        units={"contentPolicyUnits": text_units(sum(map(len, texts)))},
    )


def _works(entry: Mapping[str, Any], direction: Direction, prompt_attack: bool) -> bool:
    if entry["type"] == PROMPT_ATTACK and (direction == "OUTPUT" or not prompt_attack):
        return False
    modalities = entry.get("inputModalities" if direction == "INPUT" else "outputModalities") or ["TEXT"]
    return enabled(entry, direction) and "TEXT" in modalities and _strength(entry, direction) != "NONE"


def _strength(entry: Mapping[str, Any], direction: Direction) -> str:
    return str(entry["inputStrength" if direction == "INPUT" else "outputStrength"])


def _confidences(types: Sequence[str], texts: Sequence[str], detection: Detection) -> dict[str, Confidence]:
    """The highest confidence of any text, by type."""
    highest: dict[str, Confidence] = dict.fromkeys(types, "NONE")
    harmful = [kind for kind in types if kind != PROMPT_ATTACK]
    for text in texts:
        grades = dict(detection.content(text, harmful)) if harmful else {}
        if PROMPT_ATTACK in highest:
            grades[PROMPT_ATTACK] = detection.prompt_attack(text)
        for kind, grade in grades.items():
            highest[kind] = max(highest[kind], grade.confidence, key=CONFIDENCES.index)
    return highest


def _entry(entry: Mapping[str, Any], direction: Direction, confidence: Confidence) -> Entry:
    strength = _strength(entry, direction)
    detected = acts(strength, confidence)
    return {
        "type": entry["type"],
        "confidence": confidence,
        "filterStrength": strength,
        "action": action(entry, direction) if detected else "NONE",
        "detected": detected,
    }
