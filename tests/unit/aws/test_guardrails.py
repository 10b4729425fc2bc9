"""ApplyGuardrail: what is sent, what comes back, and when nothing is sent at all."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.aws.guardrails import Guardrails
from stepguard.guard.errors import ConfigurationError, InvalidRequest, Throttled, UnreadableVerdict
from stepguard.guard.prompts import Passage, Question
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE
from tests.fakes.aws import Reply, client_error
from tests.fakes.bedrock import (
    BLOCKED_MESSAGE,
    REF,
    applied,
    blocked,
    golden,
    guard,
    masked,
    passed,
    pii,
    regex_mask,
    topic,
)


@pytest.mark.parametrize("direction", Direction)
def test_one_text_is_one_block(direction: Direction) -> None:
    """The text goes as it is, under the guardrail's identifier, version and source."""
    guardrails, runtime = guard(passed())
    verdict = guardrails.check(REF, " What's up?\n", Layer.PREPROCESS, direction)

    assert runtime.bodies("apply_guardrail") == [
        {
            "guardrailIdentifier": REF.id,
            "guardrailVersion": "1",
            "source": str(direction),
            "content": [{"text": {"text": " What's up?\n"}}],
        }
    ]
    assert (verdict.outcome, verdict.text) == (Outcome.PASSED, " What's up?\n")


@pytest.mark.parametrize(("ref", "text"), [(None, "x"), (REF, ""), (REF, " \n\t")], ids=["off", "empty", "blank"])
def test_nothing_to_do_is_skipped_without_a_call(ref: GuardrailRef | None, text: str) -> None:
    """A layer that is off, or a text that Bedrock would refuse as empty."""
    guardrails, runtime = guard()
    question = Question("Why?", (Passage("1", "x"),))

    assert guardrails.check(ref, text, Layer.MODEL, Direction.INPUT).outcome is Outcome.SKIPPED
    assert guardrails.check_grounded(ref, text, question, Layer.MODEL).text == text
    assert runtime.requests == []


def test_calls_are_independent() -> None:
    """Nothing of one verdict is in the next."""
    guardrails, _ = guard(blocked(), passed(), masked("to {EMAIL}"))
    outcomes = [guardrails.check(REF, "x", Layer.MODEL, Direction.INPUT).outcome for _ in range(3)]

    assert outcomes == [Outcome.BLOCKED, Outcome.PASSED, Outcome.MASKED]


def test_sensitive_information_without_entities_is_no_crash() -> None:
    """A policy section may lack its lists."""
    reply = applied({"sensitiveInformationPolicy": {}}, action="NONE")
    guardrails, _ = guard(reply, modelled=False)

    assert guardrails.check(REF, "x", Layer.MODEL, Direction.INPUT).outcome is Outcome.PASSED


def test_a_grounded_check_marks_source_query_and_answer() -> None:
    """Contextual grounding needs all three; the other policies look only at what is marked guard_content."""
    guardrails, runtime = guard(golden("apply_guardrail/blocked_grounding"))
    question = Question("Why?", (Passage("1", "Because."), Passage("2", "So.")))
    verdict = guardrails.check_grounded(REF, "The moon.", question, Layer.MODEL)

    (body,) = runtime.bodies("apply_guardrail")
    assert body["source"] == "OUTPUT"
    assert body["content"] == [
        {"text": {"text": "Because.", "qualifiers": ["grounding_source"]}},
        {"text": {"text": "So.", "qualifiers": ["grounding_source"]}},
        {"text": {"text": "Why?", "qualifiers": ["query"]}},
        {"text": {"text": "The moon.", "qualifiers": ["guard_content"]}},
    ]
    assert verdict.outcome is Outcome.BLOCKED


def test_a_source_is_marked_as_one_and_still_judged() -> None:
    """Without guard_content only contextual grounding would read it."""
    guardrails, runtime = guard(golden("apply_guardrail/blocked_grounding"))
    guardrails.check(REF, "Genes.", Layer.PASSAGES, Direction.INPUT, source=True)

    (body,) = runtime.bodies("apply_guardrail")
    assert body["content"] == [{"text": {"text": "Genes.", "qualifiers": ["grounding_source", "guard_content"]}}]


