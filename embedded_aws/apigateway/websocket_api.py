"""API Gateway's WebSocket API in front of one Lambda: routes, connections, and the management of connections.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
(the event), .../apigateway-execution-service-websocket-limits-table.html (32 KB a frame, 128 KB a message, 10 minutes
idle, 2 hours), .../apigateway-how-to-call-websocket-api-connections.html (@connections).
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from embedded_aws.apigateway.http_api import INTEGRATION_SECONDS, Invoker
from embedded_aws.wire import Account, HttpRequest, HttpResponse, ServiceError
from embedded_aws.wire.errors import write_error

FRAME_BYTES = 32 * 1024
MESSAGE_BYTES = 128 * 1024
IDLE_SECONDS = 600.0
LONGEST_SECONDS = 7200.0

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"

Push = Callable[[bytes], bool]
"""Hands a message to a connection's writer; False if too much is waiting for the client to read it."""


@dataclass(frozen=True, slots=True)
class WebSocketApi:
    """The application's WebSocket API: every route of `routes` invokes the Lambda `function`.

    The member `action` of a message, which is a JSON object, names its route.
    """

    function: str
    routes: tuple[str, ...]
    stage: str = "live"
    seconds: float = INTEGRATION_SECONDS


@dataclass(slots=True)
class _Open:
    """An open connection. `push` and `close` are its server's."""

    push: Push
    close: Callable[[], None]
    connected: float
    active: float
    source_ip: str
    user_agent: str


class WebSocketGateway:
    """Serves one WebSocket API. Thread-safe."""

    def __init__(self, api: WebSocketApi, functions: Invoker, account: Account) -> None:
        self._api = api
        self._functions = functions
        self._account = account
        self._lock = threading.Lock()
        self._connections: dict[str, _Open] = {}

    @property
    def path(self) -> str:
        """The path that clients connect to."""
        return f"/{self._api.stage}"

    def owns(self, path: str) -> bool:
        """Whether a path is this API's: where clients connect, or the management of connections."""
        return path.rstrip("/") == self.path or path.startswith(f"{self.path}/@connections/")

    @staticmethod
    def new_id() -> str:
        """The id of a new connection, in the form of API Gateway's."""
        return base64.b64encode(secrets.token_bytes(11)).decode()

    def connect(self, connection: str, request: HttpRequest, source_ip: str) -> int:
        """Ask the route $connect; the status of the handshake, 101 if it may connect."""
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(request.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        headers = {"-".join(part.capitalize() for part in name.split("-")): v for name, v in request.headers.items()}
        context = self._context(connection, CONNECT, source_ip, request.headers, time.time())
        event = {
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "requestContext": context,
            "isBase64Encoded": False,
        }
        if query:
            event["queryStringParameters"] = {name: values[-1] for name, values in query.items()}
            event["multiValueQueryStringParameters"] = query
        status = self._invoke(event)
        return 101 if 200 <= status < 300 else 500 if status >= 500 else status

    def opened(self, connection: str, push: Push, close: Callable[[], None], request: HttpRequest, ip: str) -> None:
        """The handshake is done: messages can be posted from now on."""
        now = time.time()
        agent = request.headers.get("user-agent", "")
        with self._lock:
            self._connections[connection] = _Open(push, close, now, now, ip, agent)

    def message(self, connection: str, text: str) -> str | None:
        """Pass a message to its route. The text that API Gateway sends back if the route fails, or None."""
        held = self._held(connection)
        if held is None:
            return None
        held.active = time.time()
        route = self._route_of(text)
        context = self._context(
            connection, route, held.source_ip, {"user-agent": held.user_agent}, held.connected, messageDirection="IN"
        )
        context |= {"eventType": "MESSAGE", "messageId": context["requestId"]}
        status = self._invoke({"requestContext": context, "body": text, "isBase64Encoded": False})
        if status < 500:
            return None
        failure = {"message": "Internal server error", "connectionId": connection, "requestId": context["requestId"]}
        return json.dumps(failure)

    def closed(self, connection: str, code: int, reason: str) -> None:
        """The connection has ended: nothing can be posted to it any more."""
        with self._lock:
            held = self._connections.pop(connection, None)
        if held is None:
            return
        context = self._context(
            connection, DISCONNECT, held.source_ip, {"user-agent": held.user_agent}, held.connected,
            disconnectStatusCode=code, disconnectReason=reason,
        )  # fmt: skip
        self._invoke({"requestContext": context | {"eventType": "DISCONNECT"}, "isBase64Encoded": False})

    def manage(self, request: HttpRequest) -> HttpResponse:
        """`@connections`: post to a connection, describe it, close it."""
        connection = unquote(request.path.partition("/@connections/")[2])
        held = self._held(connection)
        if held is None:
            return _refused("GoneException", "", 410)
        if request.method == "POST":
            if len(request.body) > MESSAGE_BYTES:
                return _refused("PayloadTooLargeException", "Message too long", 413)
            if not held.push(request.body):
                return _refused("LimitExceededException", "The client does not read its messages.", 429)
            held.active = time.time()
            return HttpResponse(200, {"x-amzn-RequestId": str(uuid4())}, b"")
        if request.method == "GET":
            body = {
                "connectedAt": _iso(held.connected),
                "identity": {"sourceIp": held.source_ip, "userAgent": held.user_agent},
                "lastActiveAt": _iso(held.active),
            }
            return HttpResponse(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
        if request.method == "DELETE":
            held.close()
            return HttpResponse(204, {}, b"")
        return _refused("ForbiddenException", "Forbidden", 403)

    def _held(self, connection: str) -> _Open | None:
        with self._lock:
            return self._connections.get(connection)

    def _route_of(self, text: str) -> str:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return DEFAULT
        action = document.get("action") if isinstance(document, Mapping) else None
        known = isinstance(action, str) and action in self._api.routes and not action.startswith("$")
        return str(action) if known else DEFAULT

    def _invoke(self, event: Mapping[str, Any]) -> int:
        """The status that the Lambda returns; 502 if it fails."""
        try:
            result = self._functions.invoke(
                self._api.function, json.dumps(event).encode("ascii"), timeout=self._api.seconds
            )
            if result.function_error:
                return 502
            return int(json.loads(result.payload)["statusCode"])
        except (ServiceError, TimeoutError, ValueError, KeyError, TypeError):
            return 502

    def _context(
        self,
        connection: str,
        route: str,
        source_ip: str,
        headers: Mapping[str, str],
        connected: float,
        **more: Any,
    ) -> dict[str, Any]:
        now = time.time()
        request_id = str(uuid4())
        return {
            "routeKey": route,
            "eventType": "CONNECT",
            "extendedRequestId": request_id,
            "requestTime": f"{datetime.fromtimestamp(now, UTC):%d/%b/%Y:%H:%M:%S +0000}",
            "messageDirection": "IN",
            "stage": self._api.stage,
            "connectedAt": int(connected * 1000),
            "requestTimeEpoch": int(now * 1000),
            "identity": {"sourceIp": source_ip, "userAgent": headers.get("user-agent")},
            "requestId": request_id,
            "domainName": headers.get("host", ""),
            "connectionId": connection,
            "apiId": "embedded",
            **more,
        }


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refused(code: str, message: str, status: int) -> HttpResponse:
    return write_error(ServiceError(code, message, status), "rest-json")
