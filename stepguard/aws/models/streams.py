"""Streams of Bedrock, read to their end: a stream without its final proof is an error, never an answer.

What comes last differs by operation. ConverseStream: `messageStop` says how the model ended, `metadata` has the
guardrail's trace. InvokeModelWithResponseStream: the last chunk has the model's reason, the trace and the metrics of
the call. RetrieveAndGenerateStream: a `guardrail` event, and no other end than that of the body.
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.eventstream import ParserError
from urllib3.exceptions import HTTPError

from stepguard.aws.clients import aws_errors
from stepguard.aws.models.completion import RuntimeClient, read_object
from stepguard.guard.errors import ServiceUnavailable, UnreadableVerdict
from stepguard.guard.vocabularies import INVOKE_ACTION, INVOKE_TRACE, read_converse, read_invoke_model

GUARD = "guardrailConfig"
BODY_GUARD = "amazon-bedrock-guardrailConfig"
METRICS = "amazon-bedrock-invocationMetrics"

Hear = Callable[[str], None]


def events(operation: str, stream: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The events of a stream. Raises ServiceUnavailable if the connection breaks or brings damaged frames."""
    try:
        yield from stream
    except (HTTPError, ParserError) as error:  # botocore does not translate these once a stream has begun
        raise ServiceUnavailable(f"{operation}: {type(error).__name__}: the stream broke off before its end.") from None


def read_converse_stream(runtime: RuntimeClient, request: Mapping[str, Any], about: str, hear: Hear) -> dict[str, Any]:
    """The whole response of ConverseStream, in the form of Converse's; `hear` gets each part of its text.

    The guardrail judges in sync mode: before Bedrock sends. Raises StepguardError.
    """
    guarded = GUARD in request
    sent = dict(request)
    if guarded:
        sent[GUARD] = {**request[GUARD], "streamProcessingMode": "sync"}
    parts: dict[int, list[str]] = {}
    stop: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    with aws_errors("ConverseStream", about):
        for event in events("ConverseStream", runtime.converse_stream(**sent)["stream"]):
            if "contentBlockDelta" in event:
                delta = event["contentBlockDelta"]
                text = delta["delta"].get("text")  # reasoning and tools have other members
                if text:
                    parts.setdefault(int(delta.get("contentBlockIndex", 0)), []).append(text)
                    hear(text)
            elif "messageStop" in event:
                stop = event["messageStop"]
            elif "metadata" in event:
                metadata = event["metadata"]
    if stop is None or metadata is None:
        raise _broken("ConverseStream")
    trace = metadata.get("trace") or {}
    if guarded and not trace.get("guardrail"):
        raise _unproved("ConverseStream")
    texts = [part for index in sorted(parts) for part in parts[index]]

    def response(text: str) -> dict[str, Any]:
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": text}] if text else []}},
            "stopReason": stop.get("stopReason", ""),
            "usage": metadata.get("usage") or {},
            "trace": trace,
        }

    whole = response("".join(texts))
    if guarded and read_converse(whole).blocked:
        return response(_message(texts, trace["guardrail"]))
    return whole


