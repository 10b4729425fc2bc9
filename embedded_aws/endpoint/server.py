"""The HTTP server: uvicorn's protocol in a loop of its own thread, on loopback by default."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import formatdate

from uvicorn.config import Config

from embedded_aws.apigateway.http_api import Gateway, HttpApi, Invoker
from embedded_aws.apigateway.websocket_api import FRAME_BYTES, MESSAGE_BYTES, WebSocketApi, WebSocketGateway
from embedded_aws.endpoint.connections import Connections, Limits
from embedded_aws.endpoint.exchange import Exchange
from embedded_aws.endpoint.moto_app import MotoApp
from embedded_aws.endpoint.router import Router, Service
from embedded_aws.endpoint.site import Site
from embedded_aws.endpoint.sockets import Sockets
from embedded_aws.endpoint.threads import Threads
from embedded_aws.wire import Account

DEFAULT_PORT = 4566
SECONDS_TO_FINISH = 1.0
BACKLOG = 1024


class Endpoint:
    """One address for all services.

    `site` has web pages; `services` maps a signing name to the services that share it (`bedrock` to bedrock and
    bedrock-runtime); `http_api` and `websocket_api` are served by `functions`, the embedded Lambda; port 0 takes any
    free one; `moto_api` serves moto's control interface, too. Requests that wait (a chat, a synchronous execution) each
    hold one of `threads` threads; connections that wait hold none, and `limits` bounds them.
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
        limits: Limits | None = None,
        websocket_api: WebSocketApi | None = None,
    ) -> None:
        if (http_api is not None or websocket_api is not None) and functions is None:
            raise ValueError("An API needs the functions that it invokes: pass functions=.")
        account = account or Account()
        gateway = Gateway(http_api, functions, account) if http_api is not None and functions is not None else None
        messages = None
        if websocket_api is not None and functions is not None:
            messages = WebSocketGateway(websocket_api, functions, account)
        self.host = host
        self.port = port
        self._limits = limits or Limits()
        self._threads = Threads(threads)
        moto = MotoApp(account.account_id, own_pages=moto_api)
        self._router = Router(services, gateway, moto, host, site, messages)
        self._sockets = Sockets(messages, self._threads, host, self._limits.connections // 2)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint URL for clients. With port 0 it is known only after the start."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> str:
        """Listen, serve in a background thread, and return the URL. Raises OSError if the address is taken."""
        listener = self._listen()
        self._stopped.clear()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop, listener), daemon=True, name="endpoint")
        self._thread.start()
        return self.url

    def stop(self) -> None:
        """Accept no more requests, wait a second for running ones, close all connections."""
        thread, self._thread = self._thread, None
        loop, self._loop = self._loop, None
        if thread is None or loop is None:
            return
        with suppress(RuntimeError):  # the loop has ended by a fault, which its thread has printed
            loop.call_soon_threadsafe(self._stopped.set)
        if thread is not threading.current_thread():
            thread.join()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            listener = socket.create_server((self.host, self.port), family=family, backlog=BACKLOG)
        except OSError as error:
            reason = error.strerror
            if error.errno == errno.EADDRINUSE:
                reason = "it is already in use by another program. Choose another port; 0 takes a free one"
            raise OSError(error.errno, f"Cannot listen on {self.host} port {self.port}: {reason}") from None
        self.port = listener.getsockname()[1]
        return listener

    def _run(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        with listener, asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        """Serve until the endpoint is stopped. uvicorn's own server would need a third of a second to stop."""
        # uvicorn's messages are about requests; the exchange logs what is a fault of ours.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        exchange = Exchange(self._router, self._threads, self._limits, self._sockets)
        config = Config(
            exchange, ws="websockets-sansio", ws_per_message_deflate=False, ws_ping_interval=None, lifespan="off",
            ws_max_size=(MESSAGE_BYTES, FRAME_BYTES),  # type: ignore[arg-type]  # websockets takes both
            log_config=None, access_log=False, proxy_headers=False, interface="asgi3",
            timeout_keep_alive=math.ceil(self._limits.idle),
        )  # fmt: skip
        connections = Connections(config, self._limits)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(connections.accept, sock=listener, backlog=BACKLOG)
        while not self._stopped.is_set():
            connections.state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            connections.close_silent(loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), 1)
        server.close()
        await connections.close(SECONDS_TO_FINISH)
        self._threads.close()
