"""GuardPassages: drops passages that carry instructions to the model.

Passages that came with a question are texts of strangers, and so are those of a source that was not screened. They are
judged by a guardrail of its own, each alone: one verdict on many texts would not say which one is meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.answer import Source, dont_know
from stepguard.guard.bank.matching import dont_know_of
from stepguard.guard.passages import found_in
from stepguard.guard.prompts import Passage
from stepguard.guard.request import from_document
from stepguard.guard.runtime.language import for_question
from stepguard.guard.runtime.settings import apply_settings, settings_of
from stepguard.guard.settings import GuardrailRef, ModelApi, Settings
from stepguard.guard.stages import FIND_ANSWER, Direction, Layer, Outcome
from stepguard.guard.verdict import Verdict, merge, skipped

CACHED = 10_000
"""The verdicts that a worker keeps; the oldest makes room."""

_cache: dict[tuple[str, str, str], Verdict] = {}


def guard_passages(
    event: Mapping[str, Any],
    settings: Settings | None = None,
    guardrails: Guardrails | None = None,
    cache: dict[tuple[str, str, str], Verdict] | None = None,
) -> dict[str, Any]:
    """`{document}` -> the context's `passage_guard`. Raises StepguardError.

    `kept` and `dropped` name passages by number; the texts stay where they are. `ask_model` is False if answers come
    from the knowledge only and nothing is left of it.
    """
    document = event["document"]
    request = from_document(document.get("request"))
    settings = for_question(apply_settings(settings or environment(), settings_of(document)), request.input_text)
    passages = request.passages or found_in(document)
    ref = settings.passage_guardrail
    guards = guardrails or Guardrails(scores=request.for_study)
    verdicts = {
        number: _judge(ref, passage, guards, _cache if cache is None else cache)
        for number, passage in enumerate(passages, 1)
        if not passage.screened
    }
    dropped = [number for number, verdict in verdicts.items() if verdict.blocked]
    kept = [number for number in range(1, len(passages) + 1) if number not in dropped]
    whole = merge(list(verdicts.values()), "") if verdicts else skipped("")
    ask_model = bool(kept) or not _knowledge_only(settings, given=bool(passages))
    message = dont_know_of(FIND_ANSWER.result(document)) or settings.empty_message
    answer = None if ask_model else dont_know(message, Source.KNOWLEDGE).to_document()
    return {
        **whole.to_dict(),
        "outcome": str(_outcome(whole, dropped)),
        "guardrail": None if ref is None or not verdicts else ref.to_dict(),
        "ask_model": ask_model,
        "kept": kept,
        "dropped": [
            {
                "n": number,
                "id": passages[number - 1].id,
                "findings": [item.to_dict() for item in verdicts[number].findings],
            }
            for number in dropped
        ],
        "answer": answer,
    }


def _outcome(whole: Verdict, dropped: list[int]) -> str:
    """`dropped` is no block: the question goes on without the passage."""
    return "dropped" if dropped else str(Outcome.PASSED if whole.outcome is Outcome.MASKED else whole.outcome)


def _knowledge_only(settings: Settings, *, given: bool) -> bool:
    if settings.model.api is ModelApi.RETRIEVE_AND_GENERATE:
        return False  # the service searches while it answers
    return settings.knowledge.only and (given or settings.knowledge.problem is None)


def _judge(
    ref: GuardrailRef | None, passage: Passage, guardrails: Guardrails, cache: dict[tuple[str, str, str], Verdict]
) -> Verdict:
    if ref is None:
        return skipped("")
    digest = hashlib.sha256(passage.text.encode(errors="surrogatepass")).hexdigest()
    key = (digest, ref.id, ref.version)
    if key in cache:
        return cache[key]
    judged = guardrails.check(ref, passage.text, Layer.PASSAGES, Direction.INPUT, source=True)
    verdict = Verdict(judged.outcome, "", None, judged.findings, judged.text_units, judged.scores)
    if ref.version != "DRAFT":  # a draft may change
        # The next use of the verdict costs nothing, so its text units are not counted again.
        cache[key] = Verdict(verdict.outcome, "", None, verdict.findings)
        while len(cache) > CACHED:
            cache.pop(next(iter(cache)))
    return verdict
