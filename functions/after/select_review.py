"""SelectReview: whether people review an answer, by the rule in its execution's settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.executions import Executions
from stepguard.guard.answer import from_document
from stepguard.guard.errors import ServiceUnavailable
from stepguard.guard.review.item import review_input
from stepguard.guard.review.rule import read_rule
from stepguard.guard.runtime.settings import apply_settings, settings_of
from stepguard.guard.settings import Settings


def select_review(
    event: Mapping[str, Any],
    executions: Executions | None = None,
    settings: Callable[[], Settings] = environment,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """`{execution}` -> `{outcome, selected, review}`; `review` is the input of review.asl.json, without a text.

    An execution that failed has no answer to review. Raises StepguardError.
    """
    execution = (executions or Executions()).describe(str(event["execution"]))
    if not execution.finished:
        raise ServiceUnavailable("The end of the execution cannot be read yet.")
    document = execution.output or {}
    rule = read_rule(apply_settings(settings(), settings_of(document)).review or "{}")
    answer = from_document(document, execution.arn) if execution.answered else None
    reasons = rule.reasons(execution.name, answer) if answer is not None else ()
    if answer is None or not reasons:
        return {"outcome": "skipped", "selected": False, "review": {}}
    review = review_input(
        execution.name, execution.started.timestamp(), str(answer.outcome), str(answer.source), reasons, now()
    )
    return {"outcome": "selected", "selected": True, "review": review}
