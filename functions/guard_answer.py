"""GuardAnswer: the last layer checks the whole answer before the person sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.answer import SOURCES, Source, delivered, refused
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import from_document
from stepguard.guard.settings import Settings
from stepguard.guard.stages import GUARD_INPUT, INVOKE_MODEL
from stepguard.guard.verdict import Direction, Layer, Outcome


def guard_answer(
    event: Mapping[str, Any], settings: Settings | None = None, guardrails: Guardrails | None = None
) -> dict[str, Any]:
    """`{document}` -> the document's `answer_guard`, which holds the final answer. Raises StepguardError."""
    settings = settings or environment()
    document = event["document"]
    request = from_document(document.get("request"))
    before = [document[key] for key in (GUARD_INPUT.key, INVOKE_MODEL.key) if key in document]
    if not before:
        raise InvalidRequest("The document holds no result of a stage before GuardAnswer.")
    text = str(before[-1]["text"])
    ref = settings.guardrail(Layer.POSTPROCESS, request.guardrails)
    verdict = (guardrails or Guardrails(scores=request.for_study)).check(ref, text, Layer.POSTPROCESS, Direction.OUTPUT)
    if verdict.blocked:
        answer = refused(verdict.message or settings.empty_message, Source.POSTPROCESS)
    else:
        outcomes = [Outcome(stage["outcome"]) for stage in before]
        answer = delivered(verdict.text, SOURCES[request.kind], *outcomes, verdict.outcome)
    return {
        **verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "blocked": verdict.blocked,
        "answer": answer.to_document(),
    }
