"""GuardAnswer: the last layer checks the whole answer before the person sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.answer import SOURCES, Source, delivered, refused
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Request, from_document
from stepguard.guard.settings import Settings
from stepguard.guard.stages import FIND_ANSWER, GUARD_INPUT, INVOKE_MODEL, RETRIEVE_PASSAGES, context_of
from stepguard.guard.verdict import Direction, Layer, Outcome

CURATED = "answer"
"""The `result` of the box when the team's own answer matches the question."""


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
    curated = FIND_ANSWER.result(document) if context_of(document).get("result") == CURATED else None
    text = str((curated or before[-1])["text"])
    source = _source(request, document, curated=curated is not None)
    ref = settings.guardrail(Layer.POSTPROCESS, request.guardrails)
    verdict = (guardrails or Guardrails(scores=request.for_study)).check(ref, text, Layer.POSTPROCESS, Direction.OUTPUT)
    if verdict.blocked:
        answer = refused(verdict.message or settings.empty_message, Source.POSTPROCESS)
    else:
        outcomes = [Outcome(stage["outcome"]) for stage in before]
        answer = delivered(verdict.text, source, *outcomes, verdict.outcome)
    return {
        **verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "blocked": verdict.blocked,
        "answer": answer.to_document(),
        "citations": answer.to_document().get("citations", []),
    }


def _source(request: Request, document: Mapping[str, Any], *, curated: bool) -> Source:
    if curated:
        return Source.CURATED
    passages = RETRIEVE_PASSAGES.result(document) or {}
    return Source.KNOWLEDGE if passages.get("passages") else SOURCES[request.kind]
