"""GuardRewrite: the input layer judges a rewritten question, which joins what several turns said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.answer import Source, refused
from stepguard.guard.request import from_document
from stepguard.guard.runtime.language import for_question
from stepguard.guard.runtime.refusal import refusal_of
from stepguard.guard.runtime.settings import apply_settings
from stepguard.guard.settings import Settings
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.turns import joined
from stepguard.guard.verdict import skipped

REWRITTEN = "rewritten"
"""The outcome of RewriteQuestion with a new text; any other text has been judged by GuardInput."""


def guard_rewrite(
    event: Mapping[str, Any], settings: Settings | None = None, guardrails: Guardrails | None = None
) -> dict[str, Any]:
    """`{request, text, rewrite, turns, settings}` -> the context's `rewrite_guard`. Raises StepguardError.

    With CONVERSATION_GUARD_TURNS, the last questions are judged together with this one: a block refuses it. What is
    masked there stays, since each question was masked when it came.
    """
    request = from_document(event.get("request"))
    settings = for_question(apply_settings(settings or environment(), event.get("settings")), request.input_text)
    text, turns, most = str(event["text"]), event.get("turns") or (), settings.conversation.judged
    rewritten, together = event.get("rewrite") == REWRITTEN, bool(turns) and most > 0
    ref = settings.guardrail(Layer.PREPROCESS, request.guardrails) if rewritten or together else None
    guards = guardrails or Guardrails(scores=request.for_study)
    verdict = skipped(text)
    if ref is not None and rewritten:
        verdict = guards.check(ref, text, Layer.PREPROCESS, Direction.INPUT)
    if ref is not None and together and not verdict.blocked:
        whole = guards.check(ref, joined(turns, verdict.text, most), Layer.PREPROCESS, Direction.INPUT)
        if whole.blocked:
            verdict = whole
        else:
            units = Counter(verdict.text_units) + Counter(whole.text_units)
            passed = Outcome.PASSED if verdict.outcome is Outcome.SKIPPED else verdict.outcome
            verdict = replace(verdict, outcome=passed, text_units=dict(units))
    refusal = refused(refusal_of(settings, verdict), Source.PREPROCESS)
    return {
        **verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "blocked": verdict.blocked,
        "text": verdict.text,
        "answer": refusal.to_document() if verdict.blocked else None,
    }
