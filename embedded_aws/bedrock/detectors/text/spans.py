"""What every detector reports: a stretch of the text and what it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` is a `label` (a PII type, a configured word, a pattern's name); `score` lies in 0..1."""

    start: int
    end: int
    label: str
    score: float = 1.0
