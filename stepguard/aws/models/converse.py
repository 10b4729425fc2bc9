"""Converse with an inline guardrail: Bedrock-hosted models and imported Llama-type models.

With guardContent only the marked blocks are assessed, so every block that a person or a document wrote is marked:
qualifiers and rules at https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html. Reasoning
is in separate blocks, is never assessed inline, and is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.models.completion import Completion, RuntimeClient
from stepguard.guard.grounding import only_ungrounded, query_of
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, ModelSettings, about_model
from stepguard.guard.texts.reasoning import answer_of
from stepguard.guard.verdict import block_reasoning, skipped
from stepguard.guard.vocabularies import converse_text, read_converse


def ask(
    question: Question,
    model: ModelSettings,
    guardrail: GuardrailRef | None,
    runtime: RuntimeClient | None = None,
    hear: Callable[[str], None] | None = None,
) -> Completion:
    """One Converse call; one of ConverseStream if somebody hears the text as it comes. Raises StepguardError."""
    asked = question.neutralised()
    request: dict[str, Any] = {
        "modelId": model.id,
        "messages": [
            *_earlier(asked),
            {"role": "user", "content": _content(asked, guarded=guardrail is not None)},
        ],
        "inferenceConfig": {
            "maxTokens": model.max_tokens,
            "temperature": model.temperature,
            "topP": model.top_p,
        },
    }
    if model.system_prompt:
        request["system"] = [{"text": model.system_prompt}]
    if guardrail is not None:
        request["guardrailConfig"] = {
            "guardrailIdentifier": guardrail.id,
            "guardrailVersion": guardrail.version,
            "trace": "enabled",
        }
    caller, about = runtime or client("bedrock-runtime"), about_model(model, guardrail)
    if hear is not None:
        from stepguard.aws.models.streams import read_converse_stream

        response: Mapping[str, Any] = read_converse_stream(caller, request, about, hear)
    else:
        with aws_errors("Converse", about):
            response = caller.converse(**request)
    stop_reason = str(response.get("stopReason", ""))
    if guardrail is None:
        verdict = skipped(converse_text(response))
    else:
        verdict = block_reasoning(read_converse(response), guardrail.reasoning_blocks)
    if not verdict.blocked:
        # A model without reasoning blocks may still have reasoning in its text.
        text = answer_of(verdict.text, thought_opened=False, cut_short=stop_reason == "max_tokens")
        verdict = replace(verdict, text=text)
    usage = response.get("usage") or {}
    tokens = {"input": int(usage.get("inputTokens", 0)), "output": int(usage.get("outputTokens", 0))}
    return Completion(verdict, stop_reason, tokens, said=_said(response) if only_ungrounded(verdict) else "")


def _said(response: Mapping[str, Any]) -> str:
    """What the model wrote before its guardrail acted."""
    trace = (response.get("trace") or {}).get("guardrail") or {}
    return "".join(map(str, trace.get("modelOutput") or ()))


def _earlier(question: Question) -> list[dict[str, Any]]:
    """The earlier turns, outside guardContent: an old turn is never judged again, so it cannot block a new one."""
    return [
        {"role": role, "content": [{"text": text}]}
        for turn in question.turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]


def _content(question: Question, *, guarded: bool) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if question.passages:
        content.append({"text": question.instruction})
    for passage in question.passages:
        judged = question.screened or passage.screened  # before this call, so that only grounding looks at it
        marks = ["grounding_source"] if judged else ["grounding_source", "guard_content"]
        content.append(_block(passage.numbered, marks, guarded=guarded))
    query, rest = query_of(question.text) if question.passages and guarded else (question.text, "")
    content.append(_block(query, ["query", "guard_content"] if question.passages else [], guarded=guarded))
    if rest.strip():
        content.append(_block(rest, ["guard_content"], guarded=guarded))
    return content


def _block(text: str, qualifiers: list[str], *, guarded: bool) -> dict[str, Any]:
    if not guarded:
        return {"text": text}
    block: dict[str, Any] = {"text": text}
    if qualifiers:
        block["qualifiers"] = qualifiers
    return {"guardContent": {"text": block}}
