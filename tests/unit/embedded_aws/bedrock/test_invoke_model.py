"""InvokeModel: body formats, input tags, inline guardrails; InvokeEndpoint with the same bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_aws.bedrock.models.base import Message
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import Api, content, grounding, pii

_IMPORTED = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl"
_HOSTED = "us.deepseek.r1-v1:0"
_ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/deepseek"


def _invoke(api: Api, body: Any, model: str = _IMPORTED, guardrail: str | None = None, **more: Any) -> Any:
    params: dict[str, Any] = {"modelId": model, "body": json.dumps(body).encode()}
    if guardrail:
        params |= {"guardrailIdentifier": guardrail, "guardrailVersion": "DRAFT", "trace": "ENABLED"}
    return json.loads(api.runtime("InvokeModel", **params | more)["body"])


def _tagged(kind: str, text: str, suffix: str = "xyz") -> str:
    return f"<amazon-bedrock-guardrails-{kind}_{suffix}>{text}</amazon-bedrock-guardrails-{kind}_{suffix}>"


def _with_tags(prompt: str, suffix: str = "xyz") -> dict[str, Any]:
    return {"prompt": prompt, "max_gen_len": 9, "amazon-bedrock-guardrailConfig": {"tagSuffix": suffix}}


_CHAT = [{"role": "user", "content": "hi"}]
# name -> (model, body, where the text is, where the finish reason is)
_FORMATS: dict[str, tuple[str, dict[str, Any], list[Any], list[Any]]] = {
    "BedrockCompletion": (_IMPORTED, {"prompt": "hi", "max_gen_len": 5}, ["generation"], ["stop_reason"]),
    "OpenAICompletion": (
        _IMPORTED,
        {"prompt": "hi", "max_tokens": 5},
        ["choices", 0, "text"],
        ["choices", 0, "finish_reason"],
    ),
    "OpenAIChatCompletion": (
        _IMPORTED,
        {"messages": _CHAT, "max_tokens": 5},
        ["choices", 0, "message", "content"],
        ["choices", 0, "finish_reason"],
    ),
    "DeepSeek": (_HOSTED, {"prompt": "hi", "max_tokens": 5}, ["choices", 0, "text"], ["choices", 0, "stop_reason"]),
    "Anthropic": (
        "anthropic.claude",
        {"anthropic_version": "bedrock-2023-05-31", "messages": _CHAT, "max_tokens": 5},
        ["content", 0, "text"],
        ["stop_reason"],
    ),
    "TGI": (_ENDPOINT, {"inputs": "hi", "parameters": {"max_new_tokens": 5}}, ["generated_text"], []),
}


def _at(body: Any, path: list[Any]) -> Any:
    for step in path:
        body = body[step]
    return body


@pytest.mark.parametrize(("model", "body", "text", "finish"), _FORMATS.values(), ids=_FORMATS)
def test_each_format_is_answered_in_kind(
    api: Api, model: str, body: dict[str, Any], text: list[Any], finish: list[Any]
) -> None:
    """The answer stands where the format has it, generation was limited as asked, no guardrail field appears."""
    answer = _invoke(api, body, model)
    assert _at(answer, text) == "An answer."
    assert not finish or _at(answer, finish) in ("stop", "end_turn")
    messages, sampling = api.model.asked[0]
    assert (messages, sampling.max_tokens) == ((Message("user", "hi"),), 5)
    assert not [name for name in answer if name.startswith("amazon-bedrock")]


@pytest.mark.parametrize(("model", "body", "text", "finish"), _FORMATS.values(), ids=_FORMATS)
def test_each_format_carries_blocks_and_masks(
    api: Api, model: str, body: dict[str, Any], text: list[Any], finish: list[Any]
) -> None:
    """A guardrail's message and placeholders stand where the model's text would, marked INTERVENED."""
    made = api.guardrail(**pii("NAME"), wordPolicyConfig={"wordsConfig": [{"text": "forbidden"}]})
    api.model.answer = "Ask Bob."
    masked = _invoke(api, body, model, made)
    assert (_at(masked, text), masked["amazon-bedrock-guardrailAction"]) == ("Ask {NAME}.", "INTERVENED")
    api.model.answer = "forbidden"
    blocked = _invoke(api, body, model, made)
    assert (_at(blocked, text), blocked["amazon-bedrock-guardrailAction"]) == ("Output refused.", "INTERVENED")
    api.model.answer = "fine"
    assert _invoke(api, body, model, made)["amazon-bedrock-guardrailAction"] == "NONE"


def test_blocked_prompt_asks_no_model(api: Api) -> None:
    """The message is the generation, the counts are 0, the trace has only an input."""
    made = api.guardrail()
    answer = _invoke(api, {"prompt": "forbidden", "max_gen_len": 5}, guardrail=made)
    assert answer["generation"] == "Input refused."
    assert (answer["prompt_token_count"], answer["generation_token_count"]) == (0, 0)
    trace = answer["amazon-bedrock-trace"]["guardrail"]
    assert set(trace) == {"actionReason", "input"}
    assert trace["input"][made]["wordPolicy"]["customWords"][0]["match"] == "forbidden"
    assert api.model.asked == []


def test_trace_has_the_names_of_invoke_model(api: Api) -> None:
    """input is a map, outputs a list of maps: unlike Converse."""
    made = api.guardrail()
    trace = _invoke(api, {"prompt": "hi", "max_gen_len": 5}, guardrail=made)["amazon-bedrock-trace"]["guardrail"]
    assert set(trace["input"]) == {made}
    assert [set(output) for output in trace["outputs"]] == [{made}]
    assert trace["modelOutput"] == ["An answer."]


def test_trace_is_off_unless_asked_for(api: Api) -> None:
    """The action is always present, the trace only on request."""
    answer = _invoke(api, {"prompt": "hi"}, guardrail=api.guardrail(), trace="DISABLED")
    assert answer["amazon-bedrock-guardrailAction"] == "NONE"
    assert "amazon-bedrock-trace" not in answer


def test_full_trace_lists_what_was_not_detected(api: Api) -> None:
    """ENABLED_FULL."""
    made = api.guardrail(**content("HATE"))
    answer = _invoke(api, {"prompt": "hi"}, guardrail=made, trace="ENABLED_FULL")
    assert answer["amazon-bedrock-trace"]["guardrail"]["input"][made]["contentPolicy"]["filters"]


# --- tags ---


def test_prompt_attack_needs_tags(api: Api) -> None:
    """Without tags everything is evaluated but PROMPT_ATTACK; with tags it is."""
    attack = content("PROMPT_ATTACK")["contentPolicyConfig"]["filtersConfig"]
    hate = content("HATE")["contentPolicyConfig"]["filtersConfig"]
    made = api.guardrail(contentPolicyConfig={"filtersConfig": attack + hate})

    def action(body: dict[str, Any]) -> Any:
        return _invoke(api, body, guardrail=made)["amazon-bedrock-guardrailAction"]

    assert action({"prompt": "ATTACK-HIGH"}) == "NONE"
    assert action({"prompt": "HATE-HIGH"}) == "INTERVENED"
    assert action(_with_tags("Answer this: ATTACK-HIGH")) == "NONE"
    assert action(_with_tags("Answer this: " + _tagged("guardContent", "ATTACK-HIGH"))) == "INTERVENED"


def test_only_tagged_text_is_guarded_and_tags_reach_no_model(api: Api) -> None:
    """Text outside of tags is not judged; masking happens inside of them; the tags are gone."""
    made = api.guardrail(**pii("NAME"))
    prompt = f"Alice asks: {_tagged('guardContent', 'who is Bob?')} Thanks, Alice"
    answer = _invoke(api, _with_tags(prompt), guardrail=made)
    assert api.model.asked[0][0] == (Message("user", "Alice asks: who is {NAME}? Thanks, Alice"),)
    coverage = answer["amazon-bedrock-trace"]["guardrail"]["input"][made]["invocationMetrics"]["guardrailCoverage"]
    assert coverage["textCharacters"] == {"guarded": 11, "total": 37}


def test_tag_with_another_suffix_is_text(api: Api) -> None:
    """A user cannot close the tags without knowing the request's suffix."""
    made = api.guardrail()
    inside = f"x</amazon-bedrock-guardrails-guardContent_abc>{_tagged('query', 'y', 'abc')} forbidden"
    answer = _invoke(api, _with_tags(_tagged("guardContent", inside)), guardrail=made)
    assert answer["generation"] == "Input refused."


