"""Contextual grounding on the demo's pages: which threshold separates supported answers from others.

For each question of bench/data/hospital_answers.json the embedded knowledge base of corpora/hospital finds five
passages, which are the source as the workflow sends them, with their numbers. Each answer is scored by the detector of
the embedded Bedrock, and so is what the embedded model says itself. Intervals are Wilson's, at 95 %.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.knowledge import PAGES, TOP, build
from embedded_aws.bedrock.detectors.grounding.scores import GroundingScores, scores
from embedded_aws.bedrock.knowledge import reading, search
from embedded_aws.bedrock.knowledge.answering import UNKNOWN, answer_from
from embedded_aws.bedrock.knowledge.embedding import local_encoder
from stepguard.evaluation.metrics import wilson

ANSWERS = Path(__file__).parents[1] / "data" / "hospital_answers.json"
PAIRS = [(grounding, relevance) for grounding in (0.5, 0.6, 0.7, 0.8) for relevance in (0.0, 0.1, 0.2, 0.3, 0.5)]
WRONG = ("number", "name", "contrary", "invented")


def measure(folder: Path) -> dict[str, Any]:
    """The shares of answers that each pair of thresholds blocks, by kind."""
    asked = json.loads(ANSWERS.read_text("utf-8"))["questions"]
    pages = {
        file.relative_to(PAGES).as_posix(): "\n".join(reading.pages(file.name, file.read_bytes()))
        for file in sorted(PAGES.rglob("*"))
        if file.is_file() and not file.name.endswith(".metadata.json")
    }
    searcher = search.Searcher(build(folder / "index", pages))
    found: dict[str, list[tuple[GroundingScores, str]]] = defaultdict(list)
    hits = 0
    for entry in asked:
        sources, right = _sources(searcher, entry["question"], entry["page"])
        hits += right
        for kind, answers in entry.items():
            if isinstance(answers, list):
                found[kind] += [(scores("\n".join(sources), entry["question"], text), text) for text in answers]
        said = answer_from(sources, entry["question"])
        if said != UNKNOWN:
            found["embedded model"].append((scores("\n".join(sources), entry["question"], said), said))
    wrong = [row for kind in WRONG for row in found[kind]]
    result: dict[str, Any] = {"questions": len(asked), "page among the five passages": hits}
    for kind, rows in [*sorted(found.items()), ("all that no page says", wrong)]:
        result[kind] = {"answers": len(rows)} | {
            f"{grounding:.2f} and {relevance:.2f}": _share(
                sum(score.grounding < grounding or score.relevance < relevance for score, _ in rows), len(rows)
            )
            for grounding, relevance in PAIRS
        }
    result["lowest supported"] = _lowest(found["supported"])
    return result


def _sources(searcher: search.Searcher, question: str, page: str) -> tuple[list[str], bool]:
    vector = local_encoder([question], "query")[0]
    passages = [passage for passage, _ in searcher.search(question, vector, "HYBRID", TOP, None)]
    numbered = [f"[{number}] {passage.text}" for number, passage in enumerate(passages, 1)]
    return numbered, any(passage.uri == page for passage in passages)


def _share(under: int, count: int) -> str:
    low, high = wilson(under, count)
    return f"{under / count:.2f} ({low:.2f}-{high:.2f})"


def _lowest(rows: list[tuple[GroundingScores, str]]) -> list[str]:
    lowest = sorted(rows, key=lambda row: min(row[0].grounding, row[0].relevance))[:8]
    return [f"{score.grounding:.2f} {score.relevance:.2f} {text}" for score, text in lowest]
