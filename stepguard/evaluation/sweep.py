"""The effect of other filter strengths and grounding thresholds, from the scores of one run.

A content filter of strength LOW acts on HIGH confidence, MEDIUM on MEDIUM and HIGH, HIGH on all but NONE
(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-content-filters.html); contextual grounding acts on a
score below its threshold. Each filter is evaluated alone: texts that another one would have stopped before it count
too. `interventions` evaluates all content filters together, with what the other policies did in this run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation.items import Expected
from stepguard.evaluation.metrics import Confusion
from stepguard.evaluation.results import Result
from stepguard.guard.bedrock_names import CONFIDENCES, NONE, STRENGTHS

LEAST = {strength: len(CONFIDENCES) - place for place, strength in enumerate(STRENGTHS)}
"""For each strength the lowest confidence (as an index) that it acts on; NONE acts on nothing."""

ALWAYS = len(CONFIDENCES)
"""The place, above every confidence, of an item on which another policy acted: no strength changes that."""

STEPS = 100
"""Grounding scores are counted in hundredths; 0.99 is the highest threshold that Bedrock takes."""

Histogram = dict[bool | None, Counter[int]]


def _histogram() -> Histogram:
    return defaultdict(Counter)


@dataclass(slots=True)
class Sweep:
    """Histograms: for each filter the number of items by score and expected result."""

    content: dict[str, Histogram] = field(default_factory=lambda: defaultdict(_histogram))
    grounding: dict[str, Histogram] = field(default_factory=lambda: defaultdict(_histogram))
    interventions: Histogram = field(default_factory=_histogram)

    def add(self, result: Result, truth: frozenset[str] | None) -> None:
        """Count one item's scores: the highest confidence of any layer, the lowest grounding score."""
        confidences: dict[str, int] = {}
        scores: dict[str, int] = {}
        for entry in (*result.findings, *result.scores):
            name = f"{entry['policy']}/{entry['name']}"
            if entry["policy"] == "content" and entry.get("confidence") in CONFIDENCES:
                confidences[name] = max(confidences.get(name, 0), CONFIDENCES.index(entry["confidence"]))
            elif entry.get("score") is not None:
                step = min(STEPS - 1, int(entry["score"] * STEPS))
                scores[name] = min(scores.get(name, STEPS), step)
        others = any(entry["policy"] != "content" and entry["action"] != NONE for entry in result.findings)
        expected = result.labels.expected
        known = None if expected is None else expected is not Expected.PASSED
        self.interventions[known][ALWAYS if others else max(confidences.values(), default=0)] += 1
        for name, confidence in confidences.items():
            self.content[name][_expected(name, truth)][confidence] += 1
        for name, score in scores.items():
            self.grounding[name][_expected(name, truth)][score] += 1

    def to_dict(self) -> dict[str, Any]:
        """By filter: one row a strength, or a threshold, with the number of items that it would have acted on.

        `interventions` is the same for all content filters at one strength; empty without any content filter.
        """
        return {
            "content": {name: self._content(self.content[name]) for name in sorted(self.content)},
            "contextual_grounding": {name: self._grounding(self.grounding[name]) for name in sorted(self.grounding)},
            "interventions": self._content(self.interventions) if self.content else [],
        }

    def _content(self, histogram: Histogram) -> list[dict[str, Any]]:
        return [
            {"strength": strength, **_row(histogram, lambda score, least=least: score >= least)}
            for strength, least in LEAST.items()
        ]

    def _grounding(self, histogram: Histogram) -> list[dict[str, Any]]:
        return [
            {"threshold": step / STEPS, **_row(histogram, lambda score, step=step: score < step)}
            for step in range(0, STEPS, 5)
        ]


def _expected(name: str, truth: frozenset[str] | None) -> bool | None:
    if truth is None or (name not in truth and name.partition("/")[0] in truth):
        return None
    return name in truth


def _row(histogram: Histogram, acts: Any) -> dict[str, Any]:
    confusion = Confusion()
    acted = 0
    for expected, counts in histogram.items():
        hits = sum(count for score, count in counts.items() if acts(score))
        acted += hits
        if expected is True:
            confusion.tp, confusion.fn = hits, counts.total() - hits
        elif expected is False:
            confusion.fp, confusion.tn = hits, counts.total() - hits
    row: Mapping[str, Any] = confusion.to_dict() if confusion.total else {}
    return {"acts_on": acted, **row}
