"""GuardAnswer: the last layer checks the whole answer before the person sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.answer import SOURCES, Answer, Source, delivered, refused
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.passages import cited_in, found_in, sources_in
from stepguard.guard.request import Request, from_document
from stepguard.guard.runtime.language import for_question
from stepguard.guard.runtime.refusal import refusal_of
from stepguard.guard.runtime.settings import apply_settings, settings_of
from stepguard.guard.settings import Settings
from stepguard.guard.stages import (
    CURATED,
    GUARD_INPUT,
    GUARD_REWRITE,
    INVOKE_MODEL,
    Direction,
    Layer,
    Outcome,
    context_of,
    judged_answer,
)
from stepguard.guard.turns import NOTHING_KEPT, turn_of


def guard_answer(
    event: Mapping[str, Any], settings: Settings | None = None, guardrails: Guardrails | None = None
) -> dict[str, Any]:
    """`{document}` -> the document's `answer_guard`, which holds the final answer. Raises StepguardError."""
    document = event["document"]
    request = from_document(document.get("request"))
    settings = for_question(apply_settings(settings or environment(), settings_of(document)), request.input_text)
    before = [document[key] for key in (GUARD_INPUT.key, INVOKE_MODEL.key) if key in document]
    text = judged_answer(document)
    if text is None:
        raise InvalidRequest("The document holds no result of a stage before GuardAnswer.")
    source = _source(request, document)
    ref = settings.guardrail(Layer.POSTPROCESS, request.guardrails)
    verdict = (guardrails or Guardrails(scores=request.for_study)).check(ref, text, Layer.POSTPROCESS, Direction.OUTPUT)
    if verdict.blocked:
        answer = refused(refusal_of(settings, verdict), Source.POSTPROCESS)
    else:
        rewritten = GUARD_REWRITE.result(document)
        outcomes = [Outcome(stage["outcome"]) for stage in [*before, *([rewritten] if rewritten else [])]]
        answer = replace(
            delivered(verdict.text, source, *outcomes, verdict.outcome), citations=cited_in(document, request)
        )
    return {
        **verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "blocked": verdict.blocked,
        "turn": dict(NOTHING_KEPT)
        if verdict.blocked
        else turn_of(document, request, text, answer.text, [citation.groups for citation in answer.citations]),
        "answer": answer.to_document() | ({} if verdict.blocked else _citations(answer)),
    }


def _citations(answer: Answer) -> dict[str, Any]:
    """Present also without any: RecordAnswer reads them."""
    return {"citations": [citation.to_document() for citation in answer.citations]}


def _source(request: Request, document: Mapping[str, Any]) -> Source:
    if context_of(document).get("result") == CURATED:
        return Source.CURATED
    return Source.KNOWLEDGE if found_in(document) or sources_in(document) else SOURCES[request.kind]
