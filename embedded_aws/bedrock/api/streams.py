"""Answers in pieces: the events of ConverseStream and RetrieveAndGenerateStream, and how texts are cut.

The local models answer whole, so the pieces come together at the end; their order, fields and sizes are Bedrock's.
Recorded on AWS: the order, no contentBlockStart for text, one piece for a masked text, pieces that end in the middle of
a word. Inferred: the sizes, and everything in asynchronous mode but that it does not mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from embedded_aws.wire.event_stream import Event

JUDGED = 400
"""Characters of a piece that a guardrail has judged."""
FREE = 16
"""Characters of a piece without a guardrail, or with one that judges behind."""


def cut(text: str, size: int) -> list[str]:
    """A text in pieces; an empty text is one empty piece."""
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]


def converse_events(answer: Mapping[str, Any], pieces: list[str]) -> Iterator[Event]:
    """The events of a Converse answer whose text is sent in these pieces."""
    yield {"messageStart": {"role": "assistant"}}
    for index, block in enumerate(answer["output"]["message"]["content"]):
        for delta in _deltas(block, pieces):
            yield {"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}}
        yield {"contentBlockStop": {"contentBlockIndex": index}}
    yield {"messageStop": {"stopReason": answer["stopReason"]}}
    yield {"metadata": {name: answer[name] for name in ("usage", "metrics", "trace") if name in answer}}


def _deltas(block: Mapping[str, Any], pieces: list[str]) -> Iterator[dict[str, Any]]:
    if "text" in block:
        yield from ({"text": piece} for piece in pieces)
    else:
        thought = block["reasoningContent"]["reasoningText"]["text"]
        yield from ({"reasoningContent": {"text": piece}} for piece in cut(thought, FREE))


def generated_events(answer: Mapping[str, Any]) -> Iterator[Event]:
    """The events of a RetrieveAndGenerate answer. The stream has no event that ends it, as on AWS."""
    action = answer.get("guardrailAction")
    text = answer["output"]["text"]
    for piece in cut(text, FREE) if action is None else [text] if action == "INTERVENED" else cut(text, JUDGED):
        yield {"output": {"text": piece}}
    for citation in answer["citations"]:
        yield {"citation": {**citation, "citation": citation}}
    if action is not None:
        yield {"guardrail": {"action": action}}
