"""InvokeModel: the model answers under its own guardrail, or a given response is checked by that guardrail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Completion, Models
from stepguard.guard.answer import SOURCES, Answer, does_not_know, dont_know, refused_by_model_layer
from stepguard.guard.prompts import Question
from stepguard.guard.request import Kind, Request, from_document
from stepguard.guard.settings import Settings
from stepguard.guard.verdict import Layer


def invoke_model(
    event: Mapping[str, Any],
    settings: Settings | None = None,
    models: Models | None = None,
    guardrails: Guardrails | None = None,
) -> dict[str, Any]:
    """`{request, text}` -> the document's `model`; `text` is the question as the input layer returned it.

    Raises StepguardError.
    """
    settings = settings or environment()
    request = from_document(event.get("request"))
    question = Question(str(event["text"]), request.passages)
    ref = settings.guardrail(Layer.MODEL, request.guardrails)
    if request.kind is Kind.RESPONSE:
        guards = guardrails or Guardrails(scores=request.for_study)
        verdict = guards.check_grounded(ref, request.completion or "", question, Layer.MODEL)
        completion = Completion(verdict, "given")
    else:
        completion = (models or Models()).ask(question, settings.model, ref)
    ending = _ending(completion, request, settings)
    return {
        **completion.verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "has_answer": ending is None,
        "text": completion.verdict.text if ending is None else "",
        "stop_reason": completion.stop_reason,
        "tokens": dict(completion.tokens),
        "answer": None if ending is None else ending.to_document(),
    }


def _ending(completion: Completion, request: Request, settings: Settings) -> Answer | None:
    """The refusal or the don't-know answer, if the call returned no answer that may be delivered."""
    verdict = completion.verdict
    if verdict.blocked:
        return refused_by_model_layer(verdict, settings.empty_message, settings.no_hits)
    unknown = request.kind is Kind.PROMPT and does_not_know(verdict.text, settings.no_hits)
    if unknown or not verdict.text.strip():
        return dont_know(settings.empty_message, SOURCES[request.kind])
    return None
