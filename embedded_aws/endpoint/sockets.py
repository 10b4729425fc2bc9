"""WebSockets of the application's API: the ASGI side of embedded_aws/apigateway/websocket_api.py.

A connection has one reader, which passes messages on one after the other, and one writer with a bounded queue: who
posts to a connection never waits for its client.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from embedded_aws.apigateway.websocket_api import IDLE_SECONDS, LONGEST_SECONDS, WebSocketGateway
from embedded_aws.endpoint.browser_guard import refusal
from embedded_aws.endpoint.threads import Threads
from embedded_aws.wire import HttpRequest, place_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WAITING_MESSAGES = 256
"""Messages that wait for a client to read them; more are refused."""

_log = logging.getLogger(__name__)
_CLOSE = object()


class Sockets:
    """Serves the WebSockets of one API. At most `most` are open at a time, so that other requests get through."""

    def __init__(self, gateway: WebSocketGateway | None, threads: Threads, listens_on: str, most: int) -> None:
        self._gateway = gateway
        self._threads = threads
        self._listens_on = listens_on
        self._most = most
        self._open = 0

    async def serve(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection, from its handshake to its end. It raises no exception."""
        await receive()  # websocket.connect
        headers = _headers(scope)
        request = HttpRequest("GET", scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii"), headers)
        gateway = self._gateway
        status = 503 if self._open >= self._most else 101
        if refusal("GET", headers, self._listens_on, page=False) is not None:
            status = 403
        if gateway is None or request.path.rstrip("/") != gateway.path or status != 101:
            await _reject(send, 403 if status == 101 else status)
            return
        self._open += 1
        try:
            await self._connect(gateway, request, scope, receive, send)
        finally:
            self._open -= 1

    async def _connect(
        self, gateway: WebSocketGateway, request: HttpRequest, scope: Message, receive: Receive, send: Send
    ) -> None:
        address = (scope["client"] or ("", 0))[0]
        connection = gateway.new_id()
        status = await self._threads.run(lambda: gateway.connect(connection, request, address))
        if status != 101:
            await _reject(send, status)
            return
        code, reason = 1006, ""
        try:
            await send({"type": "websocket.accept"})
            writer = _Writer(send)
            gateway.opened(connection, writer.push, writer.end, request, address)
            try:
                code, reason = await self._talk(gateway, connection, receive, writer)
            finally:
                await writer.stop()
        except Exception as error:  # noqa: BLE001 - the client has gone, or a fault of ours: the connection ends
            if not isinstance(error, OSError):
                _log.error("a WebSocket ended early: %s", place_of(error))
        finally:
            await self._threads.run(lambda: gateway.closed(connection, code, reason))

    async def _talk(
        self, gateway: WebSocketGateway, connection: str, receive: Receive, writer: _Writer
    ) -> tuple[int, str]:
        """Pass messages on until one side closes; its code and reason."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_SECONDS
        while True:
            left = min(end - loop.time(), writer.active + IDLE_SECONDS - loop.time())
            reading = asyncio.ensure_future(receive())
            done, _ = await asyncio.wait({reading, writer.task}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if reading not in done:
                reading.cancel()
                if writer.task not in done and min(end, writer.active + IDLE_SECONDS) > loop.time():
                    continue  # something was sent meanwhile
                await writer.close(1001 if end > loop.time() else 1000)
                return 1001, "Going away"
            message = reading.result()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005), str(message.get("reason") or "")
            writer.active = loop.time()
            text = message.get("text")
            if text is None:  # API Gateway passes binary messages on as text
                text = (message.get("bytes") or b"").decode(errors="replace")
            answer = await self._threads.run(lambda text=text: gateway.message(connection, text))  # type: ignore[misc]
            if answer is not None:
                writer.push(answer.encode())


class _Writer:
    """Sends what others post, in order."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Any] = asyncio.Queue()
        self.active = self._loop.time()
        self.task = asyncio.ensure_future(self._run())

    def push(self, data: bytes) -> bool:
        """Post a message, from any thread; False if too many wait."""
        if self._waiting.qsize() >= WAITING_MESSAGES or self.task.done():
            return False
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, data)
        return True

    def end(self) -> None:
        """Close the connection after what waits, from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, _CLOSE)

    async def close(self, code: int) -> None:
        """Close the connection now."""
        with contextlib.suppress(Exception):
            await self._send({"type": "websocket.close", "code": code})

    async def stop(self) -> None:
        """Send no more."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self.task

    async def _run(self) -> None:
        while (data := await self._waiting.get()) is not _CLOSE:
            await self._send({"type": "websocket.send", "text": data.decode(errors="replace")})
            self.active = self._loop.time()


async def _reject(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers
