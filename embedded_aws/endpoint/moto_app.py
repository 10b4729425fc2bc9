"""All other AWS services: moto's server application, in this process, loaded at the first request for it.

An answer is moto's, or a refusal with the operation's name in the client's protocol. What moto does not have, answers
with an HTML page, invents (pretended.py) or fails at is refused with 501, never an empty success.
"""

from __future__ import annotations

import inspect
import io
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import cache
from typing import Any

from embedded_aws.endpoint.operations import FORM, Operation, read_operation
from embedded_aws.endpoint.pretended import is_pretended
from embedded_aws.wire import HttpRequest, HttpResponse, place_of
from embedded_aws.wire.caller import Caller

_log = logging.getLogger(__name__)

_OWN_PAGES = ("/moto-api", "/latest/meta-data", "/latest/api", "/favicon.ico")
"""Pages of moto itself: its control interface and an imitation of EC2's instance metadata."""

_OURS = frozenset({"appconfig", "awslambda", "stepfunctions", "bedrock", "bedrockruntime", "sagemakerruntime"})
"""moto's modules for services that are emulated here; moto must not answer what these refuse."""

_GIVE_ANY_CONTENT = frozenset({"moto_api", "apigateway", "mediastoredata"})
"""moto's modules whose answers may be pages, as may S3's objects and empty errors: deployed APIs, its own pages."""

_OTHER_METHOD_NAMES = frozenset({"batch", "elb", "elbv2", "es", "polly", "s3", "workspacesweb", "xray"})
"""moto's modules whose methods do not have the operations' names."""

_IN_TURN = frozenset({"dynamodb"})
"""moto's modules whose requests run one at a time: its conditional writes and transactions are not atomic."""


class MotoApp:
    """The services that only moto emulates; their state is in memory."""

    def __init__(self, account_id: str, *, own_pages: bool = False) -> None:
        """`own_pages` serves moto's control interface, which is under /moto-api/."""
        self._account_id = account_id
        self._own_pages = own_pages
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._dispatcher: Any = None

    def owns(self, environ: Mapping[str, Any]) -> bool:
        """Whether an unsigned request is for a page of moto itself, and they are on."""
        return self._own_pages and _is_own_page(environ)

    def handle(self, environ: dict[str, Any], request: HttpRequest, caller: Caller) -> HttpResponse:
        """Answer one request; the first one takes some tenths of a second longer."""
        if _is_own_page(environ):
            if not self._own_pages:
                message = "moto's own pages are off; to use them, start the server with --moto-api."
                return Operation("", "", "rest-json").refuse("AccessDeniedException", message, 403)
            return self._run(environ, Operation("", "", "rest-json"))
        if request.headers.get("content-type", "").startswith(FORM):
            body = environ["wsgi.input"].read()
            environ["wsgi.input"] = io.BytesIO(body)
            request = HttpRequest(request.method, request.path, request.query, request.headers, body)
        operation = read_operation(request, caller)
        if is_pretended(operation.service, operation.name):
            message = f"The embedded AWS does not implement {operation.label}: it would have to invent the answer."
            return operation.refuse("NotImplemented", message, 501)
        return self._run(environ, operation)

    def _run(self, environ: dict[str, Any], operation: Operation) -> HttpResponse:
        # One account for all services, whatever access key a client has.
        environ = {**environ, "HTTP_X_MOTO_ACCOUNT_ID": self._account_id}
        missing = f"The embedded AWS does not implement {operation.label}."
        try:
            app = self._loaded().get_application(environ)
            # moto's S3 takes the requests of every service whose name begins with s3.
            foreign = app.service == "s3" and operation.service not in ("", "s3")
            if foreign or (operation.known and not _has(app.service, operation.name)):
                return operation.refuse("NotImplemented", missing, 501)
            with self._turn if app.service in _IN_TURN else nullcontext():
                response = _call(app, environ)
        except NotImplementedError:
            return operation.refuse("NotImplemented", missing, 501)
        except Exception as error:  # noqa: BLE001 - moto's gaps raise every kind of error
            _log.error("moto failed at %s: %s", operation.label, place_of(error))
            kind = type(error).__name__
            message = f"The embedded AWS cannot answer {operation.label} with these arguments: moto raised {kind}."
            return operation.refuse("NotImplemented", message, 501)
        any_content = app.service == "s3" or (response.status < 400 and app.service in _GIVE_ANY_CONTENT)
        if _is_page(response) and not any_content:
            return operation.refuse("NotImplemented", missing, 501)
        return response

    def _loaded(self) -> Any:
        dispatcher = self._dispatcher
        if dispatcher is None:
            with self._lock:
                dispatcher = self._dispatcher = self._dispatcher or _load()
        return dispatcher


def _is_own_page(environ: Mapping[str, Any]) -> bool:
    path: str = environ["PATH_INFO"]
    return path.startswith(_OWN_PAGES)


def _call(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> HttpResponse:
    """A WSGI application's response, whole."""
    began: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
        began.append((status, headers))
        return lambda _data: None

    answer = app(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    status, headers = began[-1]
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    length = joined.pop("Content-Length", None)
    whole = int(length) if length is not None and not body else None  # the answer to HEAD
    return HttpResponse(int(status.split()[0]), joined, body, length=whole)


def _is_page(response: HttpResponse) -> bool:
    """Whether the response is a web page: an error page of werkzeug's, or an error without a document of AWS's."""
    start = response.body[:64].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return True
    # Flask labels what has no type as HTML.
    html = response.headers.get("Content-Type", "").startswith("text/html")
    return html and response.status >= 400 and not start.startswith((b"{", b"<?xml", b"<error"))


@cache
def _has(module: str, operation: str) -> bool:
    """Whether one of moto's modules has an operation; True if its methods do not say so."""
    if module in _OTHER_METHOD_NAMES:
        return True
    from moto.core.utils import camelcase_to_underscores

    return camelcase_to_underscores(operation) in _methods(module)


@cache
def _methods(module: str) -> frozenset[str]:
    """The names of the methods that answer a module's requests."""
    from moto.backends import get_backend
    from moto.core.base_backend import BackendDict
    from moto.core.responses import method_names_from_class

    accounts: Any = get_backend(module)
    # As moto's own server finds a module's addresses; the account and the region are irrelevant.
    regions: Mapping[str, Any] = accounts["000000000000"] if isinstance(accounts, BackendDict) else accounts
    backend = next(regions[name] for name in ("us-east-1", "aws", "global") if name in regions)
    names: set[str] = set()
    for handler in backend.flask_paths.values():
        owner = getattr(handler, "__self__", None)
        if owner is not None:
            names |= set(method_names_from_class(owner if inspect.isclass(owner) else type(owner)))
        names.add(handler.__name__)
    return frozenset(names)


def _load() -> Any:
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
            if self._backends[host] in _OURS:
                raise NotImplementedError
            return self._backends[host]

    # Third-party web pages must not read responses, and moto must not start containers.
    werkzeug_app.DISABLE_GLOBAL_CORS = True
    default_user_config["lambda"]["use_docker"] = False
    default_user_config["batch"]["use_docker"] = False
    return Dispatcher()
