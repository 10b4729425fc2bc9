"""The scores of a run's answers: agreement with references, groundedness, grades. Streaming, whatever the order.

It reads lines of results.jsonl, so SummarizeCorpus and, once it has embeddings and a judge's grades, the command count
the same way. Memory does not grow with the number of items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation.answers.agreement import is_exact, is_refusal, says, word_agreement
from stepguard.evaluation.answers.grades import Grade
from stepguard.evaluation.metrics import kappa, percentiles, rate

WORDS = 0.6
"""The agreement of words from which an answer with the same numbers counts as correct, if no judge graded it.
Embeddings grade nothing: "at eight" and "at nine" are near to each other."""

GROUNDING = "contextual_grounding"
"""The policy of a guardrail that scores answers."""

_STEPS = 10_000
"""Scores are counted in ten-thousandths, so that sums do not depend on the order of items."""

GUARDRAIL, DOES_NOT_KNOW, IN_WORDS = "guardrail", "does_not_know", "in_words"
"""Who refused an answer: a guard layer, the model by LLM_QA_NO_HITS_REGEX, or the answer itself."""


def refused_by(line: Mapping[str, Any]) -> str | None:
    """Who refused the answer of a line of results.jsonl; None if it is an answer."""
    if line["outcome"] == "blocked":
        return GUARDRAIL
    if line["outcome"] == "dont_know":
        return DOES_NOT_KNOW
    return IN_WORDS if is_refusal(line.get("answer") or "") else None


def quality_of(answer: str, references: tuple[str, ...], outcome: str) -> dict[str, Any]:
    """What an answer's words say: a line's `quality`, to which the command adds `embedding` and `judge`."""
    refused = refused_by({"outcome": outcome, "answer": answer})
    quality: dict[str, Any] = {"refused": refused}
    if references:
        given = refused in (None, IN_WORDS)  # a guard's message is no answer
        quality["exact"] = given and is_exact(answer, references)
        quality["words"] = round(word_agreement(answer, references), 4) if given else 0.0
        quality["grade"] = str(_agreed(quality, answer, references))
    return quality


def with_evidence(line: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The line's quality with an embedding agreement, and a judge's grade, which then is the answer's."""
    quality = {**line["quality"], **evidence}
    if grade := (quality.get("judge") or {}).get("grade"):
        quality["grade"] = grade
    return quality


def _agreed(quality: Mapping[str, Any], answer: str, references: tuple[str, ...]) -> Grade:
    """The grade by words alone: the same in other words is not recognised."""
    if quality["exact"]:
        return Grade.CORRECT
    if quality["refused"] is not None:
        # "I don't know" is right where the reference says that there is no answer.
        right = quality["refused"] != GUARDRAIL and any(map(is_refusal, references))
        return Grade.CORRECT if right else Grade.REFUSED
    same = any(says(answer, reference, WORDS) for reference in references if not is_refusal(reference))
    return Grade.CORRECT if same else Grade.WRONG


@dataclass(slots=True)
class _Scores:
    """Scores from 0 to 1."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, score: float) -> None:
        """Count one."""
        self.counts[round(score * _STEPS)] += 1

    def to_dict(self) -> dict[str, Any] | None:
        """Their number, mean, tenth percentile and median; None without scores."""
        total = self.counts.total()
        if not total:
            return None
        ranks = percentiles(self.counts, (0.1, 0.5))
        mean = sum(score * count for score, count in self.counts.items()) / total
        return {"items": total, "mean": round(mean / _STEPS, 6), **{n: ranks[n] / _STEPS for n in ("p10", "p50")}}


@dataclass(slots=True)
class Answers:
    """Add the line of every item, then read `to_dict`."""

    references: int = 0
    exact: int = 0
    words: _Scores = field(default_factory=_Scores)
    embedding: _Scores = field(default_factory=_Scores)
    grounding: dict[str, _Scores] = field(default_factory=lambda: {"GROUNDING": _Scores(), "RELEVANCE": _Scores()})
    grades: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)
    labelled: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_grade: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, line: Mapping[str, Any]) -> None:
        """Count one line of results.jsonl; an item without a verdict has no answer."""
        if line["action"] == "failed":
            return
        for name, scores in self.grounding.items():
            if (score := _lowest(line, name)) is not None:
                scores.add(score)
        quality = line.get("quality")
        if not quality or "grade" not in quality:
            return
        self.references += 1
        self.exact += quality["exact"]
        self.words.add(quality["words"])
        self.grades[quality["grade"]] += 1
        if quality["refused"] and quality["grade"] == Grade.REFUSED:
            self.refused[quality["refused"]] += 1
        if quality.get("embedding") is not None:
            self.embedding.add(quality["embedding"])
        label = line.get("grade")
        judge = quality.get("judge")
        if judge is not None:
            self.judged[judge["grade"] or "unreadable"] += 1
            if label and judge["grade"]:
                self.labelled[label, judge["grade"]] += 1
        if label:
            self.by_grade[label, quality["grade"]] += 1

    def to_dict(self) -> dict[str, Any] | None:
        """The scorecard's `answers`; None without a reference and a score of grounding."""
        grounding = {name.lower(): scores.to_dict() for name, scores in self.grounding.items() if scores.counts}
        if not self.references and not grounding:
            return None
        found: dict[str, Any] = {
            "references": self.references,
            "exact": rate(self.exact, self.references),
            "words": self.words.to_dict(),
            "embedding": self.embedding.to_dict(),
            "grades": {str(grade): self.grades[str(grade)] for grade in Grade},
            "correct": rate(self.grades[str(Grade.CORRECT)], self.references),
            "refused_by": {name: self.refused[name] for name in (GUARDRAIL, DOES_NOT_KNOW, IN_WORDS)},
            "grounding": grounding.get("grounding"),
            "relevance": grounding.get("relevance"),
            "judge": None,
            "labels": _compared(self.labelled or self.by_grade),
        }
        if self.judged:
            items = self.judged.total()
            found["judge"] = {
                "items": items,
                **{name: self.judged[name] for name in (*map(str, Grade), "unreadable")},
                "correct_rate": rate(self.judged[str(Grade.CORRECT)], items - self.judged["unreadable"]),
            }
        return found


def _compared(pairs: Mapping[tuple[str, str], int]) -> dict[str, Any] | None:
    """How the grades agree with the corpus's own ones: the share, and Cohen's kappa."""
    total = sum(pairs.values())
    if not total:
        return None
    same = sum(count for (label, found), count in pairs.items() if label == found)
    matrix = {str(label): {str(found): pairs.get((str(label), str(found)), 0) for found in Grade} for label in Grade}
    return {"items": total, "agreement": rate(same, total), "kappa": kappa(pairs), "matrix": matrix}


def _lowest(line: Mapping[str, Any], name: str) -> float | None:
    """The lowest score of a filter of contextual grounding, as the guardrail returned it."""
    entries = [*line.get("scores", ()), *(finding for stage in line["stages"] for finding in stage["findings"])]
    found = [
        float(entry["score"])
        for entry in entries
        if entry.get("name") == name and entry.get("policy") == GROUNDING and entry.get("score") is not None
    ]
    return min(found, default=None)
