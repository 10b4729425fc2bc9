"""Streams of models, read by boto3: Bedrock's events, with a guardrail in both modes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError

from embedded_aws.wire import ServiceError, service_model
from embedded_aws.wire.event_stream import frames
from tests.unit.embedded_aws.bedrock.boto import Clients
from tests.unit.embedded_aws.bedrock.fakes import ScriptedModel, configuration, pii, words

LONG = "Alice lives here. " + "All is well. " * 60
MODEL = "any.model"


Guarded = Callable[..., str]


@pytest.fixture(name="guardrail")
def _guardrail(clients: Clients) -> Guarded:
    def make(**policies: Any) -> str:
        return str(clients.control.create_guardrail(**configuration(**policies))["guardrailId"])

    return make


def _events(clients: Clients, guardrail: str | None = None, text: str = "hello", **config: str) -> list[dict[str, Any]]:
    more: dict[str, Any] = {}
    if guardrail:
        named = {"guardrailIdentifier": guardrail, "guardrailVersion": "DRAFT", "trace": "enabled"}
        more["guardrailConfig"] = named | config
    messages = [{"role": "user", "content": [{"text": text}]}]
    return list(clients.runtime.converse_stream(modelId=MODEL, messages=messages, **more)["stream"])


def _texts(events: list[dict[str, Any]]) -> list[str]:
    deltas = (event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event)
    return [delta["text"] for delta in deltas if "text" in delta]


def test_the_events_of_an_answer(clients: Clients, model: ScriptedModel) -> None:
    """In AWS's order; no contentBlockStart for text; metadata last."""
    model.answer = "one two three four"
    events = _events(clients)
    names = [name for event in events for name in event]
    assert names == ["messageStart", *["contentBlockDelta"] * 2, "contentBlockStop", "messageStop", "metadata"]
    assert "".join(_texts(events)) == model.answer
    assert events[-2]["messageStop"] == {"stopReason": "end_turn"}
    assert events[-1]["metadata"]["usage"] == {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}


def test_thoughts_are_a_separate_block(clients: Clients, model: ScriptedModel) -> None:
    """As in Converse."""
    model.answer = "<think>aha, so it is</think>Yes."
    stream = clients.runtime.converse_stream(
        modelId="us.deepseek.r1-v1:0", messages=[{"role": "user", "content": [{"text": "?"}]}]
    )["stream"]
    deltas = [event["contentBlockDelta"] for event in stream if "contentBlockDelta" in event]
    assert "".join(one["delta"].get("text", "") for one in deltas) == "Yes."
    thought = [one for one in deltas if "reasoningContent" in one["delta"]]
    assert "".join(one["delta"]["reasoningContent"]["text"] for one in thought) == "aha, so it is"
    assert {one["contentBlockIndex"] for one in thought} == {1}


def test_nothing_masked_leaves_in_synchronous_mode(clients: Clients, model: ScriptedModel, guardrail: Guarded) -> None:
    """One piece with the whole masked text, as recorded on AWS; the trace has what the model wrote."""
    model.answer = LONG
    events = _events(clients, guardrail(**pii("NAME")))
    assert _texts(events) == [LONG.replace("Alice", "{NAME}")]
    assert events[-2]["messageStop"]["stopReason"] == "guardrail_intervened"
    trace = events[-1]["metadata"]["trace"]["guardrail"]
    assert trace["actionReason"] == "Guardrail masked."
    assert trace["modelOutput"] == [LONG]


def test_a_block_is_the_only_text_in_synchronous_mode(
    clients: Clients, model: ScriptedModel, guardrail: Guarded
) -> None:
    """The message alone, for the answer and for the question; `detected` is beside `action`."""
    model.answer = f"{LONG} forbidden"
    made = guardrail(**words("forbidden"))
    events = _events(clients, made)
    assert _texts(events) == ["Output refused."]
    (assessment,) = next(iter(events[-1]["metadata"]["trace"]["guardrail"]["outputAssessments"].values()))
    (found,) = assessment["wordPolicy"]["customWords"]
    assert (found["action"], found["detected"]) == ("BLOCKED", True)
    asked = _events(clients, made, "a forbidden question")
    assert _texts(asked) == ["Input refused."]
    assert asked[-2]["messageStop"]["stopReason"] == "guardrail_intervened"


