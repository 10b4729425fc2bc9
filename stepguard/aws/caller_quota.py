"""The number of questions that a caller may send in a minute, counted in a DynamoDB table.

API Gateway throttles a stage as a whole, or by API key; a signed request has no API key. A caller's count is one item a
minute, which DynamoDB deletes by its time to live.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import ConfigurationError, Throttled

KEPT_SECONDS = 3600


class CallerQuota:
    """The quota of CALLER_TABLE and CALLER_QUESTIONS_PER_MINUTE; without a table there is no quota.

    `now` is in seconds since 1970.
    """

    def __init__(self, dynamodb: Any = None, now: Callable[[], float] = time.time) -> None:
        self._client = dynamodb
        self._now = now

    def take(self, caller: str) -> None:
        """Count one question. Raises Throttled if the caller has used up this minute's questions, and
        StepguardError."""
        table = os.environ.get("CALLER_TABLE")
        if not table:
            return
        limit = _limit(os.environ.get("CALLER_QUESTIONS_PER_MINUTE", ""))
        minute = int(self._now() // 60)
        # The table contains no identity, only its digest.
        key = f"{hashlib.sha256(caller.encode(errors='replace')).hexdigest()}#{minute}"
        with aws_errors("UpdateItem"):
            try:
                (self._client or client("dynamodb")).update_item(
                    TableName=table,
                    Key={"id": {"S": key}},
                    UpdateExpression="ADD questions :one SET expires = :expires",
                    ConditionExpression="attribute_not_exists(questions) OR questions < :limit",
                    ExpressionAttributeValues={
                        ":one": {"N": "1"},
                        ":limit": {"N": str(limit)},
                        ":expires": {"N": str(minute * 60 + KEPT_SECONDS)},
                    },
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                raise Throttled(f"You have asked {limit} questions in this minute; wait for the next one.") from None


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigurationError("CALLER_QUESTIONS_PER_MINUTE must be a whole number of at least 1.")
    return int(text)
