"""Behaviours A to Q, in which guarded chats are known to go wrong, each with the correct outcome.

Sources: the guardrail semantics of https://github.com/aws-solutions/qnabot-on-aws (v7.4.0) and the issues of its
peers. What needs a real guardrail (O, the six prompts of the DeepSeek notebook) is tested against the embedded AWS;
I to L, where texts may go, are in `test_text_behaviours`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.chat_api import ChatApi
from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.invoke_model import invoke_model
from stepguard.aws.models import Models
from stepguard.guard.answer import Source
from stepguard.guard.callers import Caller
from stepguard.guard.errors import ConfigurationError, InvalidRequest, ServiceUnavailable, Throttled, UnguardedRefused
from stepguard.guard.settings import EMPTYMESSAGE, ERRORMESSAGE, Settings, read_settings
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE
from stepguard.guard.vocabularies import read_apply_guardrail, read_converse, read_invoke_model
from tests.fakes.aws import client_error
from tests.fakes.bedrock import (
    BLOCKED_MESSAGE,
    applied,
    blocked,
    golden,
    guard,
    masked,
    pii,
    regex_mask,
    topic,
    with_layers,
)
from tests.fakes.chat import posted
from tests.fakes.stages import ANSWERED, QUESTION, REQUEST, SETTINGS, ask_answer, ask_input, ask_model
from tests.fakes.states import Clock, FakeStates

MIXED = {
    "mask in front of block": [pii("EMAIL", "!US_SOCIAL_SECURITY_NUMBER")],
    "block in front of mask": [pii("!US_SOCIAL_SECURITY_NUMBER", "EMAIL")],
    "another policy blocks": [pii("EMAIL") | topic()],
    "another assessment blocks": [pii("EMAIL"), topic()],
    "regex masks, topic blocks": [regex_mask("TicketId") | topic()],
}


@pytest.mark.parametrize("assessments", MIXED.values(), ids=MIXED)
def test_a_mask_and_block_together_is_a_block_in_front_of_the_model(assessments: list[dict[str, Any]]) -> None:
    """A: whatever the order, a block beside a mask blocks, and the guardrail's message is not taken for a question."""
    result = ask_input(blocked(*assessments))

    assert (result["outcome"], result["blocked"], result["text"]) == ("blocked", True, "")
    assert result["answer"] == {
        "text": BLOCKED_MESSAGE,
        "outcome": "blocked",
        "source": "PREPROCESS GUARDRAIL",
        "got_hits": 0,
    }


@pytest.mark.parametrize("assessments", MIXED.values(), ids=MIXED)
def test_a_mask_and_block_together_is_a_block_behind_the_model(assessments: list[dict[str, Any]]) -> None:
    """A: the answer of a mixed verdict is the guardrail's message and counts as no hit."""
    result = ask_answer(blocked(*assessments))

    assert result["blocked"] is True
    assert result["answer"] == {
        "text": BLOCKED_MESSAGE,
        "outcome": "blocked",
        "source": "POSTPROCESS GUARDRAIL",
        "got_hits": 0,
    }


def test_b_a_regex_mask_goes_on_masked() -> None:
    """B: a custom regex that masks is a mask, not a block that echoes the question back."""
    text = "Write to sarah.j@email.com about {MedicalRecordNumber}."
    result = ask_input(masked(text, regex_mask("MedicalRecordNumber")))

    assert (result["outcome"], result["blocked"], result["text"], result["answer"]) == ("masked", False, text, None)


def test_b_a_regex_mask_of_an_answer_is_delivered_masked() -> None:
    """B: behind the model, the masked answer is still an answer."""
    result = ask_answer(masked("See {MedicalRecordNumber}.", regex_mask("MedicalRecordNumber")))

    assert result["answer"] == {
        "text": "See {MedicalRecordNumber}.",
        "outcome": "masked",
        "source": "LLM",
        "got_hits": 1,
        "citations": [],
    }


@pytest.mark.parametrize("ask", [ask_input, ask_answer], ids=["input", "answer"])
def test_c_none_without_assessments_passes(ask: Any) -> None:
    """C: a clean pass is a pass, also when the response leaves the assessments out."""
    result = ask({"action": "NONE", "outputs": [], "usage": {}}, modelled=False)

    assert (result["outcome"], result["blocked"]) == ("passed", False)


@pytest.mark.parametrize(
    "members",
    [{}, {"assessments": []}, {"assessments": [{}]}, {"assessments": None, "outputs": None}, {"outputs": []}],
    ids=["both missing", "assessments empty", "assessment empty", "null", "outputs empty"],
)
@pytest.mark.parametrize("ask", [ask_input, ask_answer], ids=["input", "answer"])
def test_d_an_unexplained_intervention_blocks_with_a_fallback_text(ask: Any, members: dict[str, Any]) -> None:
    """D: an intervention that cannot be proved to be masking only blocks, and the person still gets a message."""
    result = ask({"action": "GUARDRAIL_INTERVENED", **members}, modelled=False)

    assert (result["outcome"], result["blocked"]) == ("blocked", True)
    assert result["answer"]["text"] == DEFAULT_BLOCKED_MESSAGE


