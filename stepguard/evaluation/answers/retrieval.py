"""What questions found: hit rate, reciprocal rank, citations, groundedness, curated answers. Streaming and pure.

A corpus names the `sources` of a question: documents that its answer should cite, by id, address or file name, or the
qid of a curated answer. Neither a line nor a scorecard holds texts of documents.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation.metrics import DIGITS, Z95, rate
from stepguard.guard.bedrock_names import BLOCKED
from stepguard.guard.grounding import GROUNDING_UNITS, POLICY
from stepguard.guard.stages import FIND_ANSWER, INVOKE_MODEL, RETRIEVE_PASSAGES

DEPTHS = (1, 3, 5, 10, 20)
"""The k of hit rate at k; those beyond the most passages of a question are left out."""


def retrieval_of(document: Mapping[str, Any], sources: Sequence[str] | None) -> dict[str, Any] | None:
    """A line's `retrieval`, from an execution document; None if nothing was searched and no source is named.

    `found` are the documents of the passages, best first; `rank` is the place of the first expected one.
    """
    curated = FIND_ANSWER.result(document) or {}
    searched = RETRIEVE_PASSAGES.result(document)
    passages = [] if searched is None else list(searched.get("passages") or ())
    if sources is None and not passages:
        return None
    qid = (curated.get("item") or {}).get("qid") if curated.get("matched") else None
    cited = list({_name(one): one for one in (document.get("answer") or {}).get("citations") or ()}.values())
    line: dict[str, Any] = {
        "searched": searched is not None and searched.get("outcome") in ("found", "none"),
        "found": [_name(passage) for passage in passages],
        "cited": [_name(one) for one in cited],
        "curated": qid,
        "grounded": _grounded(document) if passages else None,
    }
    if sources is None:
        return line
    ranks = [rank for rank, one in enumerate(passages, 1) if _expected(one, sources)]
    return line | {
        "sources": list(sources),
        "rank": min(ranks, default=None),
        "cited_right": sum(_expected(one, sources) for one in cited),
        "sources_cited": sum(any(_expected(one, (source,)) for one in cited) for source in sources),
        "curated_right": None if qid is None else qid in sources,
    }


def _grounded(document: Mapping[str, Any]) -> bool | None:
    """Whether the filter GROUNDING let the answer by; None if the check did not run, or the model does not know."""
    model = INVOKE_MODEL.result(document) or {}
    blocked = {
        item["name"] for item in model.get("findings") or () if item["policy"] == POLICY and item["action"] == BLOCKED
    }
    checked = model.get("has_answer") and (model.get("text_units") or {}).get(GROUNDING_UNITS)
    return "GROUNDING" not in blocked if blocked or checked else None


def _name(passage: Mapping[str, Any]) -> str:
    """The file name of a passage's document, or its id without an address."""
    uri = str(passage.get("uri") or "")
    return uri.rstrip("/").rpartition("/")[2] or str(passage.get("id") or "")


def _expected(passage: Mapping[str, Any], sources: Collection[str]) -> bool:
    uri = str(passage.get("uri") or "")
    names = {str(passage.get("id") or ""), uri, str(passage.get("title") or "")} - {""}
    return any(source in names or uri.endswith(f"/{source}") for source in sources)


@dataclass(slots=True)
class Retrieval:
    """Add the `retrieval` of every line, then read `to_dict`."""

    questions: int = 0
    ranks: Counter[int] = field(default_factory=Counter)
    most: int = 0
    cited: int = 0
    cited_right: int = 0
    expected: int = 0
    expected_cited: int = 0
    grounded: Counter[bool] = field(default_factory=Counter)
    curated: Counter[bool] = field(default_factory=Counter)

    def add(self, line: Mapping[str, Any]) -> None:
        """Count one question. One that a curated answer ended was not searched, and needs no citation."""
        if line["grounded"] is not None:
            self.grounded[line["grounded"]] += 1
        if "sources" not in line:
            return
        self.questions += 1
        if line["curated_right"] is not None:
            self.curated[line["curated_right"]] += 1
            return
        self.cited += len(line["cited"])
        self.cited_right += line["cited_right"]
        self.expected += len(line["sources"])
        self.expected_cited += line["sources_cited"]
        if line["searched"] and line["sources"]:
            self.most = max(self.most, len(line["found"]))
            self.ranks[line["rank"] or 0] += 1

    def to_dict(self) -> dict[str, Any] | None:
        """The scorecard's `retrieval`; None without a question with sources and without an answer from passages."""
        if not self.questions and not self.grounded:
            return None
        searched = self.ranks.total()
        wrong = self.curated[False]
        return {
            "questions": self.questions,
            "searched": searched,
            "hit_rate": {
                str(depth): rate(sum(count for rank, count in self.ranks.items() if 0 < rank <= depth), searched)
                for depth in DEPTHS
                if depth == 1 or depth <= self.most
            },
            "reciprocal_rank": _mean({1 / rank if rank else 0.0: count for rank, count in self.ranks.items()}),
            "citation_precision": rate(self.cited_right, self.cited),
            "citation_recall": rate(self.expected_cited, self.expected),
            "grounded": rate(self.grounded[True], self.grounded.total()),
            "curated": {"right": self.curated[True], "wrong": wrong, "wrong_rate": rate(wrong, self.questions)},
        }


def _mean(counts: Mapping[float, int]) -> dict[str, float] | None:
    """A mean with its 95 % interval, by the normal distribution."""
    total = sum(counts.values())
    if not total:
        return None
    mean = math.fsum(value * count for value, count in sorted(counts.items())) / total
    spread = math.fsum((value - mean) ** 2 * count for value, count in sorted(counts.items()))
    half = Z95 * math.sqrt(spread / (total - 1) / total) if total > 1 else 1.0
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    return {"value": round(mean, DIGITS), "low": round(low, DIGITS), "high": round(high, DIGITS)}
