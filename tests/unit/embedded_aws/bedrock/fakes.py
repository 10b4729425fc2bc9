"""Detectors with obvious answers, and the embedded Bedrock called as its clients call it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.bedrock.detection import Grade, GroundingScores, TopicGrade
from embedded_aws.bedrock.detectors.content.grades import Confidence
from embedded_aws.bedrock.detectors.text.spans import Span
from embedded_aws.bedrock.images import UnreadableImageError
from embedded_aws.bedrock.models.base import Completion, Message, Sampling
from embedded_aws.bedrock.models.catalogue import Catalogue
from embedded_aws.bedrock.packages import PackageMissingError
from embedded_aws.wire import JsonService, check

_PII = {"EMAIL": r"[\w.]+@[\w.]+", "NAME": r"Alice|Bob", "PHONE": r"\d{3}-\d{4}"}


@dataclass(frozen=True, slots=True)
class FakeGrade:
    """A confidence without a model behind it."""

    confidence: Confidence
    score: float = 0.5


@dataclass(frozen=True, slots=True)
class FakeTopicGrade:
    """Sure either way."""

    detected: bool
    threshold: float = 0.5

    @property
    def score(self) -> float:
        """Far from the threshold."""
        return 0.75 if self.detected else 0.25


@dataclass(frozen=True, slots=True)
class FakeGroundingScores:
    """Shares of words in common."""

    grounding: float
    relevance: float


class FakeDetection:
    """Finds what is written out: "HATE-LOW" is hate with low confidence, a topic's name is about the topic."""

    def words(self, words: tuple[str, ...], text: str) -> Sequence[Span]:
        return [
            Span(match.start(), match.end(), word)
            for word in words
            for match in re.finditer(re.escape(word), text, re.IGNORECASE)
        ]

    def profanity(self, text: str) -> Sequence[Span]:
        return [Span(match.start(), match.end(), "damn") for match in re.finditer("damn", text)]

    def regex(self, pattern: str, text: str) -> Sequence[Span]:
        if pattern == "slow":
            raise TimeoutError
        return [Span(match.start(), match.end(), pattern) for match in re.finditer(pattern, text)]

    def pii(self, text: str, types: Collection[str]) -> Sequence[Span]:
        return [
            Span(match.start(), match.end(), kind)
            for kind in types
            if kind in _PII
            for match in re.finditer(_PII[kind], text)
        ]

    def content(self, text: str, types: Collection[str], tier: str) -> Mapping[str, Grade]:
        return {kind: _grade(text, kind) for kind in types}

    def prompt_attack(self, text: str, tier: str, *, source: bool = False) -> Grade:
        return _grade(text, "ATTACK")

    def topics(self, text: str, topics: Sequence[Mapping[str, object]]) -> Mapping[str, TopicGrade]:
        return {str(topic["name"]): FakeTopicGrade(str(topic["name"]).lower() in text.lower()) for topic in topics}

    def grounding(self, source: str, query: str, answer: str) -> GroundingScores:
        return FakeGroundingScores(_share(answer, source), _share(query, answer))

    def image(self, data: bytes) -> Mapping[str, Grade]:
        if b"DAMAGED" in data:
            raise UnreadableImageError("it is damaged")
        if b"NO-PACKAGE" in data:
            raise PackageMissingError("the package nudenet is not installed; pip install it")
        return {"SEXUAL": _grade(data.decode("latin-1"), "SEXUAL")}


def _grade(text: str, kind: str) -> FakeGrade:
    found: Confidence = "NONE"
    for confidence in get_args(Confidence):
        if f"{kind}-{confidence}" in text:
            found = confidence
    return FakeGrade(found)


def _share(words: str, of: str) -> float:
    found = [word in of.split() for word in words.split()]
    return sum(found) / len(found)


class ScriptedModel:
    """A model that gives one answer and remembers what it was asked."""

    def __init__(self, answer: str = "An answer.") -> None:
        self.answer = answer
        self.asked: list[tuple[tuple[Message, ...], Sampling]] = []

    def complete(self, messages: tuple[Message, ...], sampling: Sampling) -> Completion:
        self.asked.append((messages, sampling))
        return Completion(self.answer, "end_turn", 11, 7)


