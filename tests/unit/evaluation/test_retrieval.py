"""Evaluation of retrieval: hit rate, reciprocal rank, citations, groundedness, wrong curated answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.evaluation.answers.retrieval import Retrieval, retrieval_of
from stepguard.evaluation.items import item_of, labels_of
from stepguard.evaluation.map_items import map_lines
from stepguard.evaluation.results import result_of
from stepguard.guard.errors import InvalidRequest
from stepguard.report.gates import gates_of
from stepguard.report.summary import retrieval_of as lines_of
from tests.fakes.scorecards import scorecard_of
from tests.unit.evaluation.test_scorecard import record


def passage(name: str) -> dict[str, Any]:
    """A retrieved passage of a document."""
    return {"id": f"chunk-{name}", "uri": f"s3://knowledge/documents/{name}", "text": "secret words", "title": name}


def executed(
    *found: str, cited: tuple[str, ...] = (), curated: str | None = None, blocked: bool = False
) -> dict[str, Any]:
    """An execution document of a question."""
    finding = {"policy": "contextual_grounding", "name": "GROUNDING", "action": "BLOCKED"}
    context: dict[str, Any] = {"found": {"matched": curated is not None, "item": {"qid": curated}}}
    if curated is None:
        outcome = "found" if found else "none"
        context["passages"] = {"outcome": outcome, "passages": [passage(name) for name in found]}
    return {
        "context": context,
        "model": {"findings": [finding] if blocked else [], "has_answer": not blocked,
                  "text_units": {"contextualGroundingPolicyUnits": 2}},
        "answer": {"citations": [{"n": n, **passage(name)} for n, name in enumerate(cited, 1)]},
    }  # fmt: skip


def scored(*questions: tuple[dict[str, Any], list[str] | None]) -> dict[str, Any]:
    """The scores of some questions with their sources."""
    scores = Retrieval()
    for document, sources in questions:
        line = retrieval_of(document, sources)
        if line is not None:
            scores.add(line)
    return scores.to_dict() or {}


def test_hits_ranks_and_citations_are_counted() -> None:
    """By file name, id or address; a document is cited once, however many passages of it are."""
    found = scored(
        (executed("a.md", "b.md", cited=("a.md", "a.md")), ["a.md"]),
        (executed("b.md", "c.md", "a.md", cited=("b.md",)), ["s3://knowledge/documents/a.md"]),
        (executed("b.md", "c.md"), ["chunk-c.md", "z.md"]),
        (executed(), ["a.md"]),
    )

    assert (found["questions"], found["searched"]) == (4, 4)
    assert {depth: value["value"] for depth, value in found["hit_rate"].items()} == {"1": 0.25, "3": 0.75}
    assert found["reciprocal_rank"]["value"] == pytest.approx((1 + 1 / 3 + 1 / 2 + 0) / 4, abs=1e-6)
    assert found["reciprocal_rank"]["low"] < found["reciprocal_rank"]["value"] < found["reciprocal_rank"]["high"]
    assert found["citation_precision"]["value"] == 0.5
    assert found["citation_recall"]["value"] == 0.2
    assert 0 <= found["hit_rate"]["1"]["low"] < 0.25 < found["hit_rate"]["1"]["high"] <= 1


def test_a_curated_answer_is_right_if_its_qid_is_a_source() -> None:
    """It was not searched, so it is in no hit rate; a wrong one is counted."""
    found = scored(
        (executed(curated="Visits.Hours"), ["Visits.Hours", "visiting.md"]),
        (executed(curated="Visits.Hours"), ["parking.md"]),
        (executed(curated="Visits.Hours"), []),
        (executed("parking.md"), ["parking.md"]),
    )

    assert (found["curated"]["right"], found["curated"]["wrong"]) == (1, 2)
    assert found["curated"]["wrong_rate"]["value"] == 0.5
    assert (found["questions"], found["searched"], found["hit_rate"]["1"]["value"]) == (4, 1, 1.0)


def test_no_source_means_that_nothing_should_be_cited() -> None:
    """Every citation is wrong then; the question is in no hit rate."""
    found = scored((executed("a.md", cited=("a.md",)), []))
    assert (found["searched"], found["citation_precision"]["value"], found["citation_recall"]) == (0, 0.0, None)


def test_groundedness_counts_every_answer_from_passages() -> None:
    """With and without sources; an answer that no guardrail checked says nothing."""
    unchecked = executed("a.md")
    unchecked["model"]["text_units"] = {}
    beside = executed("a.md", blocked=True)
    beside["model"]["findings"][0]["name"] = "RELEVANCE"
    questions = [executed("a.md"), executed("a.md", blocked=True), unchecked, beside, executed("a.md")]
    found = scored(*((question, None) for question in questions))
    assert (found["questions"], found["grounded"]["value"]) == (0, 0.75)
    assert scored((executed(), None)) == {}


def test_lines_hold_no_text_of_documents() -> None:
    """Results are read by those who may read the run, whoever may read the documents."""
    assert "secret" not in json.dumps(retrieval_of(executed("a.md", cited=("a.md",)), ["a.md"]))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("a.md", ("a.md",)), ("a.md; b.md", ("a.md", "b.md")), (["a.md", {"uri": "s3://x/b.md"}], ("a.md", "s3://x/b.md")),
        ([], ()), (None, None), ("", None), (7, ("7",)),
    ],
)  # fmt: skip
def test_sources_are_names_of_documents(given: Any, read: tuple[str, ...] | None) -> None:
    """One, several in a CSV cell, a list; an empty list says that there is none."""
    labels = item_of({"prompt": "Where?", "sources": given}, 1).labels
    assert labels.sources == read
    assert labels_of(labels.to_dict()).sources == read


def test_other_sources_are_refused() -> None:
    """A row whose label cannot be read."""
    with pytest.raises(InvalidRequest, match="'sources' must be a list of names"):
        item_of({"prompt": "Where?", "sources": [["a.md"]]}, 1)


def test_only_questions_to_the_model_have_sources() -> None:
    """Documents and given responses search nothing; neither does a screened question."""
    rows = ({"text": "x", "sources": ["a"]}, {"query": "q", "completion": "c", "sources": ["a"]})
    lines = [next(map_lines(item_of(row, 1), 1, {}, "run")) for row in rows]
    lines.append(next(map_lines(item_of({"prompt": "x", "sources": ["a"]}, 1), 1, {}, "run", screen=True)))
    assert all("labels" not in line["item"] for line in lines)
    (line,) = map_lines(item_of({"prompt": "x", "sources": ["a"]}, 1), 1, {}, "run")
    assert line["item"]["labels"]["sources"] == ["a"]


def _card() -> dict[str, Any]:
    one = record(0, labels={"sources": ["a.md"]})
    part = {"outcome": "passed", "findings": [], "scores": [], "text_units": {}, "entered": "2026-01-01T00:00:00.120Z"}
    context = {name: part | value for name, value in executed("b.md", "a.md")["context"].items()}
    output = json.loads(one["Output"]) | {"context": context}
    found, _ = result_of(one | {"Output": json.dumps(output)})
    assert found.to_dict()["retrieval"]["rank"] == 2
    return scorecard_of([found]).to_dict()


@pytest.mark.parametrize(
    ("limit", "passed"),
    [
        ("hit-rate-at-1=0.5", False), ("reciprocal-rank=50%", True), ("wrong-curated=0", True),
        ("citation-precision=0.1", False), ("hit-rate-at-10=0", False),
    ],
)  # fmt: skip
def test_limits_use_the_scores(limit: str, passed: bool) -> None:
    """A score without a value keeps no limit."""
    (gate,) = gates_of(limit)
    assert gate.check(_card()).passed is passed


def test_the_summary_has_the_scores() -> None:
    """In the terminal, the Markdown summary and the report alike."""
    lines = list(lines_of(_card()))
    assert lines[0] == "1 questions with sources, 1 of them searched"
    assert lines[1].startswith("  hit rate: at 1 0.0% (")
    assert lines[2].startswith("  mean reciprocal rank 0.500 (")
    assert list(lines_of({})) == []
