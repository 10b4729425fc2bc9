"""The stream of the command line's chat: the stages of an answer, its guarded pieces, and its end.

The ticket is written into the table of answers, as POST /stream does; the rest is the protocol of every client
(docs/use/streaming.md). Where there is no stream, or it breaks, the execution itself is looked at.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from stepguard.aws.environment import settings
from stepguard.aws.rows import Rows
from stepguard.aws.stream.connections import ENDPOINT, Connections
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest, StepguardError, Throttled
from stepguard.guard.stream.frames import SEQ_OF, STARTED
from stepguard.guard.stream.listeners import Mode

OPEN_SECONDS = 10.0
SILENT_SECONDS = 10.0
"""After as long a silence the execution is looked at."""

STAGE = "live"


class StreamLost(Exception):
    """The connection broke, or brings no more frames. `sent`: the question has left, so it may be answered."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__()
        self.sent = sent


class Connection(Protocol):
    """The part of a WebSocket connection of the package websockets that this needs."""

    def send(self, message: str) -> None:
        """Send a message."""

    def recv(self, timeout: float) -> str | bytes:
        """The next message. Raises TimeoutError."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(slots=True)
class Heard:
    """What a person is shown: the stage that begins, None at the end; the whole text of the pieces, "" to clear it."""

    stage: Callable[[str | None], None]
    text: Callable[[str], None] = lambda _: None


@dataclass(slots=True)
class _Pieces:
    """The pieces of an answer by attempt and number: frames may come in another order, or twice."""

    held: dict[tuple[int, int], str] = field(default_factory=dict)

    def add(self, frame: Mapping[str, Any]) -> str:
        """The text of the newest attempt, with this piece."""
        self.held[frame["attempt"], frame["seq"]] = str(frame["text"])
        newest = max(attempt for attempt, _ in self.held)
        return "".join(text for (attempt, _), text in sorted(self.held.items()) if attempt == newest)


@dataclass(slots=True)
class Stream:
    """A connection of a caller, made at the first question and again after it broke."""

    url: str
    connections: Connections
    caller: Caller
    connect: Callable[[str], Connection]
    line: Connection | None = None

    def ask(
        self,
        question: str,
        conversation: str | None,
        token: str,
        timeout: float,
        heard: Heard,
        begun: Callable[[str, str], None],
        ended: Callable[[], bool],
    ) -> None:
        """Ask a question and return at its end; `begun` gets the execution and its conversation, or "".

        The last frame may never come: after a silence `ended` says whether the execution has ended. The same `token`
        is the same question. Raises StreamLost, Throttled, InvalidRequest for a question that was refused.
        """
        message = {"action": "chat", "question": question, "client_token": token}
        if conversation is not None:
            message["conversation"] = conversation
        pieces, turn, sent, fresh = _Pieces(), "", False, self.line is None
        shown = (1, SEQ_OF[STARTED])
        until = time.monotonic() + timeout
        try:
            line = self._open()
            line.send(json.dumps(message))
            sent = True
            while (frame := _next(line, until, ended if turn else None)) is not None:
                kind, ours = frame["type"], frame.get("client_token") == token
                if frame["turn"] is None and frame.get("client_token", token) == token:
                    raise _refusal(frame["error"])
                if kind == "status" and frame["stage"] == STARTED and ours:
                    turn = str(frame["turn"])
                    begun(str(frame["execution"]), str(frame.get("conversation", "")))
                elif kind in ("final", "error") and fresh and not turn:  # it had ended before this connection
                    begun(str(frame["execution"]), str(frame.get("conversation", "")))
                    return
                if frame["turn"] is None or frame["turn"] != turn:
                    continue  # of a question that was interrupted
                if kind == "status":
                    place, stage = (frame["attempt"], frame["seq"]), str(frame["stage"])
                    if place > shown:  # frames can come in another order
                        shown = place
                        heard.stage(stage)
                elif kind == "delta":
                    heard.text(pieces.add(frame))
                else:
                    return
        except (OSError, ValueError, LookupError):
            self.close()
            raise StreamLost(sent=sent) from None
        finally:
            heard.text("")

    def _open(self) -> Connection:
        if self.line is None:
            ticket = self.connections.issue(self.caller)
            self.line = self.connect(f"{self.url}?ticket={ticket}")
        return self.line

    def close(self) -> None:
        """Close the connection; the next question makes a new one."""
        if self.line is not None:
            self.line.close()
            self.line = None


def _next(line: Connection, until: float, ended: Callable[[], bool] | None) -> dict[str, Any] | None:
    """The next frame; None after a silence in which the execution has ended. Raises TimeoutError."""
    while True:
        left = max(0.0, until - time.monotonic())
        try:
            frame: dict[str, Any] = json.loads(line.recv(timeout=min(SILENT_SECONDS, left)))
        except TimeoutError:
            if ended is None or left <= SILENT_SECONDS:
                raise
            if ended():
                return None
        else:
            return frame


def _refusal(error: Mapping[str, Any]) -> StepguardError:
    kind = Throttled if error["code"] in ("Throttled", "QuotaExceeded") else InvalidRequest
    return kind(str(error["message"]))


def open_stream(endpoint: str | None, table: str, caller: str, groups: tuple[str, ...], *, aws: bool) -> Stream | None:
    """A stream of the deployment; None where there is none. `endpoint` is that of the embedded AWS.

    On AWS the variable STREAM_ENDPOINT names it: the stack's StreamUrl.
    """
    address = os.environ.get(ENDPOINT, "").strip() if aws else f"{endpoint}/{STAGE}" if endpoint else ""
    if not address or not table or settings().streaming is Mode.OFF:
        return None
    parts = urlsplit(address)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    try:
        import websockets.exceptions
        from websockets.sync.client import connect as websocket
    except ImportError:
        return None

    def connect(url: str) -> Connection:
        try:
            made = websocket(url, open_timeout=OPEN_SECONDS, proxy=True if aws else None)
        except websockets.exceptions.WebSocketException as error:
            raise ConnectionError(type(error).__name__) from None
        return _Line(made, websockets.exceptions.ConnectionClosed)

    who = Caller(caller, frozenset(groups))
    return Stream(f"{scheme}://{parts.netloc}{parts.path}", Connections(Rows(table=table)), who, connect)


class _Line:
    """A connection whose end is an OSError, as elsewhere in Python."""

    def __init__(self, made: Any, closed: type[Exception]) -> None:
        self._made = made
        self._closed = closed

    def send(self, message: str) -> None:
        try:
            self._made.send(message)
        except self._closed:
            raise ConnectionError from None

    def recv(self, timeout: float) -> str | bytes:
        try:
            message: str | bytes = self._made.recv(timeout=timeout)
        except self._closed:
            raise ConnectionError from None
        return message

    def close(self) -> None:
        self._made.close()
