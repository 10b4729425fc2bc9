"""The request and response bodies that models take through InvokeModel and SageMaker endpoints.

An imported model takes any of three formats and answers in the one it was asked in; DeepSeek-R1 hosted by Bedrock,
models behind a SageMaker endpoint (Text Generation Inference), Anthropic's and Amazon Nova's models have one each,
Mistral's two. Sources: the Bedrock user guide's pages "Invoke your imported model", "DeepSeek models", "Mistral AI text
completion" and "chat completion", Nova's "Using the Invoke API", AWS's Marketplace notebook.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from embedded_aws.bedrock.models.base import Completion, Message, Role, Sampling, Writing
from embedded_aws.bedrock.models.prompts import END_THINK, conversation
from embedded_aws.wire import ServiceError

Body = dict[str, Any]
GUARDRAIL_CONFIG = "amazon-bedrock-guardrailConfig"
GUARDRAIL_ACTION = "amazon-bedrock-guardrailAction"


@dataclass(frozen=True, slots=True)
class Format:
    """One body format: how generation is limited in it, and how an answer is written in it.

    `prompt` are its other members; in some formats the limits are in the object `parameters`, with `also`.
    """

    max_tokens: str
    stop: str
    answer: Callable[[Completion, Mapping[str, Any]], Body]
    prompt: frozenset[str]
    parameters: str | None = None
    also: frozenset[str] = frozenset()
    top_p: str = "top_p"

    def sampling(self, body: Mapping[str, Any]) -> Sampling:
        """How to generate. Raises ServiceError for values of the wrong type or out of range."""
        given = body.get(self.parameters, {}) if self.parameters else body
        if not isinstance(given, dict):
            raise malformed(f"{self.parameters} must be an object.")
        limits = self.also | {self.max_tokens, self.stop, "temperature", self.top_p}
        outside = self.prompt | ({self.parameters} if self.parameters else limits)
        for name in sorted({*(set(body) - outside), *(set(given) - limits if self.parameters else ())}):
            raise malformed(f"the embedded Bedrock does not implement the field {name} of this body.")
        stop = given.get(self.stop) or []
        stop = [stop] if isinstance(stop, str) else stop
        if not isinstance(stop, list) or not all(isinstance(one, str) and one for one in stop):
            raise malformed(f"{self.stop} must be a list of texts.")
        return Sampling(
            max_tokens=_number(given, self.max_tokens, int, 1, 1_000_000),
            temperature=_number(given, "temperature", float, 0, 2) or 0.0,
            top_p=_number(given, self.top_p, float, 0, 1) or 1.0,
            stop=tuple(stop),
        )


def malformed(what: str) -> ServiceError:
    """The error for a body that the model does not support."""
    return ServiceError(
        "ValidationException", f"Malformed input request: {what} Please reformat your input and try again."
    )


def _number(given: Mapping[str, Any], name: str, kind: type, low: float, high: float) -> Any:
    value = given.get(name)
    if value is None:
        return None
    accepted = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, accepted) or not low <= value <= high:
        raise malformed(f"{name} must be a number from {low} to {high}.")
    return value


def parse(raw: bytes) -> Body:
    """The JSON object in a body. Raises ServiceError(ValidationException)."""
    try:
        body = json.loads(raw)
        # Text that is not valid Unicode could be neither judged nor answered.
        raw_text = json.dumps(body, ensure_ascii=False)
        raw_text.encode()
    except (ValueError, RecursionError):
        raise malformed("the body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise malformed("the body must be a JSON object.")
    return body


# --- texts of a request ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """A text of the body, in place: `holder[key]`."""

    holder: Any
    key: Any
    role: Role | None = None
    turn: int = 0

    @property
    def text(self) -> str:
        text: str = self.holder[self.key]
        return text

    def put(self, text: str) -> None:
        """Write another text in its place."""
        self.holder[self.key] = text


def slots(body: Body) -> list[Slot]:
    """Every text that the model will read, in order. Raises ServiceError for messages of another shape."""
    for name in ("inputs", "prompt"):
        if name in body:
            if not isinstance(body[name], str) or not body[name].strip():
                raise malformed(f"{name} must be a text that is not blank.")
            return [Slot(body, name)]
    found: list[Slot] = []
    if body.get("system"):
        found += _content(body, "system", "system", -1)
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise malformed("messages must be a list with at least one message.")
    for turn, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("system", "user", "assistant"):
            raise malformed("each message needs a role of system, user or assistant.")
        found += _content(message, "content", message["role"], turn)
    return found


def _content(holder: Body, key: str, role: Role, turn: int) -> Iterator[Slot]:
    content = holder.get(key)
    if isinstance(content, str):
        yield Slot(holder, key, role, turn)
        return
    if not isinstance(content, list):
        raise malformed(f"{key} must be a text or a list of text blocks.")
    for block in content:
        if not isinstance(block, dict) or block.get("type", "text") != "text" or not isinstance(block.get("text"), str):
            raise malformed("this model takes text blocks only.")
        yield Slot(block, "text", role, turn)


def messages(found: list[Slot]) -> tuple[tuple[Message, ...], bool]:
    """The conversation in a body's texts, and whether it ended inside an opened `<think>`."""
    if found[0].role is None:
        recovered = conversation(found[0].text)
        return recovered.messages, recovered.in_thought
    turns: dict[int, Message] = {}
    for slot in found:
        text = f"{turns[slot.turn].text}\n{slot.text}" if slot.turn in turns else slot.text
        turns[slot.turn] = Message(slot.role or "user", text)
    return tuple(turns.values()), False


