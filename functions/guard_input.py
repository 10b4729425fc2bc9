"""GuardInput: the first layer checks the person's text before anything else reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.runtime.settings import current_settings
from stepguard.guard.answer import Source, expiry, refused
from stepguard.guard.conversation import ALONE
from stepguard.guard.request import Kind, Request, from_document
from stepguard.guard.runtime.language import for_question
from stepguard.guard.runtime.refusal import refusal_of
from stepguard.guard.runtime.settings import Held, apply_settings
from stepguard.guard.settings import Settings
from stepguard.guard.stages import Direction, Layer
from stepguard.guard.texts.language import language_of


def guard_input(
    event: Mapping[str, Any],
    settings: Settings | None = None,
    guardrails: Guardrails | None = None,
    now: Callable[[], float] = time.time,
    current: Callable[[], Held | None] = current_settings,
) -> dict[str, Any]:
    """`{request}` -> the document's `input_guard`. Raises StepguardError.

    `settings` are those of this execution; None if there are none at run time. `record` is for the item of
    the answer: a definition can calculate neither its key nor when it expires.
    """
    held = current()
    runtime = None if held is None else held.to_document()
    request = from_document(event.get("request"))
    settings = for_question(apply_settings(settings or environment(), runtime), request.input_text)
    ref = settings.guardrail(Layer.PREPROCESS, request.guardrails)
    verdict = (guardrails or Guardrails(scores=request.for_study)).check(
        ref, request.input_text, Layer.PREPROCESS, Direction.INPUT, source=request.kind is Kind.DOCUMENT
    )
    refusal = refused(refusal_of(settings, verdict), Source.PREPROCESS)
    return {
        **verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "blocked": verdict.blocked,
        "needs_model": request.kind is not Kind.DOCUMENT,
        "needs_context": request.kind is Kind.PROMPT,
        "has_turns": request.conversation is not None and not request.conversation.first,
        "text": verdict.text,
        "language": language_of(request.input_text),
        "answer": refusal.to_document() if verdict.blocked else None,
        "settings": runtime,
        "record": _record(request, str(event.get("name", "")), settings, now()),
    }


def _record(request: Request, name: str, settings: Settings, now: float) -> dict[str, Any]:
    place, conversation = request.conversation, settings.conversation
    hours = settings.answer_hours if place is None else conversation.days * 24
    return {
        "caller": request.caller,
        "expires": str(expiry(now, hours)),
        "id": name if place is None else place.id,
        "turn": ALONE if place is None else place.turn,
        "turns": conversation.turns,
    }
