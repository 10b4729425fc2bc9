"""Streaming to the caller: `POST /stream`, and the routes of the WebSocket API.

`POST /stream` gives a ticket, which opens one connection within a minute. A message `{"action": "chat", "question"}` on
the connection starts the same execution as `POST /chat`, and its frames (stepguard/guard/streaming.py) come back on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from functions.chat_api import ChatApi
from functions.routes import Reply, check_token, guarded, read_body, started
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.environment import settings as environment
from stepguard.aws.environment import with_texts_of_now
from stepguard.aws.stream.connections import ENDPOINT, Connections, Delivery, post
from stepguard.aws.telemetry import observed_route
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import Settings
from stepguard.guard.stream.frames import STARTED, TICKET_SECONDS, last_frame, refusal_frame, status_frame
from stepguard.guard.stream.listeners import Mode

if TYPE_CHECKING:
    from functions.routes import Work

ORIGINS = "STREAM_ORIGINS"
"""The origins of web pages that may connect, separated by commas; clients that are no browsers send none."""

_MEMBERS = frozenset({"action", "question", "conversation", "client_token"})
_EXAMPLE = '{"action": "chat", "question": "..."}'
_NOBODY = Caller("unknown")


class StreamApi:
    """The route of tickets, and those of the WebSocket API, on the chat's executions."""

    def __init__(
        self,
        chat: ChatApi,
        quota: CallerQuota,
        connections: Connections | None = None,
        settings: Callable[[], Settings] = environment,
        send: Callable[[str, bytes], Delivery] = post,
    ) -> None:
        self._chat = chat
        self._quota = quota
        self._connections = connections or Connections()
        self._settings = settings
        self._send = send

    def ticket(self, body: bytes, caller: Caller, host: str = "") -> Reply:
        """`{url, ticket, expires_in}`: connect to `url?ticket=…` within `expires_in` seconds.

        `host` is the request's: an endpoint without TLS is on this machine, under the name that the caller knows.
        """

        def reply() -> Reply:
            read_body(body or b"{}", "{}", frozenset())
            endpoint = os.environ.get(ENDPOINT, "")
            streaming = with_texts_of_now(self._settings()).streaming
            if streaming is Mode.OFF or not endpoint or not self._connections.deployed:
                raise InvalidRequest(
                    "This deployment does not stream: deploy it with Streaming=yes, and LLM_STREAMING_ENABLED "
                    "not off; or use POST /chat."
                )
            self._quota.take_ticket(caller.id)
            ticket = self._connections.issue(caller)
            return 200, {"url": _url(endpoint, host), "ticket": ticket, "expires_in": TICKET_SECONDS}, {}

        return guarded(reply)

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """One event of the WebSocket API. Nothing of it is sent back as a response: frames are posted."""
        context = event["requestContext"]
        connection, route = str(context["connectionId"]), str(context["routeKey"])
        caller = _NOBODY
        if route == "$connect":
            return self._observed(route, caller, lambda: self._connect(event, connection))
        if route == "$disconnect":
            return self._observed(route, caller, lambda: guarded(lambda: self._disconnect(connection)))
        found: list[Caller] = []
        held = guarded(lambda: self._whose(connection, found))
        if not found:
            self._send(connection, _refusal(held, None))
            return self._observed(route, caller, lambda: held)
        caller = found[0]
        return self._observed(route, caller, lambda: self._message(event, connection, caller))

    def _observed(self, route: str, caller: Caller, answer: Callable[[], Reply]) -> dict[str, Any]:
        status, _, _ = observed_route(f"WebSocket {route}", caller.id, answer)
        return {"statusCode": status if route == "$connect" else 200}

    def _connect(self, event: Mapping[str, Any], connection: str) -> Reply:
        """200 for a ticket that was not used, from an origin that may connect; 403 for everything else."""
        refused: Reply = (
            403,
            {"error": {"code": "Forbidden", "message": "The ticket or the origin is not valid."}},
            {},
        )
        headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
        if not _is_allowed(headers.get("origin"), str(event["requestContext"].get("domainName", ""))):
            return refused
        ticket = (event.get("queryStringParameters") or {}).get("ticket")
        if not isinstance(ticket, str) or not ticket:
            return refused

        def opened() -> Reply:
            return refused if self._connections.open(ticket, connection) is None else (200, {}, {})

        return guarded(opened)

    def _disconnect(self, connection: str) -> Reply:
        self._connections.close(connection)
        return 200, {}, {}

    def _whose(self, connection: str, found: list[Caller]) -> Reply:
        caller = self._connections.caller(connection)
        if caller is None:
            raise InvalidRequest("This connection has expired: get a new ticket and connect again.")
        found.append(caller)
        return 200, {}, {}

    def _message(self, event: Mapping[str, Any], connection: str, caller: Caller) -> Reply:
        token: list[str] = []

        def prepare() -> Work:
            try:
                message = _parse(event)
                token.extend(filter(None, [message.get("client_token")]))
                return self._chat.ask(message, caller, listener=connection)
            except InvalidRequest:
                self._quota.take(caller.id)  # every message counts
                raise

        reply = started(prepare, caller, self._quota)
        self._send(connection, _frame_of(reply, next(iter(token), None)))
        return reply


@cache
def _api() -> StreamApi:
    return StreamApi(ChatApi(), CallerQuota())


def stream(event: Mapping[str, Any], api: StreamApi | None = None) -> dict[str, Any]:
    """The Lambda of the WebSocket API."""
    return (api or _api()).handle(event)


def _frame_of(reply: Reply, token: str | None) -> bytes:
    """What the caller hears of a message at once: the execution runs, has already ended, or did not start."""
    status, body, _ = reply
    if "execution" not in body:
        return _refusal(reply, token)
    turn = str(body["execution"]).rpartition(":")[2]
    if status != 202:
        return last_frame(turn, body, answered=status == 200)
    more: dict[str, Any] = {name: body[name] for name in ("execution", "conversation") if name in body}
    if token is not None:
        more["client_token"] = token
    return status_frame(turn, STARTED, more=more)


def _refusal(reply: Reply, token: str | None) -> bytes:
    error = reply[1]["error"]
    return refusal_frame(error["code"], error["message"], token)


def _parse(event: Mapping[str, Any]) -> dict[str, Any]:
    """The message of an event. Raises InvalidRequest."""
    if event.get("isBase64Encoded"):
        raise InvalidRequest(f"A message must be text: {_EXAMPLE}.")
    message = read_body(str(event.get("body") or "").encode(errors="replace"), _EXAMPLE, _MEMBERS)
    if message.get("action") != "chat":
        raise InvalidRequest(f"'action' must be \"chat\": {_EXAMPLE}.")
    check_token(message)
    return {name: value for name, value in message.items() if name != "action"}


def _is_allowed(origin: str | None, host: str) -> bool:
    """Whether a client with this Origin may connect: no page, a page of the same host, or a page of STREAM_ORIGINS."""
    if origin is None:
        return True
    if host and urlsplit(origin).netloc.lower() == host.lower():
        return True
    allowed = [entry.strip().rstrip("/").lower() for entry in os.environ.get(ORIGINS, "").split(",")]
    return origin.lower() in filter(None, allowed)


def _url(endpoint: str, host: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme == "https":
        return f"wss://{parts.netloc}{parts.path}"
    return f"ws://{host or parts.netloc}{parts.path}"
