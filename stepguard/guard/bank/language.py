"""Which of a bank's languages a question is in, by the words and letters of the bank's own texts.

A naive Bayes classifier over runs of three letters and over whole words: enough to tell the few languages of one bank
apart, and it needs no model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stepguard.guard.bank.model import Bank, normalise

_UNSEEN = 1e-4
"""The share of a feature that a language's texts lack: the same for all, however few texts a language has."""

_CLEAR = math.log(3)
"""The best language must be three times as likely as the next."""


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of a bank's items, with the counts of their features."""

    counts: Mapping[str, Counter[str]]

    @classmethod
    def of(cls, bank: Bank) -> Languages:
        """The languages that the bank's items name."""
        counts: dict[str, Counter[str]] = {}
        for item in (*bank.items, *bank.dont_know):
            if item.language:
                counts.setdefault(item.language, Counter()).update(_features((*item.questions, item.answer)))
        return cls(counts)

    def guess(self, text: str) -> str:
        """The language of a text; empty if the bank has none, or if two are about as likely."""
        if len(self.counts) < 2:
            return next(iter(self.counts), "")
        found = list(_features([text]))
        likely = sorted(((_likelihood(found, counts), name) for name, counts in self.counts.items()), reverse=True)
        return likely[0][1] if likely[0][0] - likely[1][0] >= _CLEAR else ""


def _likelihood(found: Iterable[str], counts: Counter[str]) -> float:
    total = counts.total()
    return sum(math.log(counts[feature] / total + _UNSEEN) for feature in found)


def _features(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        words = normalise(text).split()
        yield from (f"{word} " for word in words)
        padded = f" {' '.join(words)} "
        yield from (padded[start : start + 3] for start in range(len(padded) - 2))