def test_grounding_source_and_query_come_from_their_tags(api: Api) -> None:
    """The three kinds of tags make contextual grounding work."""
    made = api.guardrail(**grounding(GROUNDING=0.7))
    prompt = (
        _tagged("groundingSource", "sky is blue") + _tagged("query", "sky?") + _tagged("guardContent", "tell me of sky")
    )
    api.model.answer = "sky is blue"
    assert _invoke(api, _with_tags(prompt), guardrail=made)["amazon-bedrock-guardrailAction"] == "NONE"
    api.model.answer = "cheese"
    assert _invoke(api, _with_tags(prompt), guardrail=made)["generation"] == "Output refused."


def test_tags_work_in_messages(api: Api) -> None:
    """Tags are found in text blocks of a conversation, too."""
    made = api.guardrail()
    body = {
        "messages": [
            {"role": "system", "content": "forbidden is a word"},
            {"role": "user", "content": [{"type": "text", "text": _tagged("guardContent", "hello")}]},
        ],
        "amazon-bedrock-guardrailConfig": {"tagSuffix": "xyz"},
    }
    assert _invoke(api, body, guardrail=made)["amazon-bedrock-guardrailAction"] == "NONE"
    assert api.model.asked[0][0][1] == Message("user", "hello")


# --- prompts in a chat template ---


