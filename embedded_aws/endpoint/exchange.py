"""One request and its response: the ASGI application of the endpoint around the router, which waits in threads.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import http
import io
import logging
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from embedded_aws.endpoint.connections import Connection, Limits
from embedded_aws.endpoint.router import Answer, Router
from embedded_aws.endpoint.sockets import Sockets
from embedded_aws.endpoint.threads import Threads
from embedded_aws.wire import place_of

_log = logging.getLogger(__name__)

LARGEST_BODY = 1024**3
"""For objects of moto's S3; every embedded service accepts less."""
_IN_MEMORY = 1024**2

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Exchange:
    """The ASGI application. It raises no exception, and the log contains no text of a request."""

    def __init__(self, router: Router, threads: Threads, limits: Limits, sockets: Sockets) -> None:
        self._router = router
        self._sockets = sockets
        self._threads = threads
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or serve one WebSocket."""
        connection: Connection = scope["state"]["connection"]
        with connection.busy():
            if scope["type"] == "websocket":
                await self._sockets.serve(scope, receive, send)
                return
            try:
                body = await self._body(receive)
            except TimeoutError:
                await _refuse(connection, send, 408)
                return
            except _TooLargeError:
                await _refuse(connection, send, 413)
                return
            if body is None:  # the client has gone
                return
            connection.received()
            with body:
                environ = _environ(scope, body)
                answer = await self._threads.run(lambda: self._router.answer(environ))
                await self._send(connection, scope["method"], answer, send)

    async def _body(self, receive: Receive) -> IO[bytes] | None:
        """The whole body, in a file if it is large. Raises TimeoutError if the client stops sending."""
        body: IO[bytes] = io.BytesIO()
        try:
            async with asyncio.timeout(self._limits.body) as patience:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        body.close()
                        return None
                    body = _grown(body, message.get("body", b""))
                    if not message.get("more_body", False):
                        body.seek(0)
                        return body
                    patience.reschedule(asyncio.get_running_loop().time() + self._limits.body)
        except BaseException:
            body.close()
            raise

    async def _send(self, connection: Connection, method: str, answer: Answer, send: Send) -> None:
        response, headers = answer
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        if response.pieces is None or method == "HEAD":
            body = b"" if method == "HEAD" else response.body
            with connection.together():
                await send(start)
                await send({"type": "http.response.body", "body": body})
            return
        loop = asyncio.get_running_loop()
        pieces = iter(response.pieces)

        async def pass_on(piece: bytes) -> None:
            async with asyncio.timeout(self._limits.unread):
                await send({"type": "http.response.body", "body": piece, "more_body": True})

        def pump() -> None:
            try:
                for piece in pieces:
                    if connection.lost:
                        return
                    asyncio.run_coroutine_threadsafe(pass_on(piece), loop).result()
            finally:
                close = getattr(pieces, "close", None)
                if close is not None:
                    close()

        await send(start)
        try:
            await self._threads.run(pump)
        except Exception as error:  # noqa: BLE001 - the response has begun: only its missing end can say so
            if not isinstance(error, TimeoutError):
                _log.error("a response ended early: %s", place_of(error))
            connection.abort()
            return
        await send({"type": "http.response.body", "body": b""})


def _grown(body: IO[bytes], data: bytes) -> IO[bytes]:
    size = body.tell() + len(data)
    if size > LARGEST_BODY:
        raise _TooLargeError
    if size > _IN_MEMORY and isinstance(body, io.BytesIO):
        file = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
        file.write(body.getbuffer())
        body = file
    body.write(data)
    return body


class _TooLargeError(Exception):
    """The body is larger than anything here accepts."""


async def _refuse(connection: Connection, send: Send, status: int) -> None:
    """Answer before the body has arrived, and close the connection."""
    text = http.HTTPStatus(status).phrase.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text)), (b"connection", b"close")]
    with connection.together():
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def _environ(scope: Message, body: IO[bytes]) -> dict[str, Any]:
    """The request in the form of WSGI, which moto reads (https://peps.python.org/pep-3333/)."""
    raw: str = scope["raw_path"].decode("ascii")
    raw = raw if raw.startswith("/") else "/"  # OPTIONS *
    query: str = scope["query_string"].decode("ascii")
    path = unquote_to_bytes(raw).decode("latin-1") if "%" in raw else raw
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": f"/{path.lstrip('/')}",
        "QUERY_STRING": query,
        "REQUEST_URI": f"{raw}?{query}" if query else raw,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    chunked = False
    for name, value in scope["headers"]:
        if b"_" in name:  # it would pass for a header with hyphens
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "TRANSFER_ENCODING":
            chunked = True
            continue
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]}, {text}" if key in environ else text
    if chunked:
        environ["CONTENT_LENGTH"] = str(body.seek(0, io.SEEK_END))
        body.seek(0)
    return environ
