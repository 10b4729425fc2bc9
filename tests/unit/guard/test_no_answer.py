"""When the model layer's result is no answer, what the person gets, and the evidence that the history keeps."""

from __future__ import annotations

import json

import pytest

from stepguard.guard.no_answer import NoAnswer, Rule, no_answer
from stepguard.guard.request import Kind
from stepguard.guard.settings import LLM_QA_NO_HITS_REGEX, Settings, read_settings
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import Finding, Verdict

SETTINGS = read_settings({"EMPTYMESSAGE": "empty"})


def ended(verdict: Verdict, kind: Kind = Kind.PROMPT, settings: Settings = SETTINGS) -> NoAnswer:
    """Why a verdict holds no answer."""
    ending = no_answer(verdict, kind, settings)
    assert ending is not None
    return ending


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
    answer = ended(verdict).answer

    assert answer.to_document() == {
        "text": text,
        "outcome": "blocked",
        "source": "BEDROCK GUARDRAIL",
        "got_hits": 0,
    }


def test_the_teams_own_pattern_decides_on_a_blocks_text() -> None:
    """LLM_QA_NO_HITS_REGEX may match the messages of a team's guardrails, or no message at all."""
    default = blocked("Sorry, the model cannot answer this question.", "BLOCKED")
    mine = read_settings({"EMPTYMESSAGE": "empty", "LLM_QA_NO_HITS_REGEX": "fiduciary"})

    assert ended(blocked(REFUSAL, "BLOCKED"), settings=mine).answer.text == "empty"
    assert ended(default, settings=mine).answer.text == default.message


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
    ending = no_answer(Verdict(Outcome.PASSED, text), Kind.PROMPT, SETTINGS)

    assert (ending is not None and ending.rule is Rule.DOES_NOT_KNOW) is unknown


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.SKIPPED, Outcome.MASKED])
def test_a_dont_know_keeps_the_models_words_and_the_match(outcome: Outcome) -> None:
    """The history has what the model said, the setting, its pattern and the place of the match."""
    ending = ended(Verdict(outcome, " Well, sorry, I don\u2019t know, {NAME}.\n"))

    assert ending.answer.to_document() == {"text": "empty", "outcome": "dont_know", "source": "LLM", "got_hits": 0}
    assert ending.to_dict() == {
        "rule": "does_not_know",
        "said": "Well, sorry, I don\u2019t know, {NAME}.",
        "setting": "LLM_QA_NO_HITS_REGEX",
        "pattern": LLM_QA_NO_HITS_REGEX,
        "start": 6,
        "end": 25,
    }


def test_a_blocks_message_is_evidence_too() -> None:
    """Also where the team's message replaces it; a message that is delivered matches no pattern."""
    default = ended(blocked("Sorry, the model cannot answer this question.", "BLOCKED")).to_dict()

    assert default["said"] == "Sorry, the model cannot answer this question."
    assert default["said"][default["start"] : default["end"]] == "the model cannot answer this question"
    assert ended(blocked(REFUSAL, "BLOCKED")).to_dict() == {"rule": "blocked", "said": REFUSAL}
    assert ended(blocked(None)).to_dict() == {"rule": "blocked", "said": ""}


@pytest.mark.parametrize(("kind", "source"), [(Kind.PROMPT, "LLM"), (Kind.RESPONSE, "RESPONSE")])
def test_no_text_is_no_answer(kind: Kind, source: str) -> None:
    """A model that only thought, or an empty response."""
    ending = ended(Verdict(Outcome.PASSED, " \n"), kind)

    assert ending.to_dict() == {"rule": "no_text", "said": ""}
    assert (ending.answer.outcome, ending.answer.source) == ("dont_know", source)


def test_a_given_response_is_judged_as_it_is() -> None:
    """The pattern is for models."""
    assert no_answer(Verdict(Outcome.PASSED, "Sorry, I don't know."), Kind.RESPONSE, SETTINGS) is None


def test_evidence_is_json() -> None:
    """It travels in a Lambda's result."""
    assert json.loads(json.dumps(ended(Verdict(Outcome.PASSED, "There is no mention of it.")).to_dict()))
