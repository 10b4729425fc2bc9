"""The answer: outcome, source and hits, and what counts as "I don't know"."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.guard.answer import (
    Answer,
    AnswerOutcome,
    Source,
    delivered,
    does_not_know,
    dont_know,
    from_document,
    refused,
    refused_by_model_layer,
    unavailable,
)
from stepguard.guard.settings import read_settings
from stepguard.guard.verdict import Direction, Finding, Layer, Outcome, Verdict

NO_HITS = read_settings({}).no_hits
REFUSAL = "I am not able to provide fiduciary advice."


def blocked(message: str | None, *actions: str) -> Verdict:
    """A block of the model layer, with findings of these actions."""
    found = [Finding("topic", "n", action, Layer.MODEL, Direction.OUTPUT) for action in actions]
    return Verdict(Outcome.BLOCKED, "", message, tuple(found))


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (blocked(REFUSAL, "BLOCKED"), REFUSAL),
        (blocked(REFUSAL, "ANONYMIZED", "BLOCKED", "NONE"), REFUSAL),
        (blocked("Sorry, the model cannot answer this question.", "BLOCKED"), "empty"),
        (blocked("SORRY, I DON\u2019T KNOW. Call the clinic. It is open all day.", "BLOCKED"), "empty"),
        (blocked(None, "BLOCKED"), "empty"),
        (blocked("", "BLOCKED"), "empty"),
        (blocked("Perhaps what the model wrote."), "empty"),
        (blocked("Perhaps what the model wrote for {NAME}.", "ANONYMIZED", "NONE"), "empty"),
    ],
)
def test_a_block_of_the_model_layer_is_a_block(verdict: Verdict, text: str) -> None:
    """Its text is the guardrail's message, or the team's where the no-hits pattern matches or the message is unsure."""
    answer = refused_by_model_layer(verdict, "empty", NO_HITS)

    assert answer.to_document() == {
        "text": text,
        "outcome": "blocked",
        "source": "BEDROCK GUARDRAIL",
        "got_hits": 0,
    }


def test_the_teams_own_pattern_decides_on_a_blocks_text() -> None:
    """LLM_QA_NO_HITS_REGEX may match the messages of a team's guardrails, or no message at all."""
    default = blocked("Sorry, the model cannot answer this question.", "BLOCKED")
    mine = read_settings({"LLM_QA_NO_HITS_REGEX": "fiduciary"}).no_hits

    assert refused_by_model_layer(blocked(REFUSAL, "BLOCKED"), "empty", mine).text == "empty"
    assert refused_by_model_layer(default, "empty", mine).text == default.message


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
    """The verdicts are told by state, in the order of the stages, without any stage's text."""
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


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Sorry, I don't know.", True),
        ("  Sorry, I don't know \n", True),
        ("Sorry, I don\u2019t know!", True),
        ("There is no mention of that (see page 3.)", True),
        ('He said "I don\'t have enough information."', True),
        ("Yes.", False),
        ("", False),
        ("Sorry, I don't know the dose. The usual one is 5 mg.", False),
        ("The usual dose is 5 mg. There is no mention of more.", False),
        ("Doses:\n- There is no mention of them", False),
        ("Sorry, I don't know. \u201cAsk a doctor.\u201d", False),
    ],
)
def test_only_one_sentence_says_that_the_model_does_not_know(text: str, unknown: bool) -> None:
    """A longer answer that merely contains a refusal's words is kept."""
    assert does_not_know(text, NO_HITS) is unknown
