"""A guardrail applied to content: what ApplyGuardrail and inline guardrails share.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-independent-api.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from embedded_aws.bedrock.detection import Detection
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.masking import mask
from embedded_aws.bedrock.policies import content, grounding, sensitive_information, topics, words
from embedded_aws.bedrock.policies.base import Direction, Section, text_units
from embedded_aws.wire import ServiceError

GUARD_CONTENT = "guard_content"
GROUNDING_SOURCE = "grounding_source"
QUERY = "query"
MAXIMUM_TEXT_UNITS = 25
_UNITS = (
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
    content.IMAGE_UNITS,
    "automatedReasoningPolicyUnits",
    "automatedReasoningPolicies",
)
"""What AWS counts in every usage; the last two are always 0 here, where guardrails have no automated reasoning."""


@dataclass(frozen=True, slots=True)
class Block:
    """One content block of a request: a text with its qualifiers, or an image (PNG or JPEG) without qualifiers."""

    text: str
    qualifiers: frozenset[str] = field(default_factory=frozenset)
    image: bytes | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A guardrail's verdict on content.

    `outputs` is empty when nothing intervened, the one canned message when blocked, else one masked text per guarded
    text block; `guarded` are those blocks' positions in the request. `earlier` says that all the masked texts are of
    earlier turns. `topic_scores` are what AWS's answer has no member for, by the topics' names.
    """

    blocked: bool
    masked: bool
    outputs: tuple[str, ...]
    guarded: tuple[int, ...]
    assessment: dict[str, Any]
    usage: dict[str, int]
    coverage: dict[str, Any]
    earlier: bool = False
    topic_scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def intervened(self) -> bool:
        """Whether the call's answer says so. A conversation sends its old turns again with every question, and their
        masks must not mark each later answer."""
        return self.blocked or (self.masked and not self.earlier)

    @property
    def reason(self) -> str:
        """AWS's actionReason."""
        if self.blocked:
            return "Guardrail blocked."
        return "Guardrail masked." if self.masked else "No action."


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of a guardrail is applied and reported.

    `full` reports what was not detected, too; `prompt_attack` and `grounding` false leave these out;
    `unseen_characters` and `unseen_images` are those of the request that are not among the blocks, for the coverage.
    """

    full: bool = False
    prompt_attack: bool = True
    grounding: bool = True
    unseen_characters: int = 0
    unseen_images: int = 0


def guarded(blocks: Sequence[Block]) -> tuple[int, ...]:
    """The texts that all policies but grounding check.

    The ones marked guard_content; without any, those that are neither source nor query; without any, all of them, so
    that no request goes unguarded because of its qualifiers.
    """
    texts = [position for position, block in enumerate(blocks) if block.image is None]
    marked = [position for position in texts if GUARD_CONTENT in blocks[position].qualifiers]
    plain = [position for position in texts if not blocks[position].qualifiers]
    return tuple(marked or plain or texts)


def joined(blocks: Sequence[Block], qualifier: str) -> str:
    """The blocks with a qualifier as one text: several grounding sources are combined."""
    return "\n".join(block.text for block in blocks if qualifier in block.qualifiers)


def evaluate(
    guardrail: Guardrail,
    direction: Direction,
    blocks: Sequence[Block],
    detection: Detection,
    scope: Scope,
) -> Evaluation:
    """Apply every policy of the guardrail that is enabled for this direction.

    Only content filters check images, all of them: an image cannot be marked, and so cannot be left out by marks
    elsewhere.

    Raises ServiceError(ValidationException) for content over the limit, a grounding policy without source or query, a
    regular expression that does not finish, images that cannot be judged, and a request without any text to check.
    """
    started = time.perf_counter()
    positions = guarded(blocks)
    texts = [blocks[position].text for position in positions]
    characters = sum(map(len, texts))
    images = [block.image for block in blocks if block.image is not None]
    if text_units(characters) > MAXIMUM_TEXT_UNITS:
        raise ServiceError(
            "ValidationException",
            f"Input is too long: {characters} characters exceed the maximum input size of {MAXIMUM_TEXT_UNITS} text "
            "units (1,000 characters each). Split the content over several requests.",
        )
    compared = grounding.Grounding(
        source=joined(blocks, GROUNDING_SOURCE),
        query=joined(blocks, QUERY),
        answer="\n".join(text for text, position in zip(texts, positions, strict=True) if _answers(blocks[position])),
    )
    # First, since it refuses requests.
    policy = guardrail.policy("contextualGroundingPolicyConfig")
    grounded = grounding.assess(policy, direction, compared, detection) if scope.grounding else None
    harmful = content.assess(
        guardrail.policy("contentPolicyConfig"),
        direction,
        texts,
        detection,
        prompt_attack=scope.prompt_attack,
        images=images,
        sources=[at for at, position in enumerate(positions) if GROUNDING_SOURCE in blocks[position].qualifiers],
    )
    images_seen = harmful.units.get(content.IMAGE_UNITS, 0) if harmful else 0
    if images and not images_seen and not any(text.strip() for text in texts):
        raise ServiceError(
            "ValidationException",
            "No content filter of the guardrail looks at images in this direction, and the request has nothing else "
            "to judge. Add IMAGE to the modalities of the SEXUAL filter.",
        )
    sections = [
        section
        for section in (grounded, harmful, *(_on_texts(guardrail, direction, texts, detection) if texts else ()))
        if section is not None
    ]
    blocked = any(section.blocks for section in sections)
    masked = any(section.masks for section in sections)
    usage = dict.fromkeys(_UNITS, 0)
    for section in sections:
        usage.update(section.units)
    total = scope.unseen_characters + sum(len(block.text) for block in blocks)
    coverage = {"textCharacters": {"guarded": characters, "total": total}}
    if images or scope.unseen_images:
        coverage["images"] = {"guarded": images_seen, "total": len(images) + scope.unseen_images}
    return Evaluation(
        blocked=blocked,
        masked=masked and not blocked,
        outputs=_outputs(guardrail, direction, texts, sections, blocked=blocked, masked=masked),
        guarded=positions,
        assessment=_assessment(guardrail, sections, usage, coverage, started, full=scope.full),
        usage=usage,
        coverage=coverage,
        topic_scores={name: score for section in sections for name, score in section.scores.items()},
    )


def _on_texts(
    guardrail: Guardrail, direction: Direction, texts: Sequence[str], detection: Detection
) -> tuple[Section | None, ...]:
    """The policies that know nothing but texts."""
    return (
        topics.assess(guardrail.policy("topicPolicyConfig"), direction, texts, detection),
        words.assess(_word_filters(guardrail, direction), texts, detection),
        sensitive_information.assess(guardrail.policy("sensitiveInformationPolicyConfig"), direction, texts, detection),
    )


@lru_cache(maxsize=64)
def _word_filters(guardrail: Guardrail, direction: Direction) -> words.WordFilters:
    return words.prepare(guardrail.policy("wordPolicyConfig"), direction)


def _answers(block: Block) -> bool:
    """Whether the block is (part of) the answer that grounding judges."""
    return not block.qualifiers & {GROUNDING_SOURCE, QUERY}


def _outputs(
    guardrail: Guardrail,
    direction: Direction,
    texts: Sequence[str],
    sections: Sequence[Section],
    *,
    blocked: bool,
    masked: bool,
) -> tuple[str, ...]:
    if blocked:
        message = "blockedInputMessaging" if direction == "INPUT" else "blockedOutputsMessaging"
        return (str(guardrail.config[message]),)
    if not masked:
        return ()
    masks = [found for section in sections for found in section.masks]
    return tuple(mask(text, (found for found in masks if found.block == number)) for number, text in enumerate(texts))


def _assessment(
    guardrail: Guardrail,
    sections: Sequence[Section],
    usage: dict[str, int],
    coverage: dict[str, Any],
    started: float,
    *,
    full: bool,
) -> dict[str, Any]:
    assessment: dict[str, Any] = {}
    for section in sections:
        if (wire := section.wire(full=full)) is not None:
            assessment[section.name] = wire
    assessment["invocationMetrics"] = {
        "guardrailProcessingLatency": max(1, round((time.perf_counter() - started) * 1000)),
        "usage": usage,
        "guardrailCoverage": coverage,
    }
    assessment["appliedGuardrailDetails"] = {
        "guardrailId": guardrail.id,
        "guardrailVersion": guardrail.version,
        "guardrailArn": guardrail.arn,
        "guardrailOrigin": ["REQUEST"],
        "guardrailOwnership": "SELF",
    }
    return assessment
