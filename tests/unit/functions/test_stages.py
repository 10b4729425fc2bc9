"""The three stages on prompts, documents and given responses."""

from __future__ import annotations

from typing import Any

import pytest

from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.invoke_model import invoke_model
from stepguard.aws.models import Models
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.stages import Layer
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import ALL_LAYERS, BLOCKED_MESSAGE, blocked, golden, guard, masked, passed, pii, with_layers

PROMPT: dict[str, Any] = {"kind": "prompt", "text": "Why?", "caller": "test"}
DOCUMENT: dict[str, Any] = {"kind": "document", "text": "A document.", "caller": "test"}
RESPONSE: dict[str, Any] = {
    "kind": "response",
    "text": "",
    "query": "Why?",
    "completion": "Because.",
    "passages": [{"id": "1", "text": "A passage."}],
    "caller": "test",
}
SETTINGS = with_layers(*ALL_LAYERS)
STAGE: dict[str, Any] = {"outcome": "passed", "findings": [], "text": "An answer."}


@pytest.mark.parametrize(
    ("request_", "needs_model", "looked_at"),
    [(PROMPT, True, "Why?"), (DOCUMENT, False, "A document."), (RESPONSE, True, "Why?")],
    ids=["prompt", "document", "response"],
)
def test_the_input_layer_looks_at_what_was_written(request_: dict[str, Any], needs_model: bool, looked_at: str) -> None:
    """The question, the document, or the query of a response; only a document needs no model layer, and is marked as a
    source."""
    guardrails, runtime = guard(passed(units=2))
    result = guard_input({"name": "chat-1", "request": request_}, SETTINGS, guardrails, lambda: 1_000.7)

    (body,) = runtime.bodies("apply_guardrail")
    marks = {} if needs_model else {"qualifiers": ["grounding_source", "guard_content"]}
    assert (body["source"], body["content"]) == ("INPUT", [{"text": {"text": looked_at, **marks}}])
    assert result == {
        "outcome": "passed",
        "findings": [],
        "text_units": {"contentPolicyUnits": 2},
        "scores": [],
        "guardrail": {"id": "abc123abc123", "version": "1"},
        "blocked": False,
        "needs_model": needs_model,
        "needs_context": request_["kind"] == "prompt",
        "text": looked_at,
        "answer": None,
        "has_turns": False,
        "language": "" if looked_at == "A document." else "en",
        "settings": None,
        "record": {
            "caller": request_["caller"],
            "expires": str(1_000 + 24 * 3600),
            "id": "chat-1",
            "turn": "-",
            "turns": 12,
        },
    }


def test_a_response_without_query_has_no_input_to_guard() -> None:
    """An evaluation of answers alone."""
    guardrails, runtime = guard()
    request = {key: value for key, value in RESPONSE.items() if key != "query"}

    assert guard_input({"request": request}, SETTINGS, guardrails)["outcome"] == "skipped"
    assert runtime.requests == []


def test_a_masked_question_is_what_the_model_is_asked() -> None:
    """The model sees the text that the input layer let through, not the request's."""
    fake = FakeClient("bedrock-runtime", converse=golden("converse/answered"))
    result = invoke_model({"request": PROMPT, "text": "To {EMAIL}?"}, SETTINGS, Models(fake.client))

    content = fake.bodies("converse")[0]["messages"][0]["content"]
    assert content == [{"guardContent": {"text": {"text": "To {EMAIL}?"}}}]
    assert (result["has_answer"], result["text"], result["answer"]) == (True, "Diabetes has several causes.", None)
    assert (result["stop_reason"], result["tokens"]) == ("end_turn", {"input": 12, "output": 34})


def test_a_given_response_is_checked_with_its_query_and_passages() -> None:
    """The model layer's guardrail is applied to it; no model is called."""
    guardrails, runtime = guard(passed())
    result = invoke_model({"request": RESPONSE, "text": "Why, {NAME}?"}, SETTINGS, guardrails=guardrails)

    content = runtime.bodies("apply_guardrail")[0]["content"]
    assert [(block["text"]["text"], *block["text"]["qualifiers"]) for block in content] == [
        ("A passage.", "grounding_source"),
        ("Why, {NAME}?", "query"),
        ("Because.", "guard_content"),
    ]
    assert (result["text"], result["stop_reason"], result["tokens"]) == ("Because.", "given", {})


def test_a_given_refusal_is_kept_as_a_response() -> None:
    """The no-hits pattern is for a model's answer; a response under evaluation is judged as it is."""
    request = RESPONSE | {"completion": "Sorry, I don't know."}

    assert invoke_model({"request": request, "text": "Why?"}, SETTINGS, guardrails=guard(passed())[0])["has_answer"]


def test_a_blocked_response_is_blocked() -> None:
    """As a blocked answer of a model would be."""
    result = invoke_model({"request": RESPONSE, "text": "Why?"}, SETTINGS, guardrails=guard(blocked())[0])

    assert (result["has_answer"], result["text"]) == (False, "")
    answer = {"text": BLOCKED_MESSAGE, "outcome": "blocked", "source": "BEDROCK GUARDRAIL", "got_hits": 0}
    assert result["answer"] == answer


def test_an_empty_response_is_no_answer() -> None:
    """There is nothing to deliver."""
    result = invoke_model({"request": RESPONSE | {"completion": " "}, "text": "Why?"}, SETTINGS, guardrails=guard()[0])

    assert (result["has_answer"], result["answer"]["source"]) == (False, "RESPONSE")


