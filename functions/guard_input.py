"""GuardInput: the first layer checks the person's text before anything else reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.answer import Source, refused
from stepguard.guard.request import Kind, from_document
from stepguard.guard.settings import Settings
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE, Direction, Layer


def guard_input(
    event: Mapping[str, Any], settings: Settings | None = None, guardrails: Guardrails | None = None
) -> dict[str, Any]:
    """`{request}` -> the document's `input_guard`. Raises StepguardError."""
    settings = settings or environment()
    request = from_document(event.get("request"))
    ref = settings.guardrail(Layer.PREPROCESS, request.guardrails)
    verdict = (guardrails or Guardrails(scores=request.for_study)).check(
        ref, request.input_text, Layer.PREPROCESS, Direction.INPUT
    )
    refusal = refused(verdict.message or DEFAULT_BLOCKED_MESSAGE, Source.PREPROCESS)
    return {
        **verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "blocked": verdict.blocked,
        "needs_model": request.kind is not Kind.DOCUMENT,
        "text": verdict.text,
        "answer": refusal.to_document() if verdict.blocked else None,
    }
