"""Cursors: where the next page of a list begins."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime

from stepguard.guard.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Position:
    """The last execution that a page has: its ARN, its start (ISO 8601), and the token of ListExecutions' page."""

    arn: str
    started: str
    token: str | None


def write_cursor(position: Position, scope: object) -> str:
    """A cursor for the same caller and the same filters, the `scope`. It gives a place in the list, and no rights."""
    held = json.dumps([*asdict(position).values(), _digest(scope)], separators=(",", ":"))
    return base64.urlsafe_b64encode(held.encode()).decode().rstrip("=")


def read_cursor(text: str | None, scope: object) -> Position | None:
    """The position of a cursor. Raises InvalidRequest for another scope's or a damaged one."""
    if not text:
        return None
    try:
        arn, started, token, digest = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if datetime.fromisoformat(started).tzinfo is None:
            digest = None
    except (ValueError, TypeError, RecursionError):
        digest = None
    if digest != _digest(scope) or not isinstance(arn, str) or not isinstance(token, str | None):
        raise InvalidRequest("The cursor is not one of this list with these filters; start without a cursor.")
    return Position(arn, started, token)


def _digest(scope: object) -> str:
    return hashlib.sha256(json.dumps(scope, sort_keys=True, default=str).encode()).hexdigest()[:16]
