"""InvokeModel with an inline guardrail: imported DeepSeek-R1 distillations and Bedrock-hosted DeepSeek-R1.

The guardrail checks for prompt attacks only inside input tags, whose suffix must be new in every request so that no
user can close them: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tagging.html. The bodies:
https://docs.aws.amazon.com/bedrock/latest/userguide/invoke-imported-model.html and model-parameters-deepseek.html.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.models.completion import Completion, RuntimeClient, read_object
from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.prompts import Question, deepseek_prompt, user_turn
from stepguard.guard.settings import GuardrailRef, ImportedBody, ModelApi, ModelSettings, about_model
from stepguard.guard.texts.control_tokens import neutralise
from stepguard.guard.texts.reasoning import after_thought, answer_of
from stepguard.guard.verdict import block_reasoning, skipped
from stepguard.guard.vocabularies import INVOKE_ACTION, read_invoke_model


def ask(
    question: Question,
    model: ModelSettings,
    guardrail: GuardrailRef | None,
    runtime: RuntimeClient | None = None,
    hear: Callable[[str], None] | None = None,
) -> Completion:
    """One InvokeModel call; one of InvokeModelWithResponseStream if somebody hears the answer as it comes, after the
    thought. Raises StepguardError."""
    suffix = secrets.token_hex(8) if guardrail else ""
    asked = question.neutralised()
    body = _body(_tagged(asked, suffix), model, asked.turns)
    request: dict[str, Any] = {
        "modelId": model.id,
        "contentType": "application/json",
        "accept": "application/json",
    }
    if guardrail is not None:
        body["amazon-bedrock-guardrailConfig"] = {"tagSuffix": suffix}
        request |= {"guardrailIdentifier": guardrail.id, "guardrailVersion": guardrail.version, "trace": "ENABLED"}
    caller, about = runtime or client("bedrock-runtime"), about_model(model, guardrail)
    opened = model.imported_body is not ImportedBody.OPENAI_CHAT or model.api is ModelApi.DEEPSEEK
    response: Mapping[str, Any] = {}
    if hear is not None:
        from stepguard.aws.models.streams import read_invoke_stream

        heard = after_thought(hear) if opened else hear
        reply: Mapping[str, Any] = read_invoke_stream(caller, request, body, about, heard)
    else:
        with aws_errors("InvokeModel", about):
            response = caller.invoke_model(body=json.dumps(body), **request)
            raw = response["body"].read()
        reply = read_object(raw, "InvokeModel answered with a body")
    generation = _generation(reply)
    if guardrail is None:
        verdict = skipped(generation.text)
    else:
        verdict = block_reasoning(read_invoke_model(reply, generation.text), guardrail.reasoning_blocks)
    if not verdict.blocked:
        text = answer_of(verdict.text, thought_opened=opened, cut_short=generation.stop_reason == "length")
        verdict = replace(verdict, text=text)
    tokens = generation.tokens if any(generation.tokens.values()) else _tokens_in_headers(response)
    return Completion(verdict, generation.stop_reason, tokens)


def _tokens_in_headers(response: Mapping[str, Any]) -> Mapping[str, int]:
    """Token counts of a model whose body has no counts, such as Bedrock-hosted DeepSeek-R1."""
    headers = _mapping(_mapping(response.get("ResponseMetadata")).get("HTTPHeaders"))
    counts = {kind: str(headers.get(f"x-amzn-bedrock-{kind}-token-count", "")) for kind in ("input", "output")}
    return {kind: int(count) if count.isdecimal() else 0 for kind, count in counts.items()}


def _tagged(question: Question, suffix: str) -> str:
    """The user's turn; under a guardrail every foreign text is tagged as what must be assessed."""

    def tag(kind: str, text: str) -> str:
        name = f"amazon-bedrock-guardrails-{kind}_{suffix}"
        return f"<{name}>{text}</{name}>" if suffix else text

    if question.screened:  # only what is in tags is assessed
        texts = [neutralise(passage.numbered) for passage in question.passages]
        return user_turn(tag("guardContent", question.text), texts, question.instruction)
    query = tag("query" if question.passages else "guardContent", question.text)
    sources = [tag("groundingSource", passage.numbered) for passage in question.passages]
    return user_turn(query, sources, question.instruction)


def _body(turn: str, model: ModelSettings, before: Sequence[tuple[str, str]]) -> dict[str, Any]:
    system = neutralise(model.system_prompt)
    sampling = {"temperature": model.temperature, "top_p": model.top_p}
    if model.api is ModelApi.IMPORTED_MODEL:
        if model.imported_body is ImportedBody.OPENAI_CHAT:
            messages = [{"role": "system", "content": system}] if system else []
            for question, answer in before:
                messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            messages.append({"role": "user", "content": turn})
            return {"messages": messages, "max_tokens": model.max_tokens, **sampling}
        if model.imported_body is ImportedBody.COMPLETION:
            return {"prompt": deepseek_prompt(turn, system, before), "max_gen_len": model.max_tokens, **sampling}
    return {"prompt": deepseek_prompt(turn, system, before), "max_tokens": model.max_tokens, **sampling}


@dataclass(frozen=True, slots=True)
class _Generation:
    text: str
    stop_reason: str
    tokens: Mapping[str, int]


def _generation(reply: Mapping[str, Any]) -> _Generation:
    """The generated text of any of the bodies, e.g. `generation`, or `choices[0].text`."""
    choices = reply.get("choices")
    choice = _mapping(choices[0] if isinstance(choices, list) and choices else None)
    message = _mapping(choice.get("message"))
    text = next(
        (
            item
            for item in (reply.get("generation"), choice.get("text"), message.get("content"))
            if isinstance(item, str)
        ),
        None,
    )
    if text is None and reply.get(INVOKE_ACTION) == "INTERVENED":
        text = ""  # AWS does not document every model's body after a block; the verdict does not depend on it
    if text is None:
        raise UnreadableVerdict("InvokeModel answered in a body without 'generation' or 'choices'.")
    stop_reason = reply.get("stop_reason") or choice.get("stop_reason") or choice.get("finish_reason") or ""
    usage = _mapping(reply.get("usage"))
    tokens = {
        "input": int(reply.get("prompt_token_count") or usage.get("prompt_tokens") or 0),
        "output": int(reply.get("generation_token_count") or usage.get("completion_tokens") or 0),
    }
    return _Generation(text, str(stop_reason), tokens)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
