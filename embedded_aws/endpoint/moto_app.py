"""All other AWS services: moto's server application, in this process, loaded at the first request for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class MotoApp:
    """A WSGI application for the services that only moto emulates; their state is in memory."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._lock = threading.Lock()
        self._app: WsgiApp | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request; the first one takes some tenths of a second longer."""
        app = self._app
        if app is None:
            with self._lock:
                app = self._app = self._app or _load()
        # One account for all services, whatever access key a client has.
        return app({**environ, "HTTP_X_MOTO_ACCOUNT_ID": self._account_id}, start_response)


def _load() -> WsgiApp:
    from moto.backends import list_of_moto_modules
    from moto.core.config import default_user_config
    from moto.moto_server import werkzeug_app

    class Dispatcher(werkzeug_app.DomainDispatcherApplication):  # type: ignore[misc] # mypy does not follow moto
        """Finds a service's backend once; a service that moto lacks gets an error response, not a line on stdout."""

        def __init__(self) -> None:
            super().__init__(werkzeug_app.create_backend_app)
            self._backends: dict[str, Any] = {"moto_api": "moto_api"}
            self._modules = frozenset(list_of_moto_modules())

        def get_backend_for_host(self, host: str | None) -> Any:
            if host is None:
                return None
            if host not in self._backends:
                matches = (pattern.match(f"http://{host}") for _, pattern in self.backend_url_patterns)
                if host not in self._modules and not any(matches):
                    raise NotImplementedError
                self._backends[host] = super().get_backend_for_host(host)
            return self._backends[host]

    # Third-party web pages must not read responses, and moto must not start containers.
    werkzeug_app.DISABLE_GLOBAL_CORS = True
    default_user_config["lambda"]["use_docker"] = False
    default_user_config["batch"]["use_docker"] = False
    app: WsgiApp = Dispatcher()
    return app
