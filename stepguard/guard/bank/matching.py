"""Finding the curated answer to a question: the same words, or the same meaning beyond doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stepguard.guard.bank.language import Languages
from stepguard.guard.bank.model import Bank, Item, normalise
from stepguard.guard.bank.vectors import cosine
from stepguard.guard.errors import ConfigurationError

PROBE = "How do I change the date of my appointment?"
"""The text whose vector tells embedding models apart."""

SAME_MODEL = 0.999
"""The cosine of the probe's two vectors, from which on they come from the same model."""


def dont_know_of(found: Mapping[str, Any] | None) -> str:
    """The bank's own don't-know answer for a question, of what FindAnswer wrote; empty if it has none."""
    return str(((found or {}).get("item") or {}).get("dont_know") or "")


Embed = Callable[[str], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Match:
    """What the bank has for a question.

    `item` is the nearest item and `score` its cosine, `runner_up` that of the best item with another answer;
    `matched` says whether the item's answer is given. `dont_know` is the bank's own answer where none is found.
    """

    matched: bool
    exact: bool = False
    item: Item | None = None
    score: float | None = None
    runner_up: float | None = None
    language: str = ""
    dont_know: str = ""

    def to_dict(self) -> dict[str, Any]:
        """How the answer was found, without its text, for the execution document; and the don't-know answer."""
        return {
            "qid": self.item.qid if self.item else None,
            "topic": self.item.topic if self.item else "",
            "language": self.language,
            "exact": self.exact,
            "score": None if self.score is None else round(self.score, 4),
            "runner_up": None if self.runner_up is None else round(self.runner_up, 4),
            "dont_know": self.dont_know,
        }


class Matcher:
    """One version of the bank, ready to be asked. Safe to call from several threads."""

    def __init__(self, bank: Bank, embed: Embed) -> None:
        self.bank = bank
        self._embed = embed
        self._languages = Languages.of(bank)
        self._exact: dict[str, list[Item]] = {}
        for item in bank.items:
            for question in item.questions:
                self._exact.setdefault(normalise(question), []).append(item)

    def find(self, question: str, *, without_itself: bool = False) -> Match:
        """The answer to a question; `without_itself` as if the bank did not have exactly this question.

        Raises ConfigurationError if the bank was made with another embedding model.
        """
        language = self._languages.guess(question)
        plain = normalise(question)
        same = self._exact.get(plain, [])
        if same and not without_itself:
            item = next((item for item in same if item.language == language), same[0])
            return Match(True, exact=True, item=item, score=1.0, language=item.language or language)
        if not self.bank.items:
            return Match(False, language=language, dont_know=self._dont_know("", language))
        self._check_model()
        cosines = self.bank.vectors.cosines(self._embed(question))
        if without_itself:
            texts = (text for item in self.bank.items for text in item.texts)
            cosines = [-1.0 if normalise(text) == plain else found for text, found in zip(texts, cosines, strict=True)]
        best, score, runner_up = self._best(cosines, language)
        limits = self.bank.limits
        if score >= limits.threshold and score - runner_up >= limits.margin:
            return Match(True, item=best, score=score, runner_up=runner_up, language=best.language or language)
        topic = best.topic if score >= limits.near else ""
        return Match(False, False, best, score, runner_up, language, self._dont_know(topic, language))

    def _best(self, cosines: Sequence[float], language: str) -> tuple[Item, float, float]:
        """The nearest item of the language, its cosine, and that of the best item with another answer."""
        scored = []
        start = 0
        for item in self.bank.items:
            end = start + len(item.texts)
            if not language or item.language in ("", language):
                scored.append((max(cosines[start:end]), item))
            start = end
        if not scored:
            return self._best(cosines, "")
        score, best = max(scored, key=lambda entry: entry[0])
        others = (other for other, item in scored if item.answer != best.answer)
        return best, score, max(others, default=0.0)

    def _dont_know(self, topic: str, language: str) -> str:
        """The don't-know answer for a topic and a language: of both, of the topic, of the language, or of neither."""
        return next((item.answer for item in _preferred(self.bank.dont_know, topic, language)), "")

    def _check_model(self) -> None:
        if not self._same_model:
            raise ConfigurationError(
                f"The curated answers' version {self.bank.version} was published with another embedding model than "
                f"the {self.bank.embedder} that runs here, so its threshold says nothing: publish the bank again here "
                "(stepguard answers publish FILE)."
            )

    @cached_property
    def _same_model(self) -> bool:
        here = self._embed(PROBE)
        return len(here) == len(self.bank.probe) and cosine(here, self.bank.probe) >= SAME_MODEL


def _preferred(items: Iterable[Item], topic: str, language: str) -> list[Item]:
    fitting = [item for item in items if item.topic in ("", topic) and item.language in ("", language)]
    return sorted(fitting, key=lambda item: (item.topic != topic, item.language != language))
