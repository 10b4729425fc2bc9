"""Content filters: harmful categories and prompt attacks, each with a strength per direction.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-content-filters.html
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html (images)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args

from embedded_aws.bedrock.detection import IMAGE_TYPES, Detection, Grade
from embedded_aws.bedrock.detectors.content.grades import Confidence
from embedded_aws.bedrock.images import UnreadableImageError
from embedded_aws.bedrock.packages import PackageMissingError
from embedded_aws.bedrock.policies.base import Direction, Entry, Section, action, enabled, text_units, tier
from embedded_aws.wire import ServiceError

PROMPT_ATTACK = "PROMPT_ATTACK"
IMAGE_UNITS = "contentPolicyImageUnits"
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
    images: Sequence[bytes] = (),
    sources: Collection[int] = (),
) -> Section | None:
    """The policy's section; None when no filter works in this direction on what the request has, texts or images.

    `sources` are the positions of texts that the assistant reads for the user. `prompt_attack` is false if Bedrock
    cannot distinguish user input from the rest (InvokeModel without input tags). A filter that works on both has one
    entry, with the highest confidence of any text or image.

    Raises ServiceError for an image that a filter should check but cannot.
    """
    working = [entry for entry in policy.get("filtersConfig") or [] if _works(entry, direction, prompt_attack)]
    on_texts = [entry for entry in working if texts and "TEXT" in modalities(entry, direction)]
    on_images = [entry for entry in working if images and "IMAGE" in modalities(entry, direction)]
    if not on_texts and not on_images:
        return None
    confidences: dict[str, Confidence] = {entry["type"]: "NONE" for entry in on_texts + on_images}
    if on_images:
        _grade_images([entry["type"] for entry in on_images], images, detection, confidences)
    if on_texts:
        _grade_texts([entry["type"] for entry in on_texts], texts, sources, tier(policy), detection, confidences)
    evaluated = [entry for entry in working if entry["type"] in confidences]
    units = {"contentPolicyUnits": text_units(sum(map(len, texts))) if on_texts else 0}
    if on_images:
        units[IMAGE_UNITS] = len(images)
    return Section(
        name="contentPolicy",
        lists={"filters": [_entry(entry, direction, confidences[entry["type"]]) for entry in evaluated]},
        units=units,
    )


def _works(entry: Mapping[str, Any], direction: Direction, prompt_attack: bool) -> bool:
    if entry["type"] == PROMPT_ATTACK and (direction == "OUTPUT" or not prompt_attack):
        return False
    return enabled(entry, direction) and _strength(entry, direction) != "NONE"


def modalities(entry: Mapping[str, Any], direction: Direction) -> Sequence[str]:
    """The modalities that the filter checks, TEXT, IMAGE or both; text by default."""
    chosen: Sequence[str] | None = entry.get("inputModalities" if direction == "INPUT" else "outputModalities")
    return chosen or ["TEXT"]


def _strength(entry: Mapping[str, Any], direction: Direction) -> str:
    return str(entry["inputStrength" if direction == "INPUT" else "outputStrength"])


def _grade_texts(
    types: Sequence[str],
    texts: Sequence[str],
    sources: Collection[int],
    chosen: str,
    detection: Detection,
    highest: dict[str, Confidence],
) -> None:
    """Raise each type's confidence to the highest of any text."""
    harmful = [kind for kind in types if kind != PROMPT_ATTACK]
    for number, text in enumerate(texts):
        grades = dict(detection.content(text, harmful, chosen)) if harmful else {}
        if PROMPT_ATTACK in types:
            grades[PROMPT_ATTACK] = detection.prompt_attack(text, chosen, source=number in sources)
        _raise(grades, types, highest)


def _grade_images(
    types: Sequence[str], images: Sequence[bytes], detection: Detection, highest: dict[str, Confidence]
) -> None:
    """Raise each type's confidence to the highest of any image.

    Raises ServiceError: an image that could not be judged never passes for one that was.
    """
    if blind := [kind for kind in types if kind not in IMAGE_TYPES]:
        raise ServiceError(
            "ValidationException",
            f"The embedded Bedrock cannot judge images for {', '.join(blind)}, which this guardrail asks for: it has a "
            f"detector for {', '.join(sorted(IMAGE_TYPES))} only. Take IMAGE out of the modalities of the other "
            "filters, send the request without images, or try it on AWS.",
        )
    for number, image in enumerate(images, 1):
        try:
            grades = detection.image(image)
        except UnreadableImageError as error:
            raise ServiceError(
                "ValidationException", f"Image {number} of the request cannot be judged: {error}."
            ) from None
        except PackageMissingError as error:
            raise ServiceError(
                "ValidationException", f"The embedded Bedrock cannot judge images without an optional package: {error}."
            ) from None
        _raise(grades, types, highest)


def _raise(grades: Mapping[str, Grade], types: Sequence[str], highest: dict[str, Confidence]) -> None:
    for kind in types:
        highest[kind] = max(highest[kind], grades[kind].confidence, key=CONFIDENCES.index)


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
