"""Cursors that a caller made: their digest is no secret, so every part may be anything."""

from __future__ import annotations

import base64
import json

import pytest

from stepguard.guard.cursors import Position, read_cursor, write_cursor
from stepguard.guard.errors import InvalidRequest

SCOPE = ["ann", {}]
ARN = "arn:aws:states:us-east-1:123456789012:execution:chat:x"
STARTED = "2026-11-22T10:00:00+00:00"
DIGEST = json.loads(base64.urlsafe_b64decode(write_cursor(Position(ARN, STARTED, None), SCOPE) + "=="))[3]


def encoded(text: str) -> str:
    """The text as a cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_cursor_is_read_back() -> None:
    """With and without a token."""
    for token in (None, "next"):
        position = Position(ARN, STARTED, token)
        assert read_cursor(write_cursor(position, SCOPE), SCOPE) == position


@pytest.mark.parametrize("started", ["2026-11-22T10:00:00", "2026-11-22", "2026-W01-1", "", "soon", 1, None, []])
def test_a_start_that_cannot_be_compared_is_refused(started: object) -> None:
    """A time without a zone cannot be compared with the executions' times."""
    with pytest.raises(InvalidRequest, match="cursor"):
        read_cursor(encoded(json.dumps([ARN, started, None, DIGEST])), SCOPE)


@pytest.mark.parametrize("text", ["[" * 5000, '{"a":' * 3000, "9" * 6000, '{"a":1,"b":2,"c":3,"d":4}', "[]", "NaN", ""])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """Also JSON that is nested deeper than the parser goes."""
    with pytest.raises(InvalidRequest, match="cursor"):
        read_cursor(encoded(text) or "=", SCOPE)
