"""The frames of a streamed answer, and who listens to them.

A frame is one JSON text of at most FRAME_BYTES: `{turn, attempt, seq, type}` and what its type adds. `turn` is the
execution's name. Frames can arrive in another order than they were sent in: a client sorts them by attempt and seq, and
a higher attempt replaces what the lower ones said. `final` and `error` end the turn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepguard.guard.stages import ALL

FRAME_BYTES = 32_000
"""API Gateway takes 32 KB in one frame of a WebSocket."""

TICKET_SECONDS = 60
CONNECTION_SECONDS = 2 * 3600
"""API Gateway closes every connection after two hours."""

ROUTES = ("$connect", "$disconnect", "$default", "chat")
"""The routes of the WebSocket API; `$request.body.action` chooses between the last two."""

ATTEMPTS = 100
"""More attempts than the state machine makes of one state: a redriven execution counts on from the next hundred."""

STARTED = "Started"
"""The stage of the first status frame, when the execution has started."""

SEQ_OF: Mapping[str, int] = {STARTED: 0} | {stage.state: 1000 * number for number, stage in enumerate(ALL, 1)}
"""The seq of each stage's status frame; the pieces of an answer are between two of them."""


def status_frame(turn: str, stage: str, attempt: int = 1, more: Mapping[str, Any] | None = None) -> bytes:
    """A stage of the workflow begins."""
    return _frame(turn, attempt, SEQ_OF[stage], "status", {"stage": stage, **(more or {})})


def delta_frame(turn: str, attempt: int, number: int, text: str, stage: str) -> bytes:
    """A piece of the answer, which the guard of the answer has passed; `number` counts from 1 within its stage."""
    return _frame(turn, attempt, SEQ_OF[stage] + number, "delta", {"text": text})


def last_frame(turn: str, body: Mapping[str, Any], *, answered: bool, redrives: int = 0) -> bytes:
    """The end of a turn: the body of `GET /chat/{execution}`, or where to read it if it does not fit."""
    attempt, kind = redrives * ATTEMPTS + ATTEMPTS, "final" if answered else "error"
    frame = _frame(turn, attempt, 0, kind, body)
    if len(frame) <= FRAME_BYTES:
        return frame
    kept = {name: body[name] for name in ("execution", "conversation", "status") if name in body}
    return _frame(turn, attempt, 0, kind, {**kept, "truncated": True})


def refusal_frame(code: str, message: str, client_token: str | None = None) -> bytes:
    """A message that started nothing, so it has no turn."""
    more = {"client_token": client_token} if client_token is not None else {}
    return _frame(None, 1, 0, "error", {"error": {"code": code, "message": message}, **more})


def _frame(turn: str | None, attempt: int, seq: int, kind: str, members: Mapping[str, Any]) -> bytes:
    document = {"turn": turn, "attempt": attempt, "seq": seq, "type": kind, **members}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def attempt_of(event: Mapping[str, Any]) -> int:
    """The attempt of a state that its event describes."""
    return int(event.get("redrives") or 0) * ATTEMPTS + int(event.get("retries") or 0) + 1
