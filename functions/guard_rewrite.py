"""GuardRewrite: the input layer judges a rewritten question, which joins what several turns said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.answer import Source, refused
from stepguard.guard.request import from_document
from stepguard.guard.runtime.language import for_question
from stepguard.guard.runtime.refusal import refusal_of
from stepguard.guard.runtime.settings import apply_settings
from stepguard.guard.settings import Settings
from stepguard.guard.verdict import Direction, Layer, skipped

REWRITTEN = "rewritten"
"""The outcome of RewriteQuestion with a new text; any other text has been judged by GuardInput."""


def guard_rewrite(
    event: Mapping[str, Any], settings: Settings | None = None, guardrails: Guardrails | None = None
) -> dict[str, Any]:
    """`{request, text, rewrite, settings}` -> the context's `rewrite_guard`. Raises StepguardError."""
    request = from_document(event.get("request"))
    settings = for_question(apply_settings(settings or environment(), event.get("settings")), request.input_text)
    text = str(event["text"])
    ref = settings.guardrail(Layer.PREPROCESS, request.guardrails) if event.get("rewrite") == REWRITTEN else None
    if ref is None:
        verdict = skipped(text)
    else:
        guards = guardrails or Guardrails(scores=request.for_study)
        verdict = guards.check(ref, text, Layer.PREPROCESS, Direction.INPUT)
    refusal = refused(refusal_of(settings, verdict), Source.PREPROCESS)
    return {
        **verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "blocked": verdict.blocked,
        "text": verdict.text,
        "answer": refusal.to_document() if verdict.blocked else None,
    }
