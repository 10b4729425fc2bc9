"""Converse with and without an inline guardrail."""

from __future__ import annotations

from typing import Any

import pytest

from embedded_aws.bedrock.models.base import Message
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import Api, content, grounding, pii, words

_MODEL = "us.deepseek.r1-v1:0"


def _converse(api: Api, *blocks: Any, guardrail: str | None = None, trace: str = "enabled", **more: Any) -> Any:
    request: dict[str, Any] = {
        "modelId": _MODEL,
        "messages": [{"role": "user", "content": [{"text": one} if isinstance(one, str) else one for one in blocks]}],
    }
    if guardrail:
        request["guardrailConfig"] = {
            "guardrailIdentifier": guardrail,
            "guardrailVersion": "DRAFT",
            "trace": trace,
        }
    return api.runtime("Converse", **request | more)


def _guarded(text: str, *qualifiers: str) -> dict[str, Any]:
    return {"guardContent": {"text": {"text": text, "qualifiers": list(qualifiers)}}}


def _content(answer: dict[str, Any]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = answer["output"]["message"]["content"]
    return blocks


def _refused(api: Api, **params: Any) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        api.runtime("Converse", **{"modelId": _MODEL} | params)
    return caught.value


def test_model_answers_with_its_usage(api: Api) -> None:
    """Without a guardrail: the model's text, stop reason and tokens, no trace."""
    answer = _converse(api, "hello")
    assert _content(answer) == [{"text": "An answer."}]
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
    assert "trace" not in answer


def test_whole_conversation_and_sampling_reach_the_model(api: Api) -> None:
    """System prompt, turns and inference configuration are passed on; earlier reasoning is not."""
    api.runtime(
        "Converse",
        modelId=_MODEL,
        system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        messages=[
            {"role": "user", "content": [{"text": "one"}, {"text": "two"}]},
            {
                "role": "assistant",
                "content": [{"text": "three"}, {"reasoningContent": {"reasoningText": {"text": "hm"}}}],
            },
            {"role": "user", "content": [_guarded("four")]},
        ],
        inferenceConfig={"maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["."]},
    )
    messages, sampling = api.model.asked[0]
    assert messages == (
        Message("system", "Be brief."),
        Message("user", "one\ntwo"),
        Message("assistant", "three"),
        Message("user", "four"),
    )
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.stop) == (5, 0.5, 0.9, (".",))


def test_passing_call_is_traced_on_both_sides(api: Api) -> None:
    """The trace has a map of one assessment for the input and a map of lists for the output."""
    made = api.guardrail()
    answer = _converse(api, "hello", guardrail=made)
    trace = answer["trace"]["guardrail"]
    assert trace["actionReason"] == "No action."
    assert trace["modelOutput"] == ["An answer."]
    assert set(trace["inputAssessment"]) == set(trace["outputAssessments"]) == {made}
    assert isinstance(trace["outputAssessments"][made], list)


def test_blocked_input_costs_no_tokens_and_asks_no_model(api: Api) -> None:
    """The configured message, stopReason guardrail_intervened, usage 0."""
    made = api.guardrail()
    answer = _converse(api, "forbidden", guardrail=made)
    assert _content(answer) == [{"text": "Input refused."}]
    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["usage"] == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    assert set(answer["trace"]["guardrail"]) == {"actionReason", "inputAssessment"}
    assert api.model.asked == []


def test_masked_input_is_what_the_model_reads(api: Api) -> None:
    """Personal information of the question does not reach the model."""
    answer = _converse(api, "I am Alice", guardrail=api.guardrail(**pii("NAME")))
    assert api.model.asked[0][0] == (Message("user", "I am {NAME}"),)
    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["trace"]["guardrail"]["actionReason"] == "Guardrail masked."


def test_blocked_output_keeps_its_usage(api: Api) -> None:
    """The model has worked: its tokens count, its text is only in the trace."""
    api.model.answer = "something forbidden"
    made = api.guardrail()
    answer = _converse(api, "hello", guardrail=made)
    assert _content(answer) == [{"text": "Output refused."}]
    assert answer["usage"]["totalTokens"] == 18
    assert answer["trace"]["guardrail"]["modelOutput"] == ["something forbidden"]
    assert answer["trace"]["guardrail"]["actionReason"] == "Guardrail blocked."


def test_masked_output(api: Api) -> None:
    """The answer with placeholders."""
    api.model.answer = "Ask Bob."
    answer = _converse(api, "hello", guardrail=api.guardrail(**pii("NAME")))
    assert _content(answer) == [{"text": "Ask {NAME}."}]
    assert answer["stopReason"] == "guardrail_intervened"


def test_reasoning_is_reported_apart_and_not_guarded(api: Api) -> None:
    """A <think> part of a DeepSeek model becomes a reasoningContent block, which no policy sees."""
    api.model.answer = "<think>forbidden thoughts</think>\n\nA clean answer."
    made = api.guardrail()
    answer = _converse(api, "hello", guardrail=made)
    assert _content(answer) == [
        {"text": "A clean answer."},
        {"reasoningContent": {"reasoningText": {"text": "forbidden thoughts"}}},
    ]
    assert answer["stopReason"] == "end_turn"


def test_reasoning_of_a_blocked_answer_is_dropped(api: Api) -> None:
    """The response contains no part of a blocked answer."""
    api.model.answer = "<think>so</think>forbidden"
    assert _content(_converse(api, "hello", guardrail=api.guardrail())) == [{"text": "Output refused."}]


def test_other_models_think_aloud(api: Api) -> None:
    """Only a reasoning model's tags mean something."""
    api.model.answer = "<think>x</think>y"
    assert _content(_converse(api, "hello", modelId="other.model-v1:0")) == [{"text": "<think>x</think>y"}]


@pytest.mark.parametrize(("trace", "traced", "full"), [
    ("disabled", False, False), ("enabled", True, False), ("enabled_full", True, True),
])  # fmt: skip
def test_trace_setting(api: Api, trace: str, traced: bool, full: bool) -> None:
    """disabled: none; enabled: what was detected; enabled_full: everything."""
    made = api.guardrail(**content("HATE"))
    answer = _converse(api, "hello", guardrail=made, trace=trace)
    assert ("trace" in answer) == traced
    if traced:
        assert ("contentPolicy" in answer["trace"]["guardrail"]["inputAssessment"][made]) == full


def test_system_prompt_is_not_guarded_unless_marked(api: Api) -> None:
    """Only guardContent makes a guardrail read the system prompt."""
    made = api.guardrail()
    assert _converse(api, "hi", guardrail=made, system=[{"text": "forbidden"}])["stopReason"] == "end_turn"
    marked = _converse(api, "hi", guardrail=made, system=[_guarded("forbidden")])
    assert marked["stopReason"] == "guardrail_intervened"


def test_guard_content_narrows_what_is_guarded(api: Api) -> None:
    """With guardContent, the rest of the conversation is not looked at, but counted."""
    made = api.guardrail()
    answer = _converse(api, "forbidden", _guarded("fine"), guardrail=made)
    assert answer["stopReason"] == "end_turn"
    coverage = answer["trace"]["guardrail"]["inputAssessment"][made]["invocationMetrics"]["guardrailCoverage"]
    assert coverage["textCharacters"] == {"guarded": 4, "total": 13}


def test_prompt_attacks_are_found_without_guard_content(api: Api) -> None:
    """All messages of Converse are user input."""
    made = api.guardrail(**content("PROMPT_ATTACK"))
    assert _converse(api, "ATTACK-HIGH", guardrail=made)["stopReason"] == "guardrail_intervened"


def test_grounded_answer_is_compared_with_marked_source_and_query(api: Api) -> None:
    """Source and query come from guardContent; the model's text is the content to guard."""
    made = api.guardrail(**grounding(GROUNDING=0.7))
    question = [_guarded("sky is blue", "grounding_source"), _guarded("is sky blue", "query", "guard_content")]
    api.model.answer = "sky is blue"
    assert _converse(api, *question, guardrail=made)["stopReason"] == "end_turn"
    api.model.answer = "cheese"
    answer = _converse(api, *question, guardrail=made)
    assert _content(answer) == [{"text": "Output refused."}]


def test_grounding_does_nothing_without_a_source_and_a_query(api: Api) -> None:
    """A plain question is answered; the trace has no grounding, and no text unit is charged for it."""
    made = api.guardrail(**grounding(GROUNDING=0.7))
    api.model.answer = "cheese"
    answer = _converse(api, "hello", guardrail=made)
    assert (_content(answer), answer["stopReason"]) == ([{"text": "cheese"}], "end_turn")
    (assessment,) = answer["trace"]["guardrail"]["outputAssessments"][made]
    assert "contextualGroundingPolicy" not in assessment
    assert assessment["invocationMetrics"]["usage"]["contextualGroundingPolicyUnits"] == 0


@pytest.mark.parametrize(("qualifiers", "missing"), [
    (("query", "guard_content"), "grounding source"), (("grounding_source",), "query"),
])  # fmt: skip
def test_half_a_grounding_fails_before_the_model_is_asked(api: Api, qualifiers: tuple[str, ...], missing: str) -> None:
    """A request that must fail costs no model call."""
    made = api.guardrail(**grounding(GROUNDING=0.7))
    with pytest.raises(ServiceError, match=f"does not contain the {missing}"):
        _converse(api, _guarded("hello", *qualifiers), guardrail=made)
    assert api.model.asked == []


def test_echo_model_says_the_question_back(api: Api) -> None:
    """Model ids that end in echo need no language model."""
    assert _content(_converse(api, "hello", modelId="any.echo")) == [{"text": "hello"}]
    assert api.model.asked == []


@pytest.mark.parametrize(("model", "code"), [
    ("x.not-ready", "ModelNotReadyException"), ("x.throttled", "ThrottlingException"),
])  # fmt: skip
def test_models_that_always_fail(api: Api, model: str, code: str) -> None:
    """The documented endings give the documented errors, both 429."""
    error = _refused(api, modelId=model, messages=[{"role": "user", "content": [{"text": "hi"}]}])
    assert (error.code, error.status) == (code, 429)


_USER, _ASSISTANT = ({"role": role, "content": [{"text": "hi"}]} for role in ("user", "assistant"))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "must start with a user message"),
        ({"messages": [_ASSISTANT]}, "must start with a user message"),
        ({"messages": [_USER, _USER]}, "must alternate"),
        ({"messages": [_USER, _ASSISTANT]}, "last turn"),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "messages.0.content.0 is blank"),
        ({"messages": [_USER], "toolConfig": {"tools": [{"cachePoint": {"type": "default"}}]}}, "tool use"),
        (
            {"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": b"x"}}}]}]},
            "doesn't support the image field",
        ),
        ({"messages": [_USER], "guardrailConfig": {"guardrailIdentifier": "abc"}}, "guardrailVersion is missing"),
        ({"messages": [_USER], "guardrailConfig": {"guardrailVersion": "1"}}, "guardrailIdentifier is missing"),
        (
            {"messages": [_USER], "guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1"}},
            "does not exist",
        ),
        ({"messages": [_USER], "inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
        ({"messages": [_USER], "inferenceConfig": {"maxTokens": 10**30}}, "fits into type integer"),
    ],
    ids=["nothing", "assistant first", "user twice", "assistant last", "blank", "tools", "image", "no version",
         "no identifier", "no such guardrail", "temperature", "tokens"],
)  # fmt: skip
def test_malformed_conversations_are_refused(api: Api, params: dict[str, Any], message: str) -> None:
    """Each mistake has Bedrock's own message and code."""
    error = _refused(api, **params)
    assert (error.code, error.status) == ("ValidationException", 400)
    assert message in error.message


