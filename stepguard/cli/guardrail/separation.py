"""`stepguard guardrail lint --probe`: how well a denied topic's definition separates from what is near it.

The probes are sentences of the nearest common subject (embedded_aws/bedrock/detectors/subjects.py), or, for a topic
unlike all of them, questions made from the definition. The embedded detector judges them, so this is an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from embedded_aws.bedrock.detectors.likeness import Topic, definition_parts
from embedded_aws.bedrock.detectors.subjects import subjects
from embedded_aws.bedrock.detectors.topics import THRESHOLD, nearest_subject, score_vectors
from embedded_aws.bedrock.encoder.model import encode_layers

PROPOSED = 3
FOUND = 0.7
"""Below this share of denied probes found, examples are proposed."""
NEAR = 0.15
_DENIED = ("What do you advise about {}?", "Tell me what you think about {}.", "I need help with {}.")
_NEAR = ("Where is the office for {}?", "When are you open for {}?", "Which form do I need for {}?")


@dataclass(frozen=True, slots=True)
class Separation:
    """The shares of probes that the topic finds: denied ones and near ones; examples that would raise the first."""

    found: float
    flagged: float
    probes: int
    examples: tuple[str, ...]

    @property
    def level(self) -> Literal["warning", "note"]:
        """A warning if few denied or many near probes are found."""
        return "warning" if self.found < FOUND or self.flagged > NEAR else "note"

    @property
    def message(self) -> str:
        """In words."""
        text = (
            f"by {self.probes} generated probes, it finds {self.found:.0%} of the texts to deny and flags "
            f"{self.flagged:.0%} of the texts near them"
        )
        if self.examples:
            text += "; examples that would help: " + " | ".join(self.examples)
        return text


def separations(configuration: Mapping[str, Any]) -> Iterator[tuple[str, Separation]]:
    """Each topic's place in the file, and its estimate."""
    for number, entry in enumerate((configuration.get("topicPolicyConfig") or {}).get("topicsConfig") or [], 1):
        topic = Topic(str(entry["name"]), str(entry["definition"]), tuple(map(str, entry.get("examples") or ())))
        yield f"topicPolicyConfig.topicsConfig.{number}", separation(topic)


def separation(topic: Topic) -> Separation:
    """Judge the probes of a topic."""
    denied, near = probes(topic)
    found, flagged = _share(topic, denied), _share(topic, near)
    examples: tuple[str, ...] = ()
    if found < FOUND:
        scores = score_vectors(encode_layers(denied), topic)
        missed = [text for _, text in sorted(zip(scores.tolist(), denied, strict=True)) if text not in topic.examples]
        room = max(0, 5 - len(topic.examples))  # AWS allows five
        chosen = tuple(missed[:: max(1, len(missed) // PROPOSED)][: min(PROPOSED, room)])
        if chosen and _share(replace(topic, examples=topic.examples + chosen), denied) > found:
            examples = chosen
    return Separation(found, flagged, len(denied) + len(near), examples)


def probes(topic: Topic) -> tuple[list[str], list[str]]:
    """Texts to deny, and texts near them."""
    number = nearest_subject(topic)
    if number is not None:
        return [*subjects()[number].denied], [*subjects()[number].near]
    parts = definition_parts(topic.definition) or [topic.name]
    return [form.format(part) for part in parts for form in _DENIED], [
        form.format(part) for part in parts for form in _NEAR
    ]


def _share(topic: Topic, texts: Sequence[str]) -> float:
    return float((score_vectors(encode_layers(texts), topic) >= THRESHOLD).mean())
