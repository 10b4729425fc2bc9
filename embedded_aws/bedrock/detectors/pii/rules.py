"""The shape of a rule: a pattern, what validates a match, and which words around it make it believable."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from embedded_aws.bedrock.detectors.text.spans import Span

BEFORE = 60  # characters before a match in which its context words count
AFTER = 25  # characters after it


def near(text: str, start: int, end: int, words: re.Pattern[str], before: int = BEFORE, after: int = AFTER) -> bool:
    """Whether one of `words` stands shortly before or after text[start:end]."""
    return bool(words.search(text, max(0, start - before), start) or words.search(text, end, end + after))


def context(words: str) -> re.Pattern[str]:
    """A case-insensitive pattern for whole context words, given as alternatives."""
    return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one form of a PII type is recognised.

    `pattern`: its group "value", or else the whole match, is the span. Patterns are bounded, so that matching is
    linear. `check`: a validity test of the matched text (a checksum). `words`: context words. The span's score is
    `score`, or `with_words` when a context word is near; a score of 0 rejects the match.
    """

    label: str
    pattern: re.Pattern[str]
    score: float
    check: Callable[[str], bool] | None = None
    words: re.Pattern[str] | None = None
    with_words: float = 0.0

    def find(self, text: str) -> Iterator[Span]:
        """The believable matches in `text`."""
        group = "value" if "value" in self.pattern.groupindex else 0
        for match in self.pattern.finditer(text):
            start, end = match.span(group)
            if start == end or (self.check and not self.check(text[start:end])):
                continue
            score = self.score
            if self.words and near(text, start, end, self.words):
                score = max(score, self.with_words)
            if score > 0:
                yield Span(start, end, self.label, score)


def apply(rules: Iterable[Rule], text: str) -> list[Span]:
    """The spans of all rules, in no particular order and possibly overlapping."""
    return [span for rule in rules for span in rule.find(text)]