def closed(completion: Completion, in_thought: bool) -> Completion:
    """The answer of a model without reasoning to a prompt that opened a thought: a closed, empty thought."""
    if not in_thought or END_THINK in completion.text:
        return completion
    return replace(completion, text=f"\n{END_THINK}\n\n{completion.text}")


def in_thought(writing: Writing) -> Writing:
    """The same for an answer in parts: the thought is closed before the first one."""
    yield (before := f"\n{END_THINK}\n\n")
    completion = yield from writing
    return replace(completion, text=before + completion.text)


# --- answers --------------------------------------------------------------------------------------------------------


def _finish(completion: Completion) -> str:
    return "length" if completion.stop == "max_tokens" else "stop"


def _openai_usage(completion: Completion) -> Body:
    return {
        "prompt_tokens": completion.input_tokens,
        "completion_tokens": completion.output_tokens,
        "total_tokens": completion.input_tokens + completion.output_tokens,
    }


def _bedrock_completion(completion: Completion, _: Mapping[str, Any]) -> Body:
    return {
        "generation": completion.text,
        "prompt_token_count": completion.input_tokens,
        "generation_token_count": completion.output_tokens,
        "stop_reason": _finish(completion),
        "logprobs": None,
    }


def _openai_completion(completion: Completion, body: Mapping[str, Any]) -> Body:
    return {
        "id": f"cmpl-{uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": str(body.get("model", "")),
        "choices": [
            {"index": 0, "text": completion.text, "logprobs": None, "finish_reason": _finish(completion)},
        ],
        "usage": _openai_usage(completion),
    }


def _openai_chat(completion: Completion, body: Mapping[str, Any]) -> Body:
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": str(body.get("model", "")),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": completion.text},
                "logprobs": None,
                "finish_reason": _finish(completion),
            },
        ],
        "usage": _openai_usage(completion),
    }


def _deepseek(completion: Completion, _: Mapping[str, Any]) -> Body:
    return {"choices": [{"text": completion.text, "stop_reason": _finish(completion)}]}


def _tgi(completion: Completion, body: Mapping[str, Any]) -> Body:
    answer: Body = {"generated_text": completion.text}
    if (body.get("parameters") or {}).get("details") is True:
        finish = "length" if completion.stop == "max_tokens" else "eos_token"
        answer["details"] = {"finish_reason": finish, "generated_tokens": completion.output_tokens, "seed": None}
    return answer


def _anthropic(completion: Completion, body: Mapping[str, Any]) -> Body:
    return {
        "model": str(body.get("model", "")),
        "id": f"msg_bdrk_{uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": completion.text}],
        "stop_reason": completion.stop,
        "stop_sequence": None,
        "usage": {"input_tokens": completion.input_tokens, "output_tokens": completion.output_tokens},
    }


def _nova(completion: Completion, _: Mapping[str, Any]) -> Body:
    usage = {"inputTokens": completion.input_tokens, "outputTokens": completion.output_tokens}
    return {
        "output": {"message": {"content": [{"text": completion.text}], "role": "assistant"}},
        "stopReason": completion.stop,
        "usage": usage | {"totalTokens": completion.input_tokens + completion.output_tokens},
    }


def _mistral_text(completion: Completion, _: Mapping[str, Any]) -> Body:
    return {"outputs": [{"text": completion.text, "stop_reason": _finish(completion)}]}


def _mistral_chat(completion: Completion, _: Mapping[str, Any]) -> Body:
    message = {"role": "assistant", "content": completion.text}
    return {"choices": [{"index": 0, "message": message, "stop_reason": _finish(completion)}]}


_PROMPT = frozenset({"prompt"})
_CHAT = frozenset({"messages", "model"})
BEDROCK_COMPLETION = Format("max_gen_len", "stop", _bedrock_completion, _PROMPT)
OPENAI_COMPLETION = Format("max_tokens", "stop", _openai_completion, _PROMPT | {"model"})
OPENAI_CHAT = Format("max_tokens", "stop", _openai_chat, _CHAT)
DEEPSEEK = Format("max_tokens", "stop", _deepseek, _PROMPT)
TGI = Format("max_new_tokens", "stop", _tgi, frozenset({"inputs"}), "parameters", frozenset({"details", "do_sample"}))
NOVA = Format(
    "maxTokens", "stopSequences", _nova, frozenset({"messages", "system", "schemaVersion"}), "inferenceConfig",
    top_p="topP",
)  # fmt: skip
MISTRAL_TEXT = Format("max_tokens", "stop", _mistral_text, _PROMPT)
MISTRAL_CHAT = Format("max_tokens", "stop", _mistral_chat, frozenset({"messages"}))
ANTHROPIC = Format(
    "max_tokens", "stop_sequences", _anthropic, _CHAT | {"anthropic_version", "anthropic_beta", "system", "metadata"}
)