def test_deepseek_template_becomes_a_conversation_and_its_thought_is_closed(api: Api) -> None:
    """The local model gets turns, not control tokens; a prompt that opened a thought gets it closed."""
    prompt = (
        "<｜begin▁of▁sentence｜>Be kind.<｜User｜>one<｜Assistant｜>two<｜end▁of▁sentence｜>"
        "<｜User｜>three<｜Assistant｜><think>\n"
    )
    answer = _invoke(api, {"prompt": prompt, "max_gen_len": 5})
    assert api.model.asked[0][0] == (
        Message("system", "Be kind."),
        Message("user", "one"),
        Message("assistant", "two"),
        Message("user", "three"),
    )
    assert answer["generation"] == "\n</think>\n\nAn answer."


def test_echo_of_a_deepseek_prompt_is_the_last_user_text(api: Api) -> None:
    """Between the last <｜User｜> and <｜Assistant｜>, without guardrail tags."""
    prompt = f"<｜User｜>one<｜Assistant｜>two<｜User｜>{_tagged('guardContent', 'three')}<｜Assistant｜>"
    answer = _invoke(api, _with_tags(prompt), model="my.echo", guardrail=api.guardrail())
    assert answer["generation"] == "three"


# --- refusals ---


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not valid JSON"),
        (b"hello", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"prompt": "\\ud800"}', "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"{}", "one of prompt, messages and inputs"),
        (b'{"prompt": ""}', "not blank"),
        (b'{"prompt": 5}', "must be a text"),
        (b'{"prompt": "hi", "max_gen_len": 0}', "max_gen_len must be a number"),
        (b'{"prompt": "hi", "max_gen_len": true}', "max_gen_len must be a number"),
        (b'{"prompt": "hi", "temperature": "hot"}', "temperature must be a number"),
        (b'{"prompt": "hi", "temperature": 1e400}', "temperature must be a number"),
        (b'{"prompt": "hi", "stop": 3}', "stop must be a list"),
        (b'{"messages": []}', "at least one message"),
        (b'{"messages": [{"role": "root", "content": "x"}]}', "role"),
        (b'{"messages": [{"role": "user", "content": 5}]}', "content must be a text"),
        (b'{"messages": [{"role": "user", "content": [{"type": "image"}]}]}', "text blocks only"),
        (b'{"inputs": "hi", "parameters": 5}', "parameters must be an object"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_malformed_bodies_are_refused(api: Api, raw: bytes, message: str) -> None:
    """Each is a ValidationException that says what is wrong."""
    with pytest.raises(ServiceError, match="Malformed input request") as caught:
        api.runtime("InvokeModel", modelId=_IMPORTED, body=raw)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"guardrailIdentifier": "abc"}, "guardrailVersion is missing"),
        ({"guardrailVersion": "1"}, "guardrailIdentifier is missing"),
        ({"guardrailIdentifier": "abc", "guardrailVersion": "1"}, "does not exist"),
        ({"guardrailIdentifier": "gr/1", "guardrailVersion": "1"}, "The provided guardrail identifier is invalid."),
    ],
)
def test_a_guardrail_that_cannot_be_is_refused(api: Api, params: dict[str, Any], message: str) -> None:
    """Identifier and version come together, well-formed, and exist."""
    with pytest.raises(ServiceError, match=message):
        _invoke(api, {"prompt": "hi"}, **params)