def test_an_answer_that_passes_is_sent_in_judged_pieces(
    clients: Clients, model: ScriptedModel, guardrail: Guarded
) -> None:
    """Larger ones than without a guardrail, cut anywhere."""
    model.answer = LONG
    texts = _texts(_events(clients, guardrail(**words("forbidden"))))
    assert "".join(texts) == LONG
    assert 1 < len(texts) < len(LONG) / 100


def test_asynchronous_mode_masks_nothing_and_blocks_late(
    clients: Clients, model: ScriptedModel, guardrail: Guarded
) -> None:
    """The raw text leaves first; after a block its message follows."""
    model.answer = f"{LONG} forbidden"
    made = guardrail(**pii("NAME"), **words("forbidden"))
    texts = _texts(_events(clients, made, streamProcessingMode="async"))
    assert "".join(texts[:-1]) == model.answer
    assert texts[-1] == "Output refused."
    model.answer = "Alice"
    assert _texts(_events(clients, made, streamProcessingMode="async")) == ["Alice"]
    assert _texts(_events(clients, made, "forbidden", streamProcessingMode="async")) == ["Input refused."]


def _chunks(clients: Clients, body: dict[str, Any], model_id: str = MODEL, **more: str) -> list[dict[str, Any]]:
    stream = clients.runtime.invoke_model_with_response_stream(modelId=model_id, body=json.dumps(body), **more)
    return [json.loads(event["chunk"]["bytes"]) for event in stream["body"]]


CHAT = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("model_id", "body", "text", "stop"),
    [
        ("meta.llama3", {"prompt": "hi", "max_gen_len": 9}, ("generation",), ("stop_reason",)),
        (MODEL, {"prompt": "hi", "max_tokens": 9}, ("choices", 0, "text"), ("choices", 0, "finish_reason")),
        (MODEL, {"messages": CHAT}, ("choices", 0, "delta", "content"), ("choices", 0, "finish_reason")),
        ("deepseek.r1-v1:0", {"prompt": "hi"}, ("choices", 0, "text"), ("choices", 0, "stop_reason")),
    ],
)
def test_each_format_is_streamed_in_kind(
    clients: Clients, model: ScriptedModel, model_id: str, body: Any, text: tuple[Any, ...], stop: tuple[Any, ...]
) -> None:
    """The pieces are the text; only the last chunk has a reason and the metrics."""

    def at(chunk: Any, path: tuple[Any, ...]) -> Any:
        for key in path:
            chunk = chunk[key]
        return chunk

    model.answer = LONG
    chunks = _chunks(clients, body, model_id)
    assert "".join(at(chunk, text) for chunk in chunks) == LONG
    assert [at(chunk, stop) for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert [chunk for chunk in chunks if "amazon-bedrock-invocationMetrics" in chunk] == chunks[-1:]
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert (metrics["inputTokenCount"], metrics["outputTokenCount"]) == (11, 7)


CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "messages": CHAT, "max_tokens": 9}


def test_anthropics_events(clients: Clients, model: ScriptedModel, guardrail: Guarded) -> None:
    """Its own types in its own order; a block is in message_delta, with the spelling that AWS sends."""
    chunks = _chunks(clients, CLAUDE, "anthropic.claude-3-model")
    kinds = [chunk["type"] for chunk in chunks]
    assert kinds == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip
    assert chunks[4]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    model.answer = "forbidden"
    named = {"guardrailIdentifier": guardrail(**words("forbidden")), "guardrailVersion": "DRAFT", "trace": "ENABLED"}
    chunks = _chunks(clients, CLAUDE, "anthropic.claude-3-model", **named)
    assert chunks[2]["delta"]["text"] == "Output refused."
    assert chunks[4]["delta"] == {"stop_reason": "guardrail_intervened", "stopSequences": None}
    assert {chunk["amazon-bedrock-guardrailAction"] for chunk in chunks} == {"INTERVENED"}
    assert "amazon-bedrock-trace" in chunks[-1]
    assert not any("amazon-bedrock-trace" in chunk for chunk in chunks[:-1])