def test_an_empty_query_is_left_out() -> None:
    """Bedrock refuses an empty text; a guardrail that needs the query says so itself."""
    guardrails, runtime = guard(passed())
    guardrails.check_grounded(REF, "The moon.", Question(" ", (Passage("1", "Because."),)), Layer.MODEL)

    sent = [block["text"]["qualifiers"] for block in runtime.bodies("apply_guardrail")[0]["content"]]
    assert sent == [["grounding_source"], ["guard_content"]]


def test_a_very_long_text_goes_in_many_requests() -> None:
    """Each within the limit, in order, and together the whole text."""
    text = "".join(f"Sentence {number}. " for number in range(12_000))
    guardrails, runtime = guard(*[passed()] * 20)
    verdict = guardrails.check(REF, text, Layer.POSTPROCESS, Direction.OUTPUT)

    sent = [body["content"][0]["text"]["text"] for body in runtime.bodies("apply_guardrail")]
    assert len(sent) == -(-(len(text) - 1_000) // 24_000)
    assert all(len(part) <= 25_000 and part in text for part in sent)
    assert sent[0] + "".join(part[1_000:] for part in sent[1:]) == text == verdict.text
    assert verdict.text_units == {"contentPolicyUnits": len(sent)}


def test_without_passages_an_answer_is_checked_alone() -> None:
    """No qualifier is sent that a guardrail without grounding would stumble over."""
    guardrails, runtime = guard(passed())
    guardrails.check_grounded(REF, "An answer.", Question("Why?"), Layer.MODEL)

    assert runtime.bodies("apply_guardrail")[0]["content"] == [{"text": {"text": "An answer."}}]


def test_masks_of_all_chunks_are_put_back() -> None:
    """Masked text of a long text, with findings and units of every request."""
    text = "word " * 4_990 + "a@b.example MRN42" + " word" * 1_000
    halves = [
        lambda request: _mask(request, "a@b.example", "{EMAIL}", pii("EMAIL")),
        lambda request: _mask(request, "MRN42", "{Ticket}", regex_mask("Ticket")),
    ]
    guardrails, _ = guard(*halves)
    verdict = guardrails.check(REF, text, Layer.POSTPROCESS, Direction.OUTPUT)

    assert verdict.outcome is Outcome.MASKED
    assert verdict.text == text.replace("a@b.example", "{EMAIL}").replace("MRN42", "{Ticket}")
    assert {finding.name for finding in verdict.findings} == {"EMAIL", "Ticket"}
    assert verdict.text_units == {"contentPolicyUnits": 4}


def _mask(request: dict[str, Any], value: str, placeholder: str, assessment: dict[str, Any]) -> dict[str, Any]:
    text = request["content"][0]["text"]["text"]
    assert value in text
    return applied(assessment, outputs=[text.replace(value, placeholder)], units=2)


def test_a_mask_that_cannot_be_placed_blocks() -> None:
    """When a chunk's masked text is not the chunk with placeholders, nothing of it may go on; units are kept."""
    replies = [applied(pii("EMAIL"), outputs=["something else {EMAIL}"], units=2), passed()]
    guardrails, _ = guard(*replies)
    verdict = guardrails.check(REF, "word " * 6_000, Layer.POSTPROCESS, Direction.OUTPUT)

    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", DEFAULT_BLOCKED_MESSAGE)
    assert [finding.name for finding in verdict.findings] == ["EMAIL"]
    assert verdict.text_units == {"contentPolicyUnits": 3}


def test_a_block_keeps_what_was_found_before_it() -> None:
    """Findings and units of the chunks in front of the blocked one were paid for and are in the verdict."""
    replies: list[Reply] = [lambda request: _mask(request, "a@b.example", "{EMAIL}", pii("EMAIL")), blocked()]
    guardrails, _ = guard(*replies)
    verdict = guardrails.check(REF, "a@b.example " + "word " * 6_000, Layer.MODEL, Direction.INPUT)

    assert (verdict.outcome, verdict.message) == (Outcome.BLOCKED, BLOCKED_MESSAGE)
    assert [(finding.name, finding.action) for finding in verdict.findings] == [
        ("EMAIL", "ANONYMIZED"),
        ("Medical Advice", "BLOCKED"),
    ]
    assert verdict.text_units == {"contentPolicyUnits": 2}


def test_an_error_in_a_later_chunk_is_an_error() -> None:
    """Half a check is no check: the state machine retries the whole."""
    guardrails, _ = guard(passed(), client_error("ThrottlingException", "text unit limit exceeded", 429))
    with pytest.raises(Throttled):
        guardrails.check(REF, "word " * 6_000, Layer.MODEL, Direction.INPUT)


@pytest.mark.parametrize("direction", Direction)
def test_an_exception_inside_a_success_is_an_error(direction: Direction) -> None:
    """Some proxies answer 200 with an exception in the body."""
    guardrails, _ = guard({"Output": {"__type": "ThrottlingException"}}, modelled=False)
    with pytest.raises(UnreadableVerdict):
        guardrails.check(REF, "x", Layer.MODEL, direction)


def test_a_block_shows_its_message() -> None:
    """The guardrail's own words for the person."""
    guardrails, _ = guard(blocked())

    assert guardrails.check(REF, "x", Layer.MODEL, Direction.INPUT).message == BLOCKED_MESSAGE


def test_no_region_is_a_configuration_error(environment: pytest.MonkeyPatch) -> None:
    """The variable to set is named."""
    environment.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match="No AWS region is set: set AWS_DEFAULT_REGION"):
        Guardrails().check(REF, "x", Layer.MODEL, Direction.INPUT)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_DEFAULT_REGION", ""), ("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL", "not a url")],
)
def test_an_environment_without_a_client_is_a_configuration_error(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """No region, no such profile, no such endpoint: the error names the variable and is no traceback."""
    environment.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable):
        Guardrails().check(REF, "x", Layer.MODEL, Direction.INPUT)


