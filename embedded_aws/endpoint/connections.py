"""The connections of the server: how many there may be, and how long each may be silent.

uvicorn's protocol class reads the requests. What it leaves open is bounded here: the bytes and the seconds of a
request's header, the seconds between two requests, and the number of connections. When there is no room for a new
connection, the one that has been silent for the longest time makes room; only when all of them wait for a response is
the new one refused. So silent connections, however many, never keep others out.
"""

from __future__ import annotations

import asyncio
import re
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

MOST_CONNECTIONS = 1000
HEADER_BYTES = 64 * 1024
_BUSY = float("inf")


def _most_connections() -> int:
    """Half of the files that the process may open are left to everything else in it."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, max(16, files // 2))


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections, and the seconds that a client may be silent: between two requests, from the first to the
    last byte of a header, between two parts of a body, and without reading a response."""

    connections: int = field(default_factory=_most_connections)
    idle: float = 120.0
    header: float = 20.0
    body: float = 20.0
    unread: float = 60.0


class Connections:
    """All connections of one server. Everything here runs in the loop's thread."""

    def __init__(self, config: Config, limits: Limits) -> None:
        self.limits = limits
        self.state = ServerState()
        self._config = config
        self._open: set[Connection] = set()

    def accept(self) -> Connection:
        """The protocol of a new connection."""
        connection = Connection(self)
        connection.inner = _Requests(self._config, self.state, {"connection": connection})
        return connection

    def add(self, connection: Connection) -> bool:
        """Make room for a connection; False if there is none."""
        if len(self._open) >= self.limits.connections:
            silent = min(self._open, key=lambda one: one.silent_since)
            if silent.silent_since == _BUSY:
                return False
            silent.abort()
            self._open.discard(silent)
        self._open.add(connection)
        return True

    def discard(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)

    def close_silent(self, now: float) -> None:
        """Close the connections that are silent for too long."""
        for connection in list(self._open):
            connection.check(now)

    async def close(self, seconds: float) -> None:
        """Close all connections; those that wait for a response, when they have it or after some seconds."""
        for connection in list(self._open):
            connection.finish()
        end = asyncio.get_running_loop().time() + seconds
        while self._open and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
        for connection in list(self._open):
            connection.abort()


class Connection(asyncio.Protocol):
    """One connection: passes bytes to uvicorn's protocol and keeps its times.

    uvicorn gets the connection as its transport, too. So it stays here when uvicorn changes the protocol for a
    WebSocket, and a response's header and body can leave in one write.
    """

    inner: asyncio.Protocol

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._limits = connections.limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._held: list[bytes] | None = None
        self._counts = True
        self._header_bytes = 0
        self._refused = False
        self.silent_since = self._loop.time()
        self.lost = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._connections.add(self):
            self._refused = True
            transport.abort()
            return
        # asyncio sets it only for sockets that name their protocol, which no accepted socket does on macOS.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.inner.connection_made(_Transport(self, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._connections.discard(self)
        if not self._refused:
            self.inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._counts:
            if self._header_bytes > HEADER_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")
                return
            if not self._header_bytes and self.silent_since != _BUSY:
                self.silent_since = self._loop.time()
            self._header_bytes += len(data)
            if b"h2c" in data:
                data = _without_offer(data)
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    # What the application calls.

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While a request whose header has arrived is answered: the connection is not silent."""
        self.silent_since = _BUSY
        self._header_bytes = 0
        self._counts = False
        try:
            yield
        finally:
            self.silent_since = self._loop.time()
            self._counts = True

    def received(self) -> None:
        """A request has arrived whole: what comes now is the header of the next one."""
        self._counts = True

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what is written meanwhile in one piece: two small writes cost a client two reads."""
        self._held = []
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Send what is held back."""
        held, self._held = self._held, None
        if held:
            self._transport.write(b"".join(held))

    def write(self, data: bytes) -> None:
        """Send, or hold back."""
        if self._held is None:
            self._transport.write(data)
        else:
            self._held.append(data)

    # What the server calls.

    def check(self, now: float) -> None:
        """Close the connection if the client is silent for too long."""
        seconds = self._limits.header if self._header_bytes else self._limits.idle
        if now - self.silent_since < seconds:
            return
        if self._header_bytes:
            self._refuse(b"408 Request Timeout")
        else:
            self._transport.close()

    def finish(self) -> None:
        """Close the connection when its response is sent, or now if no request has arrived."""
        if self.silent_since == _BUSY and isinstance(self.inner, HttpToolsProtocol | WebSocketsSansIOProtocol):
            self.inner.shutdown()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _refuse(self, status: bytes) -> None:
        if self.silent_since == _BUSY:  # it would pass for the response to the request before
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self._transport.close()


class _Requests(HttpToolsProtocol):
    """uvicorn's reader of requests, for every form that a target may have."""

    def on_headers_complete(self) -> None:
        scheme, separator, rest = self.url.partition(b"://")
        if separator and scheme.isalpha() and b"/" not in rest:
            self.url += b"/"  # absolute form without a path, which uvicorn cannot read
        if self.parser.should_upgrade() and not self._should_upgrade():
            raise ValueError("an upgrade to another protocol, after which uvicorn reads no body")
        super().on_headers_complete()


_OFFER = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)


def _without_offer(data: bytes) -> bytes:
    """A request without its offer of HTTP/2, which Java's client makes with its first one; it may be ignored."""
    header, end, body = data.partition(b"\r\n\r\n")
    return _OFFER.sub(b"", header + end[:2]) + end[2:] + body


class _Transport(asyncio.Transport):
    """A connection as uvicorn writes to it."""

    def __init__(self, connection: Connection, transport: asyncio.Transport) -> None:
        super().__init__()
        self._connection = connection
        self._transport = transport
        self.write = connection.write  # type: ignore[method-assign, assignment]
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]
        self.is_reading = transport.is_reading  # type: ignore[method-assign]
        self.abort = transport.abort  # type: ignore[method-assign]

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._connection.inner = protocol

    def close(self) -> None:
        self._connection.release()
        self._transport.close()