def read_invoke_stream(
    runtime: RuntimeClient, request: Mapping[str, Any], body: Mapping[str, Any], about: str, hear: Hear
) -> dict[str, Any]:
    """The whole response of InvokeModelWithResponseStream, in the form of an imported model's body with `generation`.

    The guardrail judges in synchronous mode. After a block it may end the stream without the model's reason and the
    metrics, as recorded. Raises StepguardError.
    """
    operation = "InvokeModelWithResponseStream"
    guarded = BODY_GUARD in body
    if guarded:
        body = {**body, BODY_GUARD: {**body[BODY_GUARD], "streamProcessingMode": "SYNCHRONOUS"}}
    texts: list[str] = []
    whole: dict[str, Any] = {"stop_reason": ""}
    counts: dict[str, int] = {}
    metrics: Mapping[str, Any] | None = None
    with aws_errors(operation, about):
        response = runtime.invoke_model_with_response_stream(body=json.dumps(body), **request)
        for event in events(operation, response["body"]):
            chunk = _chunk(event)
            if text := _text(chunk):
                texts.append(text)
                hear(text)
            whole["stop_reason"] = _reason(chunk) or whole["stop_reason"]
            for count in ("prompt_token_count", "generation_token_count"):
                if isinstance(chunk.get(count), int):
                    counts[count] = chunk[count]
            if whole.get(INVOKE_ACTION) != "INTERVENED" and INVOKE_ACTION in chunk:
                whole[INVOKE_ACTION] = chunk[INVOKE_ACTION]  # once INTERVENED, whatever the other chunks say
            if INVOKE_TRACE in chunk:
                whole[INVOKE_TRACE] = chunk[INVOKE_TRACE]
            metrics = chunk.get(METRICS, metrics)
    trace = (whole.get(INVOKE_TRACE) or {}).get("guardrail") if guarded else None
    blocked = bool(trace) and read_invoke_model(whole, "".join(texts)).blocked
    if not blocked and not (whole["stop_reason"] and metrics):
        raise _broken(operation)
    if guarded and not trace:
        raise _unproved(operation)
    measured = metrics or {}
    counts.setdefault("prompt_token_count", int(measured.get("inputTokenCount") or 0))
    counts["generation_token_count"] = int(measured.get("outputTokenCount") or counts.get("generation_token_count", 0))
    return {**whole, **counts, "generation": _message(texts, trace or {}) if blocked else "".join(texts)}


def read_generated_stream(stream: Iterable[Mapping[str, Any]], *, guarded: bool) -> dict[str, Any]:
    """The whole response of RetrieveAndGenerateStream, in the form of RetrieveAndGenerate's.

    Its text is for nobody before the end: only then it is known which documents it cites, and whether the caller may
    read them. Raises StepguardError.
    """
    operation = "RetrieveAndGenerateStream"
    texts: list[str] = []
    citations: list[Mapping[str, Any]] = []
    actions: list[str] = []
    for event in events(operation, stream):
        if "output" in event:
            texts.append(str(event["output"].get("text") or ""))
        elif "citation" in event:
            citations.append(event["citation"])
        elif "guardrail" in event:
            actions.append(str(event["guardrail"].get("action")))
    if not texts:
        raise _broken(operation)
    response: dict[str, Any] = {"citations": citations}
    if guarded:
        if not actions:
            raise _unproved(operation)
        response["guardrailAction"] = "INTERVENED" if "INTERVENED" in actions else actions[-1]
    # Nothing says where the text ends and the message begins that follows it.
    mixed = response.get("guardrailAction") == "INTERVENED" and len(texts) > 1
    return {**response, "output": {"text": "" if mixed else "".join(texts)}}


def _message(texts: list[str], trace: Mapping[str, Any]) -> str:
    """The guardrail's message without the parts of the model's text that had passed before the block."""
    said = "".join(map(str, trace.get("modelOutput") or ()))
    passed = ""
    for number, text in enumerate(texts):
        if not said.startswith(passed + text):
            return "".join(texts[number:])
        passed += text
    return ""


def _broken(operation: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"{operation}: the stream broke off before its end.")


def _unproved(operation: str) -> UnreadableVerdict:
    return UnreadableVerdict(f"{operation}: the stream has no verdict of its guardrail.")


def _chunk(event: Mapping[str, Any]) -> Mapping[str, Any]:
    raw = (event.get("chunk") or {}).get("bytes")
    return {} if raw is None else read_object(raw, "InvokeModelWithResponseStream sent a chunk")


def _text(chunk: Mapping[str, Any]) -> str:
    """The text of a chunk of any of the bodies, e.g. `generation`, or `choices[0].delta.content`."""
    choice = _choice(chunk)
    found = (chunk.get("generation"), choice.get("text"), *(_of(choice, key) for key in ("delta", "message")))
    return next((text for text in found if isinstance(text, str)), "")


def _reason(chunk: Mapping[str, Any]) -> str:
    choice = _choice(chunk)
    return str(chunk.get("stop_reason") or choice.get("stop_reason") or choice.get("finish_reason") or "")


def _choice(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) else {}


def _of(choice: Mapping[str, Any], key: str) -> object:
    held = choice.get(key)
    return held.get("content") if isinstance(held, Mapping) else None