class Api:
    """The three services in one process; every answer is checked against botocore's output shape."""

    def __init__(self, folder: Path, model: ScriptedModel | None = None) -> None:
        self.model = model or ScriptedModel()
        self.bedrock = Bedrock(
            folder / "bedrock.sqlite",
            detection=FakeDetection(),
            models=Catalogue(language=self.model),
        )
        self._services = {
            "bedrock": JsonService("bedrock", self.bedrock.control),
            "bedrock-runtime": JsonService("bedrock-runtime", self.bedrock.runtime),
            "sagemaker-runtime": JsonService("sagemaker-runtime", self.bedrock.sagemaker_runtime),
        }

    def control(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation of `bedrock`."""
        return self._call("bedrock", operation, params)

    def runtime(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation of `bedrock-runtime`."""
        return self._call("bedrock-runtime", operation, params)

    def sagemaker(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation of `sagemaker-runtime`."""
        return self._call("sagemaker-runtime", operation, params)

    def guardrail(self, **policies: Any) -> str:
        """A new guardrail's id."""
        answer = self.control("CreateGuardrail", **configuration(**policies))
        return str(answer["guardrailId"])

    def apply(self, guardrail: str, *texts: str, source: str = "INPUT", **params: Any) -> dict[str, Any]:
        """ApplyGuardrail on the DRAFT; texts without qualifiers."""
        return self.runtime(
            "ApplyGuardrail",
            guardrailIdentifier=guardrail,
            guardrailVersion="DRAFT",
            source=source,
            content=[{"text": {"text": text}} for text in texts],
            **params,
        )

    def _call(self, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._services[service].call(operation, params)
        shape = self._services[service].model.operation_model(operation).output_shape
        assert shape is not None
        check(shape, {name: value for name, value in answer.items() if value is not None})
        return answer


def configuration(**policies: Any) -> dict[str, Any]:
    """A CreateGuardrail request; without policies, one that blocks the word "forbidden"."""
    return {
        "name": "test",
        "blockedInputMessaging": "Input refused.",
        "blockedOutputsMessaging": "Output refused.",
        **(policies or {"wordPolicyConfig": {"wordsConfig": [{"text": "forbidden"}]}}),
    }


def pii(*types: str, action: str = "ANONYMIZE", **more: Any) -> dict[str, Any]:
    """A sensitive information policy for PII types."""
    entries = [{"type": kind, "action": action, **more} for kind in types]
    return {"sensitiveInformationPolicyConfig": {"piiEntitiesConfig": entries}}


def words(*texts: str, **more: Any) -> dict[str, Any]:
    """A word policy."""
    return {"wordPolicyConfig": {"wordsConfig": [{"text": text, **more} for text in texts]}}


def content(kind: str, strength: str = "HIGH", **more: Any) -> dict[str, Any]:
    """A content policy with one filter."""
    output = "NONE" if kind == "PROMPT_ATTACK" else strength
    entry = {"type": kind, "inputStrength": strength, "outputStrength": output, **more}
    return {"contentPolicyConfig": {"filtersConfig": [entry]}}


def png(suffix: str = "", width: int = 4, height: int = 3) -> bytes:
    """The header of a PNG, and what the fake detector shall see in it, such as "SEXUAL-LOW"."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + size + b"\x08\x02\0\0\0" + suffix.encode()


def jpeg(suffix: str = "", width: int = 4, height: int = 3) -> bytes:
    """The same of a JPEG: start of image, an application segment, a frame header."""
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8\xff\xe0\0\x06JFIF\xff\xff\xc0\0\x11\x08" + size + b"\x03" + suffix.encode()


def image(data: bytes, kind: str = "png") -> dict[str, Any]:
    """An image block, of ApplyGuardrail and of Converse."""
    return {"image": {"format": kind, "source": {"bytes": data}}}


def grounding(**thresholds: float) -> dict[str, Any]:
    """A contextual grounding policy."""
    entries = [{"type": kind, "threshold": threshold} for kind, threshold in thresholds.items()]
    return {"contextualGroundingPolicyConfig": {"filtersConfig": entries}}


def section(answer: dict[str, Any], policy: str) -> dict[str, Any] | None:
    """A policy's section of the first assessment; None if nothing was detected."""
    found: dict[str, Any] | None = answer["assessments"][0].get(policy)
    return found
