"""OpenAI evals, fine-tuning files, batches and guardrails evaluations; messages of any tool, ShareGPT's included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepguard.formats.bedrock import answered
from stepguard.formats.messages import (
    decoded,
    exchange,
    is_conversation,
    last_user_text,
)
from stepguard.formats.model import Format, Profile
from stepguard.formats.names import Row, first, folded, members
from stepguard.guard.errors import InvalidRequest

CONVERSATIONS = folded("messages conversations conversation dialog dialogue conversation_history chat items")


def _guardrails(row: Row) -> Iterator[dict[str, Any]]:
    triggers = decoded(row.get("expectedtriggers"))
    if not isinstance(triggers, Mapping) or not all(isinstance(value, bool) for value in triggers.values()):
        raise InvalidRequest("'expected_triggers' must be an object of true and false")
    expected = {"id": row.get("id"), "expected": "intervened" if any(triggers.values()) else "passed"}
    data = decoded(row.get("data"))
    found = first(members(data), CONVERSATIONS)
    turns = found[1] if found else data
    if is_conversation(turns):
        item = exchange(turns)
        yield expected | ({"text": item["prompt"], "kind": "document"} if item["kind"] == "prompt" else item)
    else:
        yield expected | {"kind": "document", "text": row.get("data")}


def _evals(row: Row) -> Iterator[dict[str, Any]]:
    value = decoded(row.get("input"))
    text = last_user_text(value) if is_conversation(value) else row.get("input")
    yield {"kind": "prompt", "prompt": text}


def _batch(row: Row) -> Iterator[dict[str, Any]]:
    identifier = {"id": row.get("customid")}
    body = members(row.get("response")).get("body")
    if "response" not in row:
        request = row.get("body")
        messages = request.get("messages") if isinstance(request, Mapping) else None
        if messages is None and isinstance(request, Mapping):
            messages = request.get("input")
        if isinstance(messages, str):
            yield identifier | {"kind": "prompt", "prompt": messages}
        else:
            yield identifier | {"kind": "prompt", "prompt": last_user_text(messages)}
        return
    texts = answered(body)
    if not texts:
        raise InvalidRequest("'response' has no text of an answer")
    for text in texts:
        yield identifier | {"kind": "response", "completion": text}


def _preference(row: Row) -> Iterator[dict[str, Any]]:
    yield {"kind": "prompt", "prompt": last_user_text(members(row.get("input")).get("messages"))}


def _messages(row: Row) -> Iterator[dict[str, Any]]:
    found = next((decoded(row[name]) for name in CONVERSATIONS if is_conversation(decoded(row.get(name)))), None)
    if found is None:
        raise InvalidRequest("it has no list of messages with role and content")
    item = exchange(found)
    if item["kind"] == "prompt" and isinstance(row.get("completion"), str) and row["completion"]:
        item = {"kind": "response", "query": item["prompt"], "completion": row["completion"]}
    yield item | {"id": row.get("id"), "category": row.get("category"), "expected": row.get("expected")}


def _has_messages(profile: Profile) -> bool:
    return any(is_conversation(decoded(row.get(name))) for row in profile.sample for name in CONVERSATIONS)


def _has_input_messages(profile: Profile) -> bool:
    outputs = {"preferredoutput", "nonpreferredoutput"} & profile.names
    return bool(outputs) and any("messages" in members(row.get("input")) for row in profile.sample)


def _prompt_and_answers(row: Row) -> Iterator[dict[str, Any]]:
    """Conversational preferences: `prompt` is a list of messages, `chosen` or `completion` the answer."""
    prompt = decoded(row.get("prompt"))
    if not is_conversation(prompt):
        raise InvalidRequest("'prompt' is no list of messages")
    found = first(row, ("chosen", "completion"))
    answer = decoded(found[1]) if found else None
    if isinstance(answer, list) and answer:
        yield exchange([*prompt, *answer])
    elif isinstance(answer, str):
        yield {"kind": "response", "query": last_user_text(prompt), "completion": answer}
    else:
        yield {"kind": "prompt", "prompt": last_user_text(prompt)}


FORMATS = (
    Format(
        "OpenAI guardrails evaluation",
        lambda profile: {"expectedtriggers", "data"} <= profile.names,
        _guardrails,
        folded("id data expected_triggers"),
    ),
    Format(
        "OpenAI batch",
        lambda profile: "customid" in profile.names and bool({"body", "response"} & profile.names),
        _batch,
        folded("custom_id body response"),
        folded("id method url error"),
    ),
    Format(
        "OpenAI preference examples",
        _has_input_messages,
        _preference,
        ("input",),
        folded("preferred_output non_preferred_output"),
    ),
    Format(
        "OpenAI evals",
        lambda profile: {"input", "ideal"} <= profile.names or _input_is_conversation(profile),
        _evals,
        ("input",),
        folded("ideal metadata"),
    ),
    Format(
        "conversations (messages)",
        _has_messages,
        _messages,
        (*CONVERSATIONS, "completion", "id", "category", "expected"),
        folded("tools parallel_tool_calls reference_answer functions model"),
    ),
    Format(
        "conversations with a given answer",
        lambda profile: any(is_conversation(decoded(row.get("prompt"))) for row in profile.sample),
        _prompt_and_answers,
        folded("prompt chosen completion"),
        ("rejected",),
    ),
)


def _input_is_conversation(profile: Profile) -> bool:
    other = set(folded("actual_output expected_output dataset_id dataset_name source_trace_id expected"))
    return not other & profile.names and any(is_conversation(decoded(row.get("input"))) for row in profile.sample)
