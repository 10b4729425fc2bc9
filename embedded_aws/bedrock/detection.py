"""The detectors that policies call, behind one interface: imported when first needed, replaced by fakes in tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from embedded_aws.bedrock.detectors.content.grades import Confidence
from embedded_aws.bedrock.detectors.text.spans import Span

IMAGE_TYPES = frozenset({"SEXUAL"})
"""Content filters that `Detection.image` can judge; the others have no detector for images."""


class Grade(Protocol):
    """How sure a classifier is: a score in 0..1 and the confidence that Bedrock reports for it."""

    @property
    def score(self) -> float: ...

    @property
    def confidence(self) -> Confidence: ...


class TopicGrade(Protocol):
    """How sure the detector is that a text is about a topic: a score in 0..1, from which one on it is detected."""

    @property
    def score(self) -> float: ...

    @property
    def threshold(self) -> float: ...

    @property
    def detected(self) -> bool: ...


class GroundingScores(Protocol):
    """How far an answer is supported by its source, and how far it answers the query; both in 0..1."""

    @property
    def grounding(self) -> float: ...

    @property
    def relevance(self) -> float: ...


class Detection(Protocol):
    """Everything that policies need to know about a text. Offsets count code points."""

    def words(self, words: tuple[str, ...], text: str) -> Sequence[Span]:
        """Where configured words stand; label = the configured word."""

    def profanity(self, text: str) -> Sequence[Span]:
        """Where words of the managed PROFANITY list stand."""

    def regex(self, pattern: str, text: str) -> Sequence[Span]:
        """Where a configured regular expression matches. Raises TimeoutError."""

    def pii(self, text: str, types: Collection[str]) -> Sequence[Span]:
        """Personal information of the given types, without overlaps; label = the type."""

    def content(self, text: str, types: Collection[str], tier: str) -> Mapping[str, Grade]:
        """Grades for SEXUAL, VIOLENCE, HATE, INSULTS, MISCONDUCT on a tier, CLASSIC or STANDARD."""

    def prompt_attack(self, text: str, tier: str, *, source: bool = False) -> Grade:
        """Grade for an attempt to override the model's instructions, or on the STANDARD tier to read them. A `source`
        (passage, tool result, document) has no orders for the assistant at all."""

    def topics(self, text: str, topics: Sequence[Mapping[str, object]]) -> Mapping[str, TopicGrade]:
        """Grades for the denied topics (topicsConfig entries) by their names."""

    def grounding(self, source: str, query: str, answer: str) -> GroundingScores:
        """Scores of an answer against its source and query."""

    def image(self, data: bytes) -> Mapping[str, Grade]:
        """Grades for the content filters that can judge a PNG or JPEG image (IMAGE_TYPES).

        Raises UnreadableImageError for a damaged one, PackageMissingError without the optional package.
        """


class LocalDetection:
    """The detectors of `embedded_aws.bedrock.detectors`."""

    def words(self, words: tuple[str, ...], text: str) -> Sequence[Span]:
        return _matcher(words).find(text)

    def profanity(self, text: str) -> Sequence[Span]:
        from embedded_aws.bedrock.detectors.words.words import managed_profanity

        return managed_profanity().find(text)

    def regex(self, pattern: str, text: str) -> Sequence[Span]:
        from embedded_aws.bedrock.detectors.words.regexes import find

        return find(pattern, text)

    def pii(self, text: str, types: Collection[str]) -> Sequence[Span]:
        from embedded_aws.bedrock.detectors.pii import find

        return find(text, types)

    def content(self, text: str, types: Collection[str], tier: str) -> Mapping[str, Grade]:
        from embedded_aws.bedrock.detectors.content.filters import grade

        return grade(text, types, tier)

    def prompt_attack(self, text: str, tier: str, *, source: bool = False) -> Grade:
        from embedded_aws.bedrock.detectors.content.prompt_attack import grade

        return grade(text, tier, source=source)

    def topics(self, text: str, topics: Sequence[Mapping[str, object]]) -> Mapping[str, TopicGrade]:
        from embedded_aws.bedrock.detectors.likeness import Topic
        from embedded_aws.bedrock.detectors.topics import detect

        wanted = [
            Topic(str(entry["name"]), str(entry["definition"]), tuple(_strings(entry.get("examples"))))
            for entry in topics
        ]
        return detect(text, wanted)

    def grounding(self, source: str, query: str, answer: str) -> GroundingScores:
        from embedded_aws.bedrock.detectors.grounding.scores import scores

        return scores(source, query, answer)

    def image(self, data: bytes) -> Mapping[str, Grade]:
        from embedded_aws.bedrock.detectors.images import TYPE, grade

        return {TYPE: grade(data)}


def first_steps() -> Iterator[Callable[[], object]]:
    """What the first verdict would load, in steps of at most some 0.2 s, for a process that waits for its first text.

    A step may raise PackageMissingError.
    """
    from embedded_aws.bedrock.encoder import model, tokens

    yield tokens.tokenizer
    yield lambda: model.encode(["."])
    from embedded_aws.bedrock.detectors.content import heads

    yield heads.load
    from embedded_aws.bedrock.detectors import topics

    yield topics.load
    from embedded_aws.bedrock.detectors.text.languages import language

    yield lambda: language("A sentence in some language.")
    from embedded_aws.bedrock.detectors.pii import find

    yield lambda: find("Jane Roe, 12 Main Street", ("NAME", "ADDRESS"))
    from embedded_aws.bedrock.detectors.words.words import managed_profanity

    yield managed_profanity


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


@lru_cache(maxsize=64)
def _matcher(words: tuple[str, ...]) -> _Matcher:
    from embedded_aws.bedrock.detectors.words.words import WordMatcher

    return WordMatcher(words)


class _Matcher(Protocol):
    def find(self, text: str) -> list[Span]: ...
