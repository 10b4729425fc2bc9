"""The feedback API: `POST /chat/{execution}/feedback`, by the caller who got the answer, once an answer.

The reason is a text of a person: the input layer judges it before it is kept, and no log has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from functions.chat_answers import Found
from functions.routes import Reply, Work, read_body
from stepguard.aws.answer_table import AnswerTable, Row
from stepguard.aws.environment import with_texts_of_now
from stepguard.aws.executions import Execution
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.runtime.review import start_review
from stepguard.aws.talk.feedback import FeedbackTable, asked_at
from stepguard.aws.telemetry import count_feedback, log_problem
from stepguard.guard.answer import Answer
from stepguard.guard.callers import Caller
from stepguard.guard.conversation import iso_time
from stepguard.guard.errors import Conflict, InvalidRequest, StepguardError
from stepguard.guard.review.item import review_input
from stepguard.guard.review.rule import read_rule
from stepguard.guard.settings import Settings
from stepguard.guard.stages import Direction, Layer
from stepguard.guard.talk.feedback import Thumb, feedback_on, read_thumb

_MEMBERS = frozenset({"thumb", "reason"})


class FeedbackApi:
    """The route, on the table of answers. `find` is the caller's own execution by its name or ARN."""

    def __init__(
        self,
        table: AnswerTable,
        settings: Callable[[], Settings],
        find: Callable[[str, Caller], tuple[Found, Answer | None]],
        guardrails: Guardrails | None = None,
    ) -> None:
        self._table = table
        self._feedback = FeedbackTable(table.rows, table.now)
        self._settings = settings
        self._find = find
        self._guardrails = guardrails

    def post(self, execution: str, body: bytes, caller: Caller) -> Work:
        """Keep a thumb and the reason: 200 with what is kept; the same again is the same. Raises StepguardError."""
        thumb, reason = read_thumb(read_body(body, '{"thumb": "down", "reason": "..."}', _MEMBERS))
        if not self._table.deployed:
            raise InvalidRequest("This deployment has no table for feedback.")
        return Work(lambda: self._keep(execution, thumb, reason, caller))

    def _keep(self, execution: str, thumb: Thumb, reason: str | None, caller: Caller) -> Reply:
        found, answer = self._find(execution, caller)
        if not (found.finished if isinstance(found, Execution) else found.ended):
            raise Conflict("This execution has no answer yet.")
        settings = self._settings()
        feedback = feedback_on(answer, found.name, _asked_at(found), thumb)
        kept = replace(feedback, reason=self._guarded(reason, settings))
        if self._feedback.keep(kept, settings.conversation.days):
            count_feedback(feedback)
        if answer is not None and thumb is Thumb.DOWN:
            self._review(found, answer, reason=kept.reason is not None)
        body = {"execution": found.name, "thumb": str(thumb), "reason_kept": kept.reason is not None}
        return 200, body, {}

    def _review(self, found: Found, answer: Answer, *, reason: bool) -> None:
        """Queue the answer for people if the rule says so. The feedback is kept whatever happens here."""
        if isinstance(found, Row) and found.express:
            return  # it has no history that a person could read
        try:
            source = with_texts_of_now(self._settings()).review
            reasons = read_rule(source).of_feedback(answer, down=True, reason=reason) if source else ()
            if reasons:
                started = found.started if isinstance(found, Row) else found.started.timestamp()
                about = (str(answer.outcome), str(answer.source), reasons)
                start_review(review_input(found.name, started, *about, self._table.now()))
        except StepguardError as error:
            log_problem("review", found.name, error)

    def _guarded(self, reason: str | None, settings: Settings) -> str | None:
        """The reason as the input layer leaves it; None if it blocks it. Raises StepguardError."""
        if reason is None:
            return None
        ref = settings.guardrail(Layer.PREPROCESS)
        verdict = (self._guardrails or Guardrails()).check(ref, reason, Layer.PREPROCESS, Direction.INPUT)
        return None if verdict.blocked else verdict.text


def _asked_at(found: Found) -> str:
    """When the question came, by which its feedback is found again."""
    if isinstance(found, Row):
        return found.place.at if found.place else iso_time(found.started)
    return asked_at(found)
