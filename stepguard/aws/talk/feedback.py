"""Feedback on answers in the table ANSWER_TABLE: one item an answer, in a partition for each day of questions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from stepguard.aws.executions import Execution
from stepguard.aws.rows import Item, Rows
from stepguard.guard.conversation import iso_time
from stepguard.guard.errors import Conflict
from stepguard.guard.talk.feedback import Feedback, Thumb, feedback_key
from stepguard.guard.turns import expired

_OTHER = "This answer has other feedback already; the first one counts."


class FeedbackTable:
    """The feedback of callers. `now` is in seconds since 1970. Every function raises StepguardError."""

    def __init__(self, rows: Rows, now: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._now = now

    def keep(self, feedback: Feedback, days: int) -> bool:
        """Keep the feedback for so many days; False if the same is there already.

        A reason can be added to a thumb later. Raises Conflict for another thumb or another reason.
        """
        now = int(self._now())
        key = feedback_key(feedback.at)
        values: dict[str, Any] = {
            "thumb": {"S": str(feedback.thumb)},
            "outcome": {"S": feedback.outcome},
            "source": {"S": feedback.source},
            "policies": {"S": json.dumps(feedback.policies)},
            "at": {"S": feedback.at},
            "expires": {"N": str(now + days * 86_400)},
        }
        reason = {} if feedback.reason is None else {"reason": {"S": feedback.reason}}
        absent = "attribute_not_exists(id) OR expires < :now"
        if self._rows.put(key, feedback.execution, values | reason, absent, now={"N": str(now)}):
            return True
        held = self._rows.get(key, feedback.execution) or {}
        if held.get("thumb") != values["thumb"]:
            raise Conflict(_OTHER)
        if reason and held.get("reason") != reason["reason"]:
            added = {":reason": reason["reason"]}
            update, alone = "SET reason = :reason", "attribute_exists(id) AND attribute_not_exists(reason)"
            if not self._rows.update(key, update, alone, added, turn=feedback.execution):
                raise Conflict(_OTHER)
        return False

    def find(self, execution: str, at: str) -> Feedback | None:
        """The feedback on one answer; `at` is when the question came."""
        item = self._rows.get(feedback_key(at), execution)
        return None if item is None or expired(item, self._now()) else _read(item)

    def between(self, first: date, last: date) -> Iterator[Feedback]:
        """The feedback on the answers of these days, the last day first."""
        now = self._now()
        for back in range((last - first).days + 1):
            day = (last - timedelta(days=back)).isoformat()
            yield from (_read(item) for item in self._rows.all(feedback_key(day)) if not expired(item, now))


def asked_at(execution: Execution) -> str:
    """When the question of an execution came, by which its feedback is found again."""
    held = (execution.input.get("request") or {}).get("conversation")
    if isinstance(held, Mapping) and "turn" in held:
        return str(held["turn"]).partition("#")[0]
    return iso_time(execution.started.timestamp())


def _read(item: Item) -> Feedback:
    return Feedback(
        str(item["turn"]["S"]),
        Thumb(item["thumb"]["S"]),
        str(item["outcome"]["S"]),
        str(item["source"]["S"]),
        str(item["at"]["S"]),
        tuple(json.loads(item["policies"]["S"])),
        (item.get("reason") or {}).get("S"),
    )