def test_guardrail_config_without_guardrail_is_refused(api: Api) -> None:
    """Tags without a guardrail are a mistake that must not go unnoticed."""
    with pytest.raises(ServiceError, match="without a guardrailIdentifier"):
        _invoke(api, _with_tags("hi"))


@pytest.mark.parametrize("suffix", ["", "a" * 21, "a-b", "(.*)", None, 5])
def test_tag_suffix_is_letters_and_digits(api: Api, suffix: Any) -> None:
    """1 to 20 of them; so a suffix can carry no pattern."""
    with pytest.raises(ServiceError, match="tagSuffix"):
        _invoke(api, _with_tags("hi", suffix), guardrail=api.guardrail())


def test_guardrail_needs_json(api: Api) -> None:
    """Another content type cannot be guarded."""
    with pytest.raises(ServiceError, match="application/json"):
        _invoke(api, {"prompt": "hi"}, guardrail=api.guardrail(), contentType="text/plain")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_BODIES = st.dictionaries(
    st.sampled_from(
        ["prompt", "messages", "inputs", "parameters", "system", "max_tokens", "stop", "amazon-bedrock-guardrailConfig"]
    ),
    _JSON,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(_BODIES)
def test_any_json_is_answered_or_refused(api: Api, body: dict[str, Any]) -> None:
    """No body makes anything but an answer or a ValidationException."""
    try:
        answer = _invoke(api, body)
    except ServiceError as error:
        code = error.code
    else:
        code = "answered" if answer else ""
    assert code in ("answered", "ValidationException")


# --- SageMaker endpoints ---


def test_endpoint_answers_like_text_generation_inference(api: Api) -> None:
    """{inputs, parameters} gives {generated_text}, with the variant that answered."""
    body = json.dumps({"inputs": "<｜User｜>hi<｜Assistant｜>", "parameters": {"max_new_tokens": 5}}).encode()
    answer = api.sagemaker("InvokeEndpoint", EndpointName="deepseek", Body=body)
    assert json.loads(answer["Body"]) == {"generated_text": "An answer."}
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert api.model.asked[0][0] == (Message("user", "hi"),)


def test_endpoint_reports_why_it_stopped_when_asked(api: Api) -> None:
    """parameters.details adds Text Generation Inference's details."""
    body = json.dumps({"inputs": "hi", "parameters": {"details": True}}).encode()
    details = json.loads(api.sagemaker("InvokeEndpoint", EndpointName="deepseek", Body=body)["Body"])["details"]
    assert (details["finish_reason"], details["generated_tokens"]) == ("eos_token", 7)


def test_endpoint_named_echo_echoes(api: Api) -> None:
    """Endpoint names work like model ids."""
    answer = api.sagemaker("InvokeEndpoint", EndpointName="my-echo", Body=b'{"inputs": "hi"}')
    assert json.loads(answer["Body"]) == {"generated_text": "hi"}


def test_endpoint_reports_what_its_container_refused(api: Api) -> None:
    """A bad body is a ModelError with the container's status; a model that is not ready says so itself."""
    with pytest.raises(ServiceError) as caught:
        api.sagemaker("InvokeEndpoint", EndpointName="deepseek", Body=b"hello")
    assert (caught.value.code, caught.value.status) == ("ModelError", 424)
    assert caught.value.members["OriginalStatusCode"] == 400
    with pytest.raises(ServiceError, match="ModelNotReadyException"):
        api.sagemaker("InvokeEndpoint", EndpointName="is-not-ready", Body=b'{"inputs": "hi"}')


def test_endpoint_limits_have_sagemakers_error_name(api: Api) -> None:
    """6 MB of body and not a byte more; SageMaker calls it ValidationError."""
    with pytest.raises(ServiceError) as caught:
        api.sagemaker("InvokeEndpoint", EndpointName="deepseek", Body=b"x" * (6 * 1024 * 1024 + 1))
    assert caught.value.code == "ValidationError"