def test_d_an_unexplained_intervention_blocks_with_its_own_message() -> None:
    """D: when the response holds the guardrail's message, that is shown."""
    assert ask_input(applied(outputs=[BLOCKED_MESSAGE]))["answer"]["text"] == BLOCKED_MESSAGE


def test_d_a_mask_without_its_masked_text_blocks() -> None:
    """D: findings that only mask, but no masked text: the raw text must not go on."""
    result = ask_input(applied(pii("EMAIL")))

    assert (result["outcome"], result["text"]) == ("blocked", "")


THROTTLED = client_error("ThrottlingException", "Too many requests", 429)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (THROTTLED, Throttled),
        (client_error("ServiceUnavailableException", "", 503), ServiceUnavailable),
        (client_error("ValidationException", "wrong", 400), InvalidRequest),
    ],
    ids=["throttled", "unavailable", "refused"],
)
@pytest.mark.parametrize("ask", [ask_input, ask_answer, ask_model], ids=["input", "answer", "model"])
def test_e_an_error_is_an_error_and_never_a_verdict(ask: Any, error: Exception, kind: type[Exception]) -> None:
    """E: a stage that could not judge raises, so that the state machine retries it or fails."""
    with pytest.raises(kind):
        ask(error)


def test_e_a_failed_turn_is_not_labelled_as_a_guardrails_doing() -> None:
    """E: what the caller sees of an error is `unavailable`, without a source."""
    states = FakeStates(status="FAILED", error="Throttled")
    _, body, _ = posted(ChatApi(states.executions, lambda: SETTINGS), b'{"question": "Hello?"}', Caller("test"))

    assert body["answer"]["outcome"] == "unavailable"
    assert body["answer"]["source"] is None
    assert body["answer"]["text"] == ERRORMESSAGE


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("PREPROCESS_GUARDRAIL_IDENTIFIER", "PREPROCESS_GUARDRAIL_VERSION"),
        ("PREPROCESS_GUARDRAIL_VERSION", "PREPROCESS_GUARDRAIL_IDENTIFIER"),
        ("BEDROCK_GUARDRAIL_IDENTIFIER", "BEDROCK_GUARDRAIL_VERSION"),
        ("BEDROCK_GUARDRAIL_VERSION", "BEDROCK_GUARDRAIL_IDENTIFIER"),
        ("POSTPROCESS_GUARDRAIL_IDENTIFIER", "POSTPROCESS_GUARDRAIL_VERSION"),
        ("POSTPROCESS_GUARDRAIL_VERSION", "POSTPROCESS_GUARDRAIL_IDENTIFIER"),
    ],
)
@pytest.mark.parametrize("empty", [None, "", "  "], ids=["unset", "empty", "blank"])
def test_f_half_a_pair_is_refused_by_name(given: str, missing: str, empty: str | None) -> None:
    """F: only an identifier or only a version is a configuration error that names both, never a silent skip."""
    environment = {given: "abc123abc123"} | ({} if empty is None else {missing: empty})
    with pytest.raises(ConfigurationError, match=rf"^{missing} is not set but {given} is"):
        read_settings(environment)


def test_f_a_layer_that_is_off_is_reported_as_skipped() -> None:
    """F: without a guardrail nothing is called, and the stage says so."""
    guardrails, runtime = guard()
    result = guard_input({"request": REQUEST}, with_layers(Layer.MODEL), guardrails)

    assert (result["outcome"], result["blocked"], result["text"]) == ("skipped", False, QUESTION)
    assert runtime.requests == []


DOCUMENT = {"request": REQUEST, "model": ANSWERED}
STAGES: dict[str, Callable[[Settings], Any]] = {
    "input": lambda settings: guard_input({"request": REQUEST}, settings, guard()[0]),
    "model": lambda settings: invoke_model({"request": REQUEST, "text": "Why?"}, settings, Models(guard()[1].client)),
    "answer": lambda settings: guard_answer({"document": DOCUMENT}, settings, guard()[0]),
}


@pytest.mark.parametrize("stage", STAGES)
def test_f_no_layer_at_all_stops_every_stage(stage: str) -> None:
    """F: a deployment without any guardrail answers nothing, unless that is its explicit setting."""
    with pytest.raises(UnguardedRefused, match="UNGUARDED=yes"):
        STAGES[stage](with_layers())


def test_f_unguarded_is_explicit() -> None:
    """F: then the layers are skipped, and say so."""
    settings = replace(with_layers(), unguarded=True)

    assert [STAGES[stage](settings)["outcome"] for stage in ("input", "answer")] == ["skipped", "skipped"]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("I am not able to provide fiduciary advice.", "I am not able to provide fiduciary advice."),
        ("This request was blocked by our policy.", "This request was blocked by our policy."),
        ("Sorry, the model cannot answer this question.", EMPTYMESSAGE),
    ],
)
@pytest.mark.parametrize("direction", ["input", "output"])
def test_g_a_model_block_is_a_block_by_its_action_whatever_its_words(direction: str, message: str, text: str) -> None:
    """G: a custom blocked message that no regex knows is a block too, and never an answer with hits."""
    reply = golden(f"converse/blocked_{direction}")
    reply["output"]["message"]["content"][0]["text"] = message
    result = ask_model(reply)

    assert (result["outcome"], result["has_answer"], result["text"]) == ("blocked", False, "")
    assert result["answer"] == {
        "text": text,
        "outcome": "blocked",
        "source": "BEDROCK GUARDRAIL",
        "got_hits": 0,
    }


