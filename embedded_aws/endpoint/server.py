"""The HTTP server: waitress, on loopback by default; it sends each response in one write."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from embedded_aws.apigateway.http_api import Gateway, HttpApi, Invoker
from embedded_aws.endpoint.moto_app import MotoApp
from embedded_aws.endpoint.router import Router, Service
from embedded_aws.endpoint.site import Site
from embedded_aws.wire import Account

DEFAULT_PORT = 4566
SECONDS_TO_FINISH = 1.0


class Endpoint:
    """One address for all services.

    `site` has web pages; `services` maps a signing name to the services that share it (`bedrock` to bedrock and
    bedrock-runtime); `http_api` is served by `functions`, the embedded Lambda; port 0 takes any free one; `moto_api`
    serves moto's control interface, too. Requests that wait (a chat, a synchronous execution) each hold one of
    `threads` threads.
    """

    def __init__(
        self,
        services: Mapping[str, Sequence[Service]],
        http_api: HttpApi | None = None,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        threads: int = 64,
        *,
        functions: Invoker | None = None,
        account: Account | None = None,
        site: Site | None = None,
        moto_api: bool = False,
    ) -> None:
        if http_api is not None and functions is None:
            raise ValueError("An HTTP API needs the functions that it invokes: pass functions=.")
        account = account or Account()
        gateway = Gateway(http_api, functions, account) if http_api is not None and functions is not None else None
        self.host = host
        self.port = port
        self._threads = threads
        self._router = Router(services, gateway, MotoApp(account.account_id, own_pages=moto_api), host, site)
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint URL for clients. With port 0 it is known only after the start."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> str:
        """Listen, serve in a background thread, and return the URL. Raises OSError if the address is taken."""
        self._listen()
        self._thread = threading.Thread(target=self._run, daemon=True, name="endpoint")
        self._thread.start()
        return self.url

    def stop(self) -> None:
        """Accept no more requests, wait a second for running ones, close all connections."""
        server, self._server = self._server, None
        if server is None:
            return
        # The loop thread owns the sockets. Its trigger must outlive the request threads, which pull it when they end.
        server.trigger.pull_trigger(lambda: _close_listener(server))
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=SECONDS_TO_FINISH)
        with suppress(OSError):  # the loop had nothing left to watch, so it has ended and closed its trigger already
            server.trigger.pull_trigger(lambda: _close(server))
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None

    def _listen(self) -> None:
        from waitress import create_server
        from waitress.channel import HTTPChannel
        from waitress.task import WSGITask

        class OneWriteTask(WSGITask):  # type: ignore[misc] # waitress has no types
            channel: Any
            """Writes header and body together, and header names as the application spells them.

            Two small writes cost a client two reads; S3 clients take metadata's names from the header's spelling.
            """

            def build_response_header(self) -> bytes:
                spelled = {_capitalized(name): name for name, _ in self.response_headers}
                first, *lines = super().build_response_header().decode("latin-1").split("\r\n")
                named = (line.partition(":") for line in lines)
                again = [spelled.get(name, name) + colon + value for name, colon, value in named]
                return "\r\n".join([first, *again]).encode("latin-1")

            def write(self, data: bytes) -> None:
                if self.wrote_header:
                    super().write(data)
                    return
                channel = self.channel
                collector = self.channel = _Collector(channel)
                try:
                    super().write(data)
                finally:
                    self.channel = channel
                channel.write_soon(b"".join(collector.pieces))

        class Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
            task_class = OneWriteTask

            def send_continue(self) -> None:
                # S3 clients send `Expect: 100-continue` with empty objects, too: such a request is complete with its
                # header, and waitress would forget that it is and wait for a body for ever.
                request = self.request
                whole = request.completed
                super().send_continue()
                request.completed = whole

        # By default waitress prints a warning about each queued request.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            listener = socket.create_server((self.host, self.port), family=family, backlog=1024)
        except OSError as error:
            reason = error.strerror
            if error.errno == errno.EADDRINUSE:
                reason = "it is already in use by another program. Choose another port; 0 takes a free one"
            raise OSError(error.errno, f"Cannot listen on {self.host} port {self.port}: {reason}") from None
        self.port = listener.getsockname()[1]
        # waitress sets TCP_NODELAY by default; the Server header is omitted.
        self._server = create_server(
            self._router, sockets=[listener], threads=self._threads, ident=None, connection_limit=1000,
            asyncore_use_poll=True,
        )  # fmt: skip
        self._server.channel_class = Channel
        # No warning about requests that are still queued at the end: after Ctrl-C only the command's output is printed.
        self._server.task_dispatcher.logger = logging.getLogger("waitress.queue")

    def _run(self) -> None:
        server = self._server
        server.run()  # ends when nothing is left to watch
        self._server = None
        _close(server)


class _Collector:
    """A replacement for a channel that keeps the written bytes."""

    def __init__(self, channel: Any) -> None:
        self.server = channel.server
        self.adj = channel.adj
        self.pieces: list[bytes] = []

    def write_soon(self, data: bytes) -> int:
        self.pieces.append(data)
        return len(data)


def _capitalized(name: str) -> str:
    """A header's name as waitress writes it."""
    return "-".join(part.capitalize() for part in name.split("-"))


def _close_listener(server: Any) -> None:
    from waitress import wasyncore

    wasyncore.dispatcher.close(server)
    for channel in list(server.active_channels.values()):
        if not channel.requests:
            channel.handle_close()


def _close(server: Any) -> None:
    # A request that still runs would write to a descriptor that may since belong to another file.
    server.trigger.pull_trigger = lambda thunk=None: None
    for channel in list(server.active_channels.values()):
        channel.handle_close()
    if server.socket is None:
        server.trigger.close()  # the listener is closed already
    else:
        server.close()
