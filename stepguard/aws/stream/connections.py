"""Connections of callers: tickets that open one, who it belongs to, and frames for it.

A ticket and a connection are items of the table ANSWER_TABLE. A ticket is kept as its hash, for a minute, and opens one
connection: the conditional delete of `$connect` removes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepguard.aws.rows import Item, Rows
from stepguard.guard.callers import Caller
from stepguard.guard.conversation import ALONE
from stepguard.guard.stream.frames import CONNECTION_SECONDS, TICKET_SECONDS

TICKET_BYTES = 32
POST_SECONDS = 1.0
"""To connect, and to be answered: a frame is sent or lost within two seconds."""

ENDPOINT = "STREAM_ENDPOINT"
"""The address of the WebSocket API's stage, as https; the management of its connections is under it."""

_log = logging.getLogger(__name__)


class Connections:
    """Tickets and connections in the table. `now` is in seconds since 1970. Every function raises StepguardError."""

    def __init__(self, rows: Rows | None = None, now: Callable[[], float] = time.time) -> None:
        self._rows = rows or Rows()
        self._now = now

    @property
    def deployed(self) -> bool:
        """Whether there is a table."""
        return self._rows.deployed

    def issue(self, caller: Caller) -> str:
        """A new ticket of a caller."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        self._rows.put(_ticket_key(ticket), ALONE, _item(caller, self._now() + TICKET_SECONDS))
        return ticket

    def open(self, ticket: str, connection: str) -> Caller | None:
        """Use a ticket up for a connection; None if it is unknown, used or expired."""
        item = self._rows.take(_ticket_key(ticket))
        caller = None if item is None else self._caller(item)
        if caller is not None:
            self._rows.put(_key(connection), ALONE, _item(caller, self._now() + CONNECTION_SECONDS))
        return caller

    def caller(self, connection: str) -> Caller | None:
        """Whose connection it is; None if it is closed or too old."""
        item = self._rows.get(_key(connection))
        return None if item is None else self._caller(item)

    def close(self, connection: str) -> None:
        """Forget a connection."""
        self._rows.delete(_key(connection), ALONE)

    def _caller(self, item: Item) -> Caller | None:
        # DynamoDB deletes expired items within days.
        if float(item["expires"]["N"]) <= self._now():
            return None
        held: Mapping[str, Any] = json.loads(item["caller"]["S"])
        return Caller(held["id"], frozenset(held["groups"]), held["pooled"], held["tenant"])


def _item(caller: Caller, expires: float) -> Item:
    held = {"id": caller.id, "groups": sorted(caller.groups), "pooled": caller.pooled, "tenant": caller.tenant}
    return {"caller": {"S": json.dumps(held)}, "expires": {"N": str(int(expires))}}


def _ticket_key(ticket: str) -> str:
    return "ticket#" + hashlib.sha256(ticket.encode(errors="replace")).hexdigest()


def _key(connection: str) -> str:
    return f"connection#{connection}"


class Delivery(StrEnum):
    """What became of a frame."""

    SENT = "sent"
    GONE = "gone"
    """The client has left: nothing more reaches it on this connection."""

    LOST = "lost"


def post(connection: str, frame: bytes, api: Any = None) -> Delivery:
    """Send a frame, in one attempt of two seconds at most. It raises no exception: a client is never waited for."""
    if not os.environ.get(ENDPOINT) and api is None:
        return Delivery.LOST
    try:
        (api or _management()).post_to_connection(ConnectionId=connection, Data=frame)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 410:
            return Delivery.GONE
        _log.warning("A frame was not sent: %s", error.response.get("Error", {}).get("Code"))
        return Delivery.LOST
    except (BotoCoreError, ValueError) as error:
        _log.warning("A frame was not sent: %s", type(error).__name__)
        return Delivery.LOST
    return Delivery.SENT


@cache
def _management() -> Any:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=POST_SECONDS, read_timeout=POST_SECONDS, retries={"total_max_attempts": 1})
    return boto3.client("apigatewaymanagementapi", endpoint_url=os.environ[ENDPOINT], config=config)