@pytest.mark.parametrize(
    "text",
    [
        "There is no mention of fever in the guideline. Headache is listed as the first symptom.",
        "A robot may be unable to respond!\nRestart it.",
        "The passages do not contain any information on dose. They do list the side effects: nausea and rash.",
    ],
)
def test_h_a_good_answer_that_contains_a_refusals_words_is_kept(text: str) -> None:
    """H: the regex only catches a model that says, in one sentence, that it does not know."""
    reply = golden("converse/answered")
    reply["output"]["message"]["content"][0]["text"] = text
    result = ask_model(reply)

    assert (result["has_answer"], result["text"], result["answer"]) == (True, text, None)


@pytest.mark.parametrize(
    "text", ["Sorry, I don't know.", "I'm UNABLE TO ASSIST YOU with that", "There is no mention of it!"]
)
def test_h_a_model_that_says_it_does_not_know_gives_dont_know(text: str) -> None:
    """H: in its own words, and from the model itself."""
    reply = golden("converse/answered")
    reply["output"]["message"]["content"][0]["text"] = text
    result = ask_model(reply)

    assert (result["has_answer"], result["text"]) == (False, "")
    assert (result["answer"]["outcome"], result["answer"]["source"]) == ("dont_know", "LLM")


MESSAGE = "Sorry, the model cannot answer this question. Please review the trace for more details."
FORMS = {
    "blocked": ("apply_guardrail/blocked_topic", "converse/blocked_output", "invoke_model/completion_blocked_input"),
    "masked": ("apply_guardrail/masked_pii", "converse/masked_output", "invoke_model/completion_masked_output"),
    "passed": ("apply_guardrail/passed", "converse/answered", "invoke_model/completion_answered"),
}


@pytest.mark.parametrize("outcome", FORMS)
def test_m_the_vocabularies_have_one_normal_form(outcome: str) -> None:
    """M: `GUARDRAIL_INTERVENED`, `guardrail_intervened` and `INTERVENED` say the same and read the same."""
    apply, converse, invoke = (golden(name) for name in FORMS[outcome])
    text = "Diabetes has several causes."
    verdicts = [
        read_apply_guardrail(apply, text, Layer.MODEL, Direction.OUTPUT),
        read_converse(converse),
        read_invoke_model(invoke, invoke["generation"].rpartition("</think>")[2].strip()),
    ]

    assert {verdict.outcome for verdict in verdicts} == {Outcome(outcome)}
    assert len({verdict.text for verdict in verdicts}) == 1
    assert len({verdict.message for verdict in verdicts}) == 1
    assert all(
        {item.policy for item in verdict.findings} <= {"topic", "content", "sensitive_information"}
        for verdict in verdicts
    )


def test_n_an_apostrophe_reaches_the_workflow() -> None:
    """N: chat text is data: no template between the API and the execution can trip over it."""
    states = FakeStates()
    text = "What's the patient's \"name\"? \\' {0} ${x} $.request \N{GRINNING FACE}"
    status, _, _ = posted(ChatApi(states.executions), json.dumps({"question": text}).encode(), Caller("test"))

    assert status == 200
    assert states.texts == [text]


def test_p_an_empty_answer_is_dont_know_and_asks_no_guardrail() -> None:
    """P: ApplyGuardrail refuses an empty text, so an empty output ends in front of it."""
    reply = golden("converse/answered")
    reply["output"]["message"]["content"] = [{"reasoningContent": {"reasoningText": {"text": "only a thought"}}}]
    result = ask_model(reply)
    assert (result["has_answer"], result["answer"]["source"]) == (False, str(Source.LLM))

    guardrails, runtime = guard()
    document = {"request": REQUEST, "input_guard": ANSWERED, "model": ANSWERED | {"text": " \n"}}
    assert guard_answer({"document": document}, SETTINGS, guardrails)["outcome"] == "skipped"
    assert runtime.requests == []


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_q_a_failed_execution_is_never_a_200(status: str) -> None:
    """Q: API Gateway's mapping would answer 200 with an empty body; ours says 503."""
    api = ChatApi(
        FakeStates(status=status, error="States.Timeout").executions, lambda: SETTINGS, Clock(), Clock().sleep
    )
    code, body, _ = posted(api, b'{"question": "Hello?"}', Caller("test"))

    assert code == 503
    assert body["status"] == status
    assert body["answer"]["outcome"] == "unavailable"


def test_q_a_success_without_an_answer_is_not_a_200() -> None:
    """Q: an execution document without the answer, which no path of the workflow leaves, is not delivered as one."""
    states = FakeStates(output={})
    code, _, _ = posted(ChatApi(states.executions, lambda: SETTINGS), b'{"question": "Hello?"}', Caller("test"))

    assert code == 503