@pytest.mark.parametrize("identifier", ["Not-An-Id", "gr/1", "arn:aws:bedrock:us-east-1:1:guardrail/x"])
def test_a_malformed_guardrail_identifier_is_reported_in_the_services_words(api: Api, identifier: str) -> None:
    """As from ApplyGuardrail, not as a pattern of the model."""
    config = {"guardrailIdentifier": identifier, "guardrailVersion": "1"}
    error = _refused(api, messages=[_USER], guardrailConfig=config)
    assert (error.code, error.message) == ("ValidationException", "The provided guardrail identifier is invalid.")


def test_empty_guardrail_names_mean_no_guardrail(api: Api) -> None:
    """The model allows empty strings for both: no guardrail then."""
    config = {"guardrailIdentifier": "", "guardrailVersion": ""}
    assert api.runtime("Converse", modelId=_MODEL, messages=[_USER], guardrailConfig=config)["stopReason"] == "end_turn"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("outputConfig", {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}}),
        ("promptVariables", {"name": {"text": "x"}}),
        ("additionalModelRequestFields", {"top_k": 3}),
        ("additionalModelResponseFieldPaths", ["/stop_sequence"]),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(api: Api, member: str, value: Any) -> None:
    """A field that is ignored in silence would make the answer wrong."""
    error = _refused(api, messages=[_USER], **{member: value})
    assert error.code == "ValidationException"
    assert member in error.message


def test_the_mode_of_streams_is_for_streams_only(api: Api) -> None:
    """As Bedrock refuses it."""
    config = {"guardrailIdentifier": "abc", "guardrailVersion": "1", "streamProcessingMode": "async"}
    assert "streamProcessingMode" in _refused(api, messages=[_USER], guardrailConfig=config).message


def test_words_of_both_directions_in_one_call(api: Api) -> None:
    """A masked question with a blocked answer is blocked."""
    api.model.answer = "forbidden"
    made = api.guardrail(**pii("NAME"), **words("forbidden"))
    answer = _converse(api, "Alice", guardrail=made)
    assert answer["trace"]["guardrail"]["actionReason"] == "Guardrail blocked."
    assert _content(answer) == [{"text": "Output refused."}]
