"""RewriteQuestion: a follow-up becomes a question that stands alone, by a model under the model layer's guardrail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.models import Models
from stepguard.guard.errors import StepguardError
from stepguard.guard.prompts import Question
from stepguard.guard.request import from_document
from stepguard.guard.runtime.settings import apply_settings
from stepguard.guard.settings import ModelApi, Settings
from stepguard.guard.stages import Layer, Outcome
from stepguard.guard.turns import TEXT_CHARACTERS, remembered

INSTRUCTION = (
    "Rewrite the last message of the user as one question that can be understood without the messages before it. "
    "Keep its language and its meaning, and add nothing that was not said. If it already stands alone, repeat it. "
    "Answer with the question only."
)
MAX_TOKENS = 300


def rewrite_question(
    event: Mapping[str, Any],
    settings: Settings | None = None,
    models: Models | None = None,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """`{request, text, items, settings}` -> the context's `turns` and `rewrite`.

    `outcome` is rewritten, skipped, failed or blocked; unless it is rewritten, `text` is the question as it was.
    """
    settings = apply_settings(settings or environment(), event.get("settings"))
    request = from_document(event.get("request"))
    text = str(event["text"])
    turns = remembered(event.get("items") or (), now(), settings.conversation.turns, request.groups)
    result = {"turns": [[turn.question, turn.answer] for turn in turns], "text": text, "findings": [], "text_units": {}}
    if not turns or not settings.conversation.rewriting:
        return result | {"outcome": "skipped", "reason": "first turn" if not turns else "LLM_GENERATE_QUERY_ENABLE"}
    if settings.model.api is ModelApi.RETRIEVE_AND_GENERATE:
        return result | {"outcome": "skipped", "reason": "the model searches the knowledge base itself"}
    model = replace(
        settings.model,
        id=settings.conversation.rewriter or settings.model.id,
        system_prompt=settings.rewrite_prompt or INSTRUCTION,
        max_tokens=MAX_TOKENS,
    )
    said = tuple((str(turn.question), str(turn.answer)) for turn in turns)
    try:
        ref = settings.guardrail(Layer.MODEL, request.guardrails)
        completion = (models or Models()).ask(Question(text, turns=said), model, ref)
    except StepguardError as error:
        return result | {"outcome": "failed", "reason": type(error).__name__}
    verdict = completion.verdict
    judged = {"findings": [finding.to_dict() for finding in verdict.findings], "text_units": dict(verdict.text_units)}
    written = " ".join(verdict.text.split())[:TEXT_CHARACTERS]
    if verdict.outcome not in (Outcome.PASSED, Outcome.SKIPPED):
        # What the guardrail masked or refused here is judged in the question itself, by every layer.
        return result | judged | {"outcome": "blocked", "reason": "the guardrail intervened"}
    if not written or completion.stop_reason in ("max_tokens", "length"):
        return result | judged | {"outcome": "failed", "reason": "no whole question"}
    return result | judged | {"outcome": "rewritten", "reason": "", "text": written}