@pytest.mark.parametrize(
    ("request_", "outcome", "source"),
    [(PROMPT, "answered", "LLM"), (DOCUMENT, "passed", "DOCUMENT"), (RESPONSE, "passed", "RESPONSE")],
    ids=lambda item: str(item)[:20],
)
def test_the_answer_layer_reports_whose_words_they_are(request_: dict[str, Any], outcome: str, source: str) -> None:
    """A model's, a document's, a given response's; only a model answers."""
    document = {"request": request_, "input_guard": STAGE, "model": STAGE}
    result = guard_answer({"document": document}, SETTINGS, guard(passed())[0])

    assert result["answer"] == {
        "text": "An answer.",
        "outcome": outcome,
        "source": source,
        "got_hits": 1,
        "citations": [],
    }


def test_a_document_is_screened_as_the_input_layer_left_it() -> None:
    """Without a model stage, the answer layer looks at the screened document."""
    guardrails, runtime = guard(passed())
    document = {"request": DOCUMENT, "input_guard": STAGE | {"outcome": "masked", "text": "A {NAME} document."}}
    result = guard_answer({"document": document}, SETTINGS, guardrails)

    assert runtime.bodies("apply_guardrail")[0]["content"] == [{"text": {"text": "A {NAME} document."}}]
    assert (result["answer"]["text"], result["answer"]["outcome"]) == ("A {NAME} document.", "masked")


@pytest.mark.parametrize("layer", ["input_guard", "model"])
def test_a_mask_of_an_earlier_layer_makes_the_answer_masked(layer: str) -> None:
    """Masked, wherever the mask was put on, as long as nothing blocked."""
    document = {"request": PROMPT, "input_guard": STAGE, "model": STAGE}
    document[layer] = STAGE | {"outcome": "masked"}

    assert guard_answer({"document": document}, SETTINGS, guard(passed())[0])["answer"]["outcome"] == "masked"


def test_a_block_of_the_answer_layer_beats_an_earlier_mask() -> None:
    """Blocked is blocked."""
    document = {"request": PROMPT, "input_guard": STAGE | {"outcome": "masked"}, "model": STAGE}
    result = guard_answer({"document": document}, SETTINGS, guard(blocked())[0])

    assert (result["answer"]["outcome"], result["answer"]["text"]) == ("blocked", BLOCKED_MESSAGE)


def test_the_answer_layers_mask_is_delivered() -> None:
    """The masked text, with what was masked among the findings."""
    document = {"request": PROMPT, "input_guard": STAGE, "model": STAGE}
    result = guard_answer({"document": document}, SETTINGS, guard(masked("An {NAME}.", pii("NAME")))[0])

    assert result["answer"]["text"] == "An {NAME}."
    assert [(item["name"], item["layer"], item["direction"]) for item in result["findings"]] == [
        ("NAME", "postprocess", "OUTPUT")
    ]


def test_a_trusted_starters_guardrails_are_used_alone() -> None:
    """The request's guardrails decide, layer by layer; layers that it does not name are off."""
    request = PROMPT | {"guardrails": {"postprocess": {"id": "chosen", "version": "9"}}}
    guardrails, runtime = guard(passed())
    document = {"request": request, "input_guard": STAGE, "model": STAGE}
    guard_answer({"document": document}, SETTINGS, guardrails)

    (body,) = runtime.bodies("apply_guardrail")
    assert (body["guardrailIdentifier"], body["guardrailVersion"]) == ("chosen", "9")
    assert guard_input({"request": request}, SETTINGS, guard()[0])["outcome"] == "skipped"


@pytest.mark.parametrize("event", [{}, {"request": None}, {"request": "x"}, {"request": {"text": 5}}])
def test_an_event_without_a_request_is_refused(event: dict[str, Any]) -> None:
    """Each stage reads the same request and refuses the same."""
    with pytest.raises(InvalidRequest):
        guard_input(event, SETTINGS)
    with pytest.raises(InvalidRequest):
        invoke_model({"text": "x"} | event, SETTINGS)
    with pytest.raises(InvalidRequest):
        guard_answer({"document": event}, SETTINGS)


def test_an_answer_without_any_stage_in_front_is_refused() -> None:
    """Nothing was screened, so there is nothing to deliver."""
    with pytest.raises(InvalidRequest, match="no result of a stage"):
        guard_answer({"document": {"request": PROMPT}}, SETTINGS, guard()[0])


def test_stages_read_their_environment_once(environment: pytest.MonkeyPatch) -> None:
    """As in Lambda: no settings are handed in; half a pair stops every stage by name."""
    environment.setenv("UNGUARDED", "yes")
    assert guard_input({"request": PROMPT})["outcome"] == "skipped"

    environment.setenv("BEDROCK_GUARDRAIL_VERSION", "1")
    assert guard_input({"request": PROMPT})["outcome"] == "skipped"


@pytest.mark.parametrize("layer", Layer)
def test_half_a_pair_stops_every_stage(environment: pytest.MonkeyPatch, layer: Layer) -> None:
    """No stage works under an incomplete configuration, its own layer's or another's."""
    environment.setenv(
        {"preprocess": "PREPROCESS", "model": "BEDROCK"}.get(layer, "POSTPROCESS") + "_GUARDRAIL_VERSION", "1"
    )
    with pytest.raises(ConfigurationError, match="_GUARDRAIL_IDENTIFIER is not set"):
        guard_input({"request": PROMPT})
    with pytest.raises(ConfigurationError):
        invoke_model({"request": PROMPT, "text": "Why?"})
    with pytest.raises(ConfigurationError):
        guard_answer({"document": {"request": PROMPT, "input_guard": STAGE}})
