"""A SageMaker endpoint (Marketplace or JumpStart): no inline guardrail, so ApplyGuardrail checks the question before
and the answer after the call.

The body is Text Generation Inference's, as the JumpStart DeepSeek-R1 containers take it:
https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-foundation-models-use-python-sdk.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models.completion import Completion
from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.grounding import only_ungrounded
from stepguard.guard.prompts import Question, deepseek_prompt, user_turn
from stepguard.guard.settings import GuardrailRef, ModelSettings, about_model
from stepguard.guard.stages import Direction, Layer
from stepguard.guard.texts.control_tokens import neutralise
from stepguard.guard.texts.reasoning import answer_of
from stepguard.guard.verdict import merge


class EndpointClient(Protocol):
    """The part of boto3's `sagemaker-runtime` client that an endpoint needs."""

    def invoke_endpoint(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""
        ...


def ask(
    question: Question,
    model: ModelSettings,
    guardrail: GuardrailRef | None,
    guardrails: Guardrails,
    sagemaker: EndpointClient | None = None,
) -> Completion:
    """Guard the question and its passages, call the endpoint, guard its answer. Raises StepguardError."""
    asked = guardrails.check(guardrail, question.text, Layer.MODEL, Direction.INPUT)
    guarded, found = guardrails.screen(guardrail, replace(question, text=asked.text), Layer.MODEL)
    before = [asked, *found]
    if any(verdict.blocked for verdict in before):
        return Completion(merge(before, ""), "guardrail_intervened")
    generation, stop_reason = _generate(guarded.neutralised(), model, sagemaker or client("sagemaker-runtime"))
    # Without a stop reason, the container may have stopped inside the thought.
    text = answer_of(generation, thought_opened=True, cut_short=stop_reason in ("length", "unknown"))
    after = guardrails.check_grounded(guardrail, text, guarded, Layer.MODEL)
    verdict = merge([*before, after], after.text)
    return Completion(verdict, stop_reason, said=text if only_ungrounded(verdict) else "")


def _generate(question: Question, model: ModelSettings, sagemaker: EndpointClient) -> tuple[str, str]:
    turn = user_turn(question.text, [passage.numbered for passage in question.passages], question.instruction)
    parameters: dict[str, Any] = {"max_new_tokens": model.max_tokens, "details": True}
    if model.temperature > 0:  # TGI refuses a temperature of 0; without sampling it decodes greedily
        parameters |= {"do_sample": True, "temperature": model.temperature}
        if model.top_p < 1:
            parameters["top_p"] = model.top_p
    body = {"inputs": deepseek_prompt(turn, neutralise(model.system_prompt), question.turns), "parameters": parameters}
    with aws_errors("InvokeEndpoint", about_model(model, None)):
        response = sagemaker.invoke_endpoint(
            EndpointName=model.id, ContentType="application/json", Accept="application/json", Body=json.dumps(body)
        )
        raw = response["Body"].read()
    try:
        reply = json.loads(raw)
        first = reply[0] if isinstance(reply, list) else reply
        return str(first["generated_text"]), str((first.get("details") or {}).get("finish_reason", "unknown"))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UnreadableVerdict("InvokeEndpoint answered in a body without 'generated_text'.") from None
