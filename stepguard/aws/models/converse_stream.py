"""ConverseStream with the guardrail in sync mode: Bedrock judges the text before it sends it.

The response is put together in the form of Converse's. Its proof comes last: `messageStop` says how the model ended,
`metadata` has the guardrail's trace. A stream that lacks one of them is an error, never an answer.
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stepguard.aws.clients import aws_errors
from stepguard.aws.models.completion import RuntimeClient
from stepguard.guard.errors import ServiceUnavailable, UnreadableVerdict

GUARD = "guardrailConfig"


def read_stream(
    runtime: RuntimeClient, request: Mapping[str, Any], about: str, hear: Callable[[str], None]
) -> dict[str, Any]:
    """The whole response of one call; `hear` gets each part of its text. Raises StepguardError."""
    guarded = GUARD in request
    sent = dict(request)
    if guarded:
        sent[GUARD] = {**request[GUARD], "streamProcessingMode": "sync"}
    texts: dict[int, str] = {}
    stop: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    with aws_errors("ConverseStream", about):
        for event in runtime.converse_stream(**sent)["stream"]:
            if "contentBlockDelta" in event:
                delta = event["contentBlockDelta"]
                text = delta["delta"].get("text")  # reasoning and tools have other members
                if text:
                    index = int(delta.get("contentBlockIndex", 0))
                    texts[index] = texts.get(index, "") + text
                    hear(text)
            elif "messageStop" in event:
                stop = event["messageStop"]
            elif "metadata" in event:
                metadata = event["metadata"]
    if stop is None or metadata is None:
        raise ServiceUnavailable("ConverseStream: the stream broke off before its end.")
    trace = metadata.get("trace") or {}
    if guarded and not trace.get("guardrail"):
        raise UnreadableVerdict("ConverseStream: the stream has no verdict of its guardrail.")
    content = [{"text": texts[index]} for index in sorted(texts)]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop.get("stopReason", ""),
        "usage": metadata.get("usage") or {},
        "trace": trace,
    }