def test_modes_of_invoke_streams(clients: Clients, model: ScriptedModel, guardrail: Guarded) -> None:
    """The body's configuration chooses; without a tag suffix, too. An unknown mode is refused."""
    model.answer = "Alice is here"
    named = {"guardrailIdentifier": guardrail(**pii("NAME")), "guardrailVersion": "DRAFT"}

    def text(**config: str) -> str:
        body = {"prompt": "hi", "max_gen_len": 9} | ({"amazon-bedrock-guardrailConfig": config} if config else {})
        return "".join(chunk["generation"] for chunk in _chunks(clients, body, **named))

    assert text() == text(streamProcessingMode="SYNCHRONOUS") == "{NAME} is here"
    assert text(streamProcessingMode="ASYNCHRONOUS") == "Alice is here"
    with pytest.raises(ClientError, match="streamProcessingMode must be"):
        text(streamProcessingMode="async")


NOVA: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def test_nova_answers_in_its_own_shape(clients: Clients, model: ScriptedModel, guardrail: Guarded) -> None:
    """With a system prompt and limits; its stream has Converse's events as chunks."""
    body = NOVA | {
        "schemaVersion": "messages-v1",
        "system": [{"text": "Be kind."}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["!"]},
    }
    answer = clients.runtime.invoke_model(modelId="us.amazon.nova-lite-v1:0", body=json.dumps(body))
    assert json.loads(answer["body"].read()) == {
        "output": {"message": {"content": [{"text": model.answer}], "role": "assistant"}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18},
    }
    (messages, sampling), *_ = model.asked
    assert [(message.role, message.text) for message in messages] == [("system", "Be kind."), ("user", "hi")]
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.stop) == (9, 0.5, 0.9, ("!",))
    chunks = _chunks(clients, body, "amazon.nova-2-lite-v1:0")
    assert [next(iter(chunk)) for chunk in chunks] == [
        "messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
    ]  # fmt: skip
    assert chunks[1]["contentBlockDelta"]["delta"] == {"text": model.answer}
    assert chunks[-1]["metadata"]["usage"]["totalTokens"] == 18
    model.answer = "forbidden"
    named = {"guardrailIdentifier": guardrail(**words("forbidden")), "guardrailVersion": "DRAFT", "trace": "ENABLED"}
    blocked = _chunks(clients, body, "amazon.nova-2-lite-v1:0", **named)
    assert blocked[1]["contentBlockDelta"]["delta"] == {"text": "Output refused."}
    assert {chunk["amazon-bedrock-guardrailAction"] for chunk in blocked} == {"INTERVENED"}
    assert "amazon-bedrock-trace" in blocked[-1]


def test_mistral_answers_in_its_own_shapes(clients: Clients, model: ScriptedModel) -> None:
    """Text completion with its template, and chat completion; whole and as a stream."""

    def body(prompt: dict[str, Any]) -> Any:
        answer = clients.runtime.invoke_model(modelId="mistral.mistral-large-2402-v1:0", body=json.dumps(prompt))
        return json.loads(answer["body"].read())

    text = {"prompt": "<s>[INST] A? [/INST] B.</s>[INST] C? [/INST]", "max_tokens": 9, "stop": ["!"]}
    assert body(text) == {"outputs": [{"text": model.answer, "stop_reason": "stop"}]}
    assert [(message.role, message.text) for message in model.asked[0][0]] == [
        ("user", "A?"), ("assistant", "B."), ("user", "C?"),
    ]  # fmt: skip
    message = {"role": "assistant", "content": model.answer}
    assert body({"messages": CHAT, "top_p": 0.5}) == {
        "choices": [{"index": 0, "message": message, "stop_reason": "stop"}]
    }
    chunks = _chunks(clients, text, "mistral.mixtral-8x7b-instruct-v0:1")
    assert "".join(chunk["outputs"][0]["text"] for chunk in chunks) == model.answer
    assert [chunk["outputs"][0]["stop_reason"] for chunk in chunks] == [None, "stop"]
    chunks = _chunks(clients, {"messages": CHAT}, "mistral.mistral-large-2407-v1:0")
    assert "".join(chunk["choices"][0]["message"]["content"] for chunk in chunks) == model.answer


