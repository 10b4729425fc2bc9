"""What a caller may start: questions in a minute, and questions and items of evaluations in a day.

API Gateway throttles a stage as a whole, or by API key; a signed request has no API key. The counts are items of a
DynamoDB table, one for each caller, minute and day, which DynamoDB deletes by their time to live.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import ConfigurationError, QuotaExceeded, Throttled

MINUTE, DAY = 60, 86_400
KEPT_SECONDS = 3600
"""Counts stay for an hour after their minute or day."""

ATTEMPTS = 5
"""Two requests of one caller at the same moment are a conflict in DynamoDB: the later one is written again."""


@dataclass(frozen=True, slots=True)
class _Window:
    """One of a caller's counts: the table's attribute, the length in seconds, and the variable with the limit."""

    attribute: str
    seconds: int
    variable: str

    @property
    def limit(self) -> int | None:
        """The largest count; None without a limit. Raises ConfigurationError."""
        text = os.environ.get(self.variable)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise ConfigurationError(f"{self.variable} must be a whole number of at least 1.")
        return int(text)


_QUESTIONS = _Window("questions", MINUTE, "CALLER_QUESTIONS_PER_MINUTE")
_TICKETS = _Window("tickets", MINUTE, "CALLER_QUESTIONS_PER_MINUTE")
"""Tickets of streams start no work, so they are counted beside the questions that their connections bring."""
_ITEMS = _Window("items", DAY, "CALLER_ITEMS_PER_DAY")


class CallerQuota:
    """The quotas of CALLER_TABLE, CALLER_QUESTIONS_PER_MINUTE and CALLER_ITEMS_PER_DAY; without a table there is none.

    `now` is in seconds since 1970.
    """

    def __init__(
        self,
        dynamodb: Any = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = dynamodb
        self._now = now
        self._sleep = sleep

    def take(self, caller: str, questions: int = 1, name: str | None = None) -> None:
        """Count work that is about to start. Work of the same `name` is counted once in a day.

        Work that weighs more than a minute's limit uses up the minute. Raises Throttled, QuotaExceeded, StepguardError.
        """
        minute = min(questions, _QUESTIONS.limit or questions)
        self._count(caller, {_QUESTIONS: minute, _ITEMS: questions}, name)

    def take_ticket(self, caller: str) -> None:
        """Count a ticket of a stream: as many a minute as questions. Raises Throttled, StepguardError."""
        self._count(caller, {_TICKETS: 1}, None)

    def take_items(self, caller: str, items: int, name: str) -> None:
        """Count the items of an evaluation that is about to evaluate them; the same `name` once in a day.

        Raises QuotaExceeded, StepguardError.
        """
        # The number is part of the name, so that a changed corpus is counted again.
        self._count(caller, {_ITEMS: items}, f"{name}#{items}")

    def _count(self, caller: str, units: Mapping[_Window, int], name: str | None) -> None:
        """Add to each count, all or none, unless this name was counted before."""
        table = os.environ.get("CALLER_TABLE")
        if not table:
            return
        if _QUESTIONS.limit is None and _ITEMS.limit is None:
            raise ConfigurationError(f"CALLER_TABLE needs {_QUESTIONS.variable} or {_ITEMS.variable}.")
        # The table contains no identity, only its digest.
        key = hashlib.sha256(caller.encode(errors="replace")).hexdigest()
        now = self._now()
        limits = [(window, number, window.limit) for window, number in units.items()]
        limited = [(window, number, limit) for window, number, limit in limits if limit is not None]
        writes = [_addition(table, key, window, number, limit, now) for window, number, limit in limited]
        if name is not None:
            writes.append(_first_time(table, f"{key}#start#{name}", now))
        reasons = self._write(writes)
        if name is not None and reasons[-1:] == ["ConditionalCheckFailed"]:
            return
        for (window, number, limit), reason in zip(limited, reasons, strict=False):
            if reason == "ConditionalCheckFailed":
                raise _refusal(window, number, limit, now)

    def _write(self, writes: list[dict[str, Any]]) -> list[str]:
        """Write all or nothing. Returns the reasons for writing nothing, one for each write, or an empty list."""
        if not writes:
            return []
        with aws_errors("TransactWriteItems"):
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    (self._client or client("dynamodb")).transact_write_items(TransactItems=writes)
                except ClientError as error:
                    reasons = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())]
                    if "ConditionalCheckFailed" in reasons:
                        return reasons
                    if "TransactionConflict" not in reasons or attempt == ATTEMPTS:
                        raise
                    self._sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 (no secret)
                else:
                    break
        return []


def _addition(table: str, caller: str, window: _Window, number: int, limit: int, now: float) -> dict[str, Any]:
    begin = int(now // window.seconds)
    # `:room` is negative where the number alone exceeds the limit: no count is below it.
    return {
        "Update": {
            "TableName": table,
            "Key": {"id": {"S": f"{caller}#{begin}" if window.seconds == MINUTE else f"{caller}#day#{begin}"}},
            "UpdateExpression": "ADD #count :number SET expires = :expires",
            "ConditionExpression": "(attribute_not_exists(#count) AND :number <= :limit) OR #count <= :room",
            "ExpressionAttributeNames": {"#count": window.attribute},
            "ExpressionAttributeValues": {
                ":number": {"N": str(number)},
                ":limit": {"N": str(limit)},
                ":room": {"N": str(limit - number)},
                ":expires": {"N": str((begin + 1) * window.seconds + KEPT_SECONDS)},
            },
        }
    }


def _first_time(table: str, identifier: str, now: float) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": table,
            "Item": {"id": {"S": identifier}, "expires": {"N": str(int(now) + DAY)}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }


def _refusal(window: _Window, number: int, limit: int, now: float) -> Throttled | QuotaExceeded:
    refusal: Throttled | QuotaExceeded
    if window.seconds == MINUTE:
        what = "start {} questions" if window is _QUESTIONS else "take {} tickets of streams"
        refusal = Throttled(f"You may {what.format(limit)} in a minute; wait for the next one.")
    else:
        refusal = QuotaExceeded(
            f"You may start {limit} questions and items of evaluations in a day (UTC), and {number} more exceed that. "
            "Wait for the next day, or evaluate a sample."
        )
    refusal.retry_after = math.ceil(window.seconds - now % window.seconds)
    return refusal
