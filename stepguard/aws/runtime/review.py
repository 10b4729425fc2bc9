"""The queue of reviews, in the table of answers: what review.asl.json wrote, and a person's decision.

review.asl.json alone writes the items. A decision is the end of its task: only the first one counts.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.rows import Rows
from stepguard.guard.errors import Conflict, UnknownExecution
from stepguard.guard.review.item import Label, ReviewItem, Standing, read_item, review_key
from stepguard.guard.turns import expired

REVIEWS = "REVIEW_STATE_MACHINE_ARN"
"""The variable with the state machine of reviews."""

WAIT_SECONDS = 15.0
"""How long a decision may take to be in the list."""

_ENDED = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
"""What SendTaskSuccess and SendTaskHeartbeat say about the token of a task that waits no more."""


_LATE = "The decision on {} was sent, and is not in the list yet: look again soon."
_ENDLESS = "The review of {} waits no more, and has no decision: its execution failed or was stopped."


class ReviewQueue:
    """The items. `now` is in seconds since 1970. Every method raises StepguardError."""

    def __init__(
        self,
        rows: Rows,
        states: Any = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rows = rows
        self._client = states
        self._now = now
        self._sleep = sleep

    def between(self, first: date, last: date) -> Iterator[ReviewItem]:
        """The items of the questions of these days, the newest first; an unreadable item is left out."""
        for back in range((last - first).days + 1):
            day = (last - timedelta(days=back)).isoformat()
            found = [item for item in map(self._read, self._rows.all(review_key(day))) if item is not None]
            yield from sorted(found, key=lambda item: (item.asked, item.execution), reverse=True)

    def find(self, execution: str, started: datetime) -> ReviewItem | None:
        """The item of an execution that started then; None if it was never queued or has expired from the table."""
        begun = started.astimezone(UTC).date()  # boto3 gives the zone of this machine
        for day in (begun, begun - timedelta(days=1)):  # the API notes a question before its start
            row = self._rows.get(review_key(day.isoformat()), execution)
            if row is not None and (item := self._read(row)) is not None:
                return item
        return None

    def look(self, item: ReviewItem) -> bool:
        """Say that a person looks at an open item; False if its task waits no more."""
        if item.standing is not Standing.OPEN:
            return False
        with aws_errors("SendTaskHeartbeat"):
            return self._sent(self._states.send_task_heartbeat, taskToken=item.token)

    def decide(self, execution: str, started: datetime, label: Label, by: str, note: str) -> ReviewItem:
        """End the item's task with a decision, and return the item as it is listed then.

        Raises UnknownExecution without an item, and Conflict if the item has been decided or has expired.
        """
        output = json.dumps({"label": str(label), "by": by, "note": note}, ensure_ascii=False)
        deadline = self._now() + WAIT_SECONDS
        sent = False
        while True:
            item = self.find(execution, started)
            if item is None:
                raise UnknownExecution(f"{execution} is not in the queue of reviews: stepguard review list.")
            if item.standing is not Standing.OPEN:
                if sent and (item.label, item.by, item.note) == (label, by, note):
                    return item
                raise Conflict(_refusal(item))
            if not sent:
                with aws_errors("SendTaskSuccess"):
                    sent = self._sent(self._states.send_task_success, taskToken=item.token, output=output)
            if self._now() > deadline:
                raise Conflict(_LATE.format(execution) if sent else _ENDLESS.format(execution))
            self._sleep(0.2)

    def _sent(self, send: Callable[..., object], **request: str) -> bool:
        """Whether the task took the message; False if it waits no more."""
        try:
            send(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ENDED:
                raise
            return False
        return True

    def _read(self, row: Mapping[str, Mapping[str, Any]]) -> ReviewItem | None:
        if expired(row, self._now()):
            return None
        try:
            return read_item(row)
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def _states(self) -> Any:
        return self._client or client("stepfunctions")


def start_review(document: Mapping[str, str], states: Any = None) -> bool:
    """Queue an answer; False if it is queued already, or the deployment has no reviews. Raises StepguardError."""
    machine = os.environ.get(REVIEWS, "")
    if not machine:
        return False
    with aws_errors("StartExecution"):
        try:
            (states or client("stepfunctions")).start_execution(
                stateMachineArn=machine, name=document["name"], input=json.dumps(document)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return False
    return True


def _refusal(item: ReviewItem) -> str:
    if item.standing is Standing.EXPIRED:
        return f"{item.execution} expired at {item.ended}: {item.why}. It cannot be decided any more."
    return f"{item.execution} was decided as '{item.label}' by {item.by} at {item.ended}; the first decision counts."
