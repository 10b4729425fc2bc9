"""InvokeModel: the model answers under its own guardrail, or a given response is checked by that guardrail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Completion, Models
from stepguard.guard.answer import AnswerOutcome
from stepguard.guard.bank.matching import dont_know_of
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.grounding import released
from stepguard.guard.knowledge import Reader
from stepguard.guard.no_answer import no_answer, says_unknown
from stepguard.guard.passages import citations_of, passages_in, supporting
from stepguard.guard.prompts import Question
from stepguard.guard.request import ANSWER_BYTES, Kind, Request, from_document, json_bytes
from stepguard.guard.runtime.language import answering, for_question
from stepguard.guard.runtime.settings import apply_settings, settings_of
from stepguard.guard.settings import Settings
from stepguard.guard.stages import FIND_ANSWER, GUARD_INPUT, INVOKE_MODEL, Layer, question_of
from stepguard.guard.stream.listeners import Mode
from stepguard.guard.texts.citations import Cited, check_citations
from stepguard.guard.turns import NOTHING_KEPT, turn_of, turns_in


def invoke_model(
    event: Mapping[str, Any],
    settings: Settings | None = None,
    models: Models | None = None,
    guardrails: Guardrails | None = None,
) -> dict[str, Any]:
    """`{document}` -> the document's `model`. Raises StepguardError.

    The question is the text that the input layer returned. A definition of an older release sends `{request, text}`.
    """
    document = event.get("document") or {**event, GUARD_INPUT.key: {"text": event["text"]}}
    request = from_document(document.get("request"))
    settings = for_question(apply_settings(settings or environment(), settings_of(document)), request.input_text)
    question = Question(question_of(document), passages_in(document, request), turns=turns_in(document))
    ref = settings.guardrail(Layer.MODEL, request.guardrails)
    if request.kind is Kind.RESPONSE:
        guards = guardrails or Guardrails(scores=request.for_study)
        verdict = guards.check_grounded(ref, request.completion or "", question, Layer.MODEL)
        completion = Completion(verdict, "given")
    else:
        completion = (models or Models()).ask(
            question,
            answering(settings.model, request.text),
            ref,
            Reader(settings.knowledge, request.groups, request.tenant),
            _heard(event, request, settings, guardrails),
        )
        if (size := json_bytes(completion.verdict.text)) > ANSWER_BYTES:
            raise InvalidRequest(
                f"The model's answer is {size} bytes; at most {ANSWER_BYTES} fit through the workflow. Lower maxTokens "
                "in LLM_QA_MODEL_PARAMS."
            )
    if completion.said and says_unknown(completion.said, settings):
        # A passage supports no "Sorry, I don't know.", so contextual grounding blocks what is no claim at all.
        completion = replace(completion, verdict=released(completion.verdict, completion.said))
    message = dont_know_of(FIND_ANSWER.result(document)) or settings.empty_message
    ending = no_answer(completion.verdict, request.kind, replace(settings, empty_message=message))
    cited = _cited(completion, question)
    judged = document | {INVOKE_MODEL.key: completion.verdict.to_dict()}
    unknown = ending is not None and ending.answer.outcome is AnswerOutcome.DONT_KNOW
    return {
        **completion.verdict.to_dict(),
        "guardrail": None if ref is None else ref.to_dict(),
        "has_answer": ending is None,
        "text": cited.text if ending is None else "",
        "citations": {
            "numbers": list(cited.numbers),
            "removed": cited.removed,
            "uncited": cited.uncited,
            "sources": [item.to_document() for item in citations_of(cited.numbers, completion.sources)],
        },
        "stop_reason": completion.stop_reason,
        "tokens": dict(completion.tokens),
        "turn": turn_of(judged, request, *[ending.answer.text] * 2) if ending and unknown else dict(NOTHING_KEPT),
        "answer": None if ending is None else ending.answer.to_document(),
        "no_answer": None if ending is None else ending.to_dict(),
    }


def _heard(
    event: Mapping[str, Any], request: Request, settings: Settings, guardrails: Guardrails | None
) -> Callable[[str], None] | None:
    """What hears the model's text as it comes; None if nobody listens to pieces."""
    if request.listener is None or settings.streaming is not Mode.PIECES:
        return None
    from stepguard.aws.stream.answer import pieces_for  # only for streamed answers

    return pieces_for(event, request.listener, settings.guardrail(Layer.POSTPROCESS), guardrails or Guardrails())


def _cited(completion: Completion, question: Question) -> Cited:
    """The answer with the numbers of existing passages only; its sources by their words if it has no number."""
    text = completion.verdict.text
    if completion.sources:
        return Cited(text, tuple(passage.number for passage in completion.sources))
    numbers = [passage.number for passage in question.passages if passage.number]
    if not numbers:
        return Cited(text)
    cited = check_citations(text, numbers)
    return cited if cited.numbers else replace(cited, numbers=supporting(cited.text, question.passages))