NO_SOURCE = client_error(
    "ValidationException",
    "The provided request does not contain the grounding source. Grounding source, query and content to guard are "
    "required for Guardrails contextual grounding policy evaluation.",
)
UNSUPPORTED = {"contextualGroundingPolicy": {"filters": [
    {"type": "GROUNDING", "threshold": 0.7, "score": 0.1, "action": "BLOCKED", "detected": True}
]}}  # fmt: skip


def test_an_answer_without_passages_is_its_own_source() -> None:
    """Bedrock refuses it under a guardrail with contextual grounding; all other policies must judge it all the same."""
    guardrails, runtime = guard(NO_SOURCE, passed(), NO_SOURCE, blocked(topic()))
    question = Question("Why?")
    verdict = guardrails.check_grounded(REF, "So it is.", question, Layer.MODEL)
    again = guardrails.check_grounded(REF, "So it is.", question, Layer.MODEL)

    assert (verdict.outcome, verdict.text, again.outcome) == (Outcome.PASSED, "So it is.", Outcome.BLOCKED)
    assert [block["text"]["qualifiers"] for block in runtime.bodies("apply_guardrail")[1]["content"]] == [
        ["grounding_source"], ["query"], ["guard_content"],
    ]  # fmt: skip


def test_grounding_says_nothing_of_an_answer_without_passages() -> None:
    """A block by grounding alone is none; with a mask beside it the masked text is missing, so it stays blocked."""
    guardrails, _ = guard(NO_SOURCE, blocked(UNSUPPORTED), NO_SOURCE, blocked(UNSUPPORTED, pii("EMAIL")))
    free, masked_too = (guardrails.check(REF, "So it is.", Layer.MODEL, Direction.OUTPUT) for _ in range(2))

    assert (free.outcome, free.text, free.message, free.findings) == (Outcome.PASSED, "So it is.", None, ())
    assert (masked_too.outcome, masked_too.text) == (Outcome.BLOCKED, "")
    assert [item.name for item in masked_too.findings] == ["EMAIL"]


def test_a_long_answer_without_passages_goes_in_parts() -> None:
    """Contextual grounding takes 5,000 characters of an answer and 1,000 of a query."""
    text = "It is a fact that the hospital is open. " * 300
    guardrails, runtime = guard(NO_SOURCE, *[passed() for _ in range(3)])
    verdict = guardrails.check(REF, text, Layer.MODEL, Direction.OUTPUT)
    sent = [[len(block["text"]["text"]) for block in body["content"]] for body in runtime.bodies("apply_guardrail")[1:]]

    assert (verdict.outcome, verdict.text) == (Outcome.PASSED, text)
    assert all(source == answer <= 5_000 and query <= 1_000 for source, query, answer in sent)


def test_other_refusals_stay_errors() -> None:
    """Only the missing source is mended, and only for answers."""
    guardrails, _ = guard(client_error("ValidationException", "No."), NO_SOURCE)
    for direction in (Direction.OUTPUT, Direction.INPUT):
        with pytest.raises(InvalidRequest):
            guardrails.check(REF, "x", Layer.MODEL, direction)
