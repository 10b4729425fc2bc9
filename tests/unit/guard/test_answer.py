"""The answer: outcome, source and hits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.guard.answer import (
    Answer,
    AnswerOutcome,
    Source,
    delivered,
    dont_know,
    from_document,
    refused,
    unavailable,
)
from stepguard.guard.stages import Outcome


@pytest.mark.parametrize(
    ("answer", "document"),
    [
        (delivered("x", Source.LLM, Outcome.PASSED, Outcome.SKIPPED), ("answered", "LLM", 1)),
        (delivered("x", Source.LLM, Outcome.MASKED, Outcome.PASSED), ("masked", "LLM", 1)),
        (delivered("x", Source.LLM, Outcome.PASSED, Outcome.MASKED), ("masked", "LLM", 1)),
        (delivered("x", Source.DOCUMENT, Outcome.PASSED), ("passed", "DOCUMENT", 1)),
        (delivered("x", Source.DOCUMENT, Outcome.SKIPPED, Outcome.MASKED), ("masked", "DOCUMENT", 1)),
        (delivered("x", Source.RESPONSE, Outcome.PASSED, Outcome.SKIPPED), ("passed", "RESPONSE", 1)),
        (delivered("x", Source.RESPONSE, Outcome.MASKED), ("masked", "RESPONSE", 1)),
        (refused("x", Source.PREPROCESS), ("blocked", "PREPROCESS GUARDRAIL", 0)),
        (refused("x", Source.POSTPROCESS), ("blocked", "POSTPROCESS GUARDRAIL", 0)),
        (refused("x", Source.BEDROCK), ("blocked", "BEDROCK GUARDRAIL", 0)),
        (dont_know("x", Source.LLM), ("dont_know", "LLM", 0)),
        (unavailable("x"), ("unavailable", None, 0)),
    ],
)
def test_the_outcome_table(answer: Answer, document: tuple[str, str | None, int]) -> None:
    """What happened, whose words they are, and whether that was a hit."""
    outcome, source, got_hits = document

    assert answer.to_document() == {"text": "x", "outcome": outcome, "source": source, "got_hits": got_hits}


def finished(**stages: dict[str, Any]) -> dict[str, Any]:
    """A finished execution's document."""
    stage = {"outcome": "passed", "findings": [{"policy": "topic", "name": "n", "action": "NONE"}], "text": "secret"}
    answer = {"text": "Yes.", "outcome": "answered", "source": "LLM", "got_hits": 1}
    return {"request": {}, "input_guard": stage, "model": stage, "answer_guard": stage, "answer": answer} | stages


def test_an_answer_is_read_with_its_verdicts() -> None:
    """The verdicts are listed by state, in the order of the stages, without any stage's text."""
    answer = from_document(finished(), "arn:x")

    assert (answer.text, answer.outcome, answer.source) == ("Yes.", AnswerOutcome.ANSWERED, Source.LLM)
    assert [verdict["state"] for verdict in answer.verdicts] == ["GuardInput", "InvokeModel", "GuardAnswer"]
    assert answer.to_dict()["execution"] == "arn:x"
    assert "secret" not in json.dumps(answer.to_dict())


def test_stages_that_were_not_reached_have_no_verdict() -> None:
    """A question that the input layer blocked has one."""
    document = finished(answer={"text": "no", "outcome": "blocked", "source": "PREPROCESS GUARDRAIL", "got_hits": 0})
    del document["model"], document["answer_guard"]

    assert [verdict["state"] for verdict in from_document(document, "arn:x").verdicts] == ["GuardInput"]


def test_an_answer_without_source_is_read() -> None:
    """`source: null` stays null."""
    document = finished(answer={"text": "no", "outcome": "unavailable", "source": None, "got_hits": 0})

    assert from_document(document, "arn:x").source is None


def test_a_document_without_answer_is_an_error() -> None:
    """There is no default answer."""
    with pytest.raises(KeyError):
        from_document({}, "arn:x")


def test_json_leaves_out_what_is_not_known() -> None:
    """No execution, no verdicts: no such members; everything else always stands."""
    assert set(unavailable("x").to_dict()) == {"text", "outcome", "source", "got_hits"}
    assert set(unavailable("x", "arn:x").to_dict()) == {"text", "outcome", "source", "got_hits", "execution"}