@pytest.mark.parametrize(
    ("model_id", "body", "named"),
    [
        ("us.amazon.nova-pro-v1:0", {"messages": CHAT}, "nova"),
        ("amazon.nova-lite-v1:0", NOVA | {"toolConfig": {"tools": []}}, "toolConfig"),
        ("amazon.nova-lite-v1:0", NOVA | {"inferenceConfig": {"topK": 5}}, "topK"),
        ("amazon.nova-lite-v1:0", NOVA | {"temperature": 0.5}, "temperature"),
        ("amazon.nova-lite-v1:0", NOVA | {"schemaVersion": "messages-v9"}, "schemaVersion"),
        ("amazon.nova-lite-v1:0", NOVA | {"system": "be kind"}, "system"),
        ("amazon.nova-lite-v1:0", {"messages": [{"role": "user", "content": [{"video": {}}]}]}, "video"),
        ("amazon.titan-text-lite-v1", {"inputText": "hi"}, "amazon"),
        ("amazon.titan-text-premier-v1:0", {"inputText": "hi", "textGenerationConfig": {}}, "amazon"),
        ("mistral.mistral-large-2407-v1:0", {"messages": CHAT, "tools": []}, "tools"),
        ("mistral.mistral-large-2407-v1:0", {"messages": CHAT, "tool_choice": "auto"}, "tool_choice"),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "hi", "top_k": 5}, "top_k"),
        ("mistral.mistral-7b-instruct-v0:2", {"inputs": "hi"}, "mistral"),
        ("ai21.jamba-1-5-mini-v1:0", {"messages": CHAT}, "ai21"),
        ("us.writer.palmyra-x5-v1:0", {"messages": CHAT}, "writer"),
        ("deepseek.r1-v1:0", {"prompt": "hi", "tools": []}, "tools"),
        ("openai.gpt-oss-20b-1:0", {"messages": CHAT, "reasoning_effort": "low"}, "reasoning_effort"),
        ("arn:aws:bedrock:us-east-1::foundation-model/cohere.command-r-v1:0", {"message": "hi"}, "cohere"),
        ("meta.llama3", {"messages": CHAT}, "meta"),
        ("anthropic.claude-3-echo", {"prompt": "hi", "max_tokens": 5}, "anthropic"),
        ("anthropic.claude-3-echo", CLAUDE | {"tools": [{"name": "t", "input_schema": {}}]}, "tools"),
        (MODEL, {"messages": CHAT, "tools": []}, "tools"),
        (MODEL, {"messages": CHAT, "response_format": {"type": "json_object"}}, "response_format"),
        (MODEL, {"prompt": "hi", "max_gen_len": 5, "images": []}, "images"),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(
    clients: Clients, model_id: str, body: dict[str, Any], named: str
) -> None:
    """Families with other bodies, tools and unknown fields, whole and as a stream."""
    for call in (clients.runtime.invoke_model, clients.runtime.invoke_model_with_response_stream):
        with pytest.raises(ClientError, match=named):
            call(modelId=model_id, body=json.dumps(body))


def test_a_familys_name_is_its_prefix_and_its_behaviour_its_suffix(clients: Clients) -> None:
    """Claude's body from the echo model."""
    answer = clients.runtime.invoke_model(modelId="us.anthropic.claude-3-echo", body=json.dumps(CLAUDE))
    assert json.loads(answer["body"].read())["content"] == [{"type": "text", "text": "hi"}]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ServiceError("ThrottlingException", "slow down", 429), "throttlingException"),
        (ServiceError("ModelErrorException", "stopped", 424), "modelStreamErrorException"),
        (KeyError("a secret"), "internalServerException"),
    ],
)
def test_an_error_in_a_stream_is_an_event(error: Exception, name: str) -> None:
    """The stream's own exception, after the events before it; never a Python word."""
    shape = service_model("bedrock-runtime").operation_model("ConverseStream").get_event_stream_output()

    def events() -> Iterator[Any]:
        yield {"messageStart": {"role": "assistant"}}
        raise error

    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(frames(shape, events())))
    first, last = (message.to_response_dict() for message in buffer)
    assert first["headers"][":event-type"] == "messageStart"
    assert last["headers"][":exception-type"] == name
    assert b"secret" not in last["body"]
