"""Reads a request, routes it to a service, and gives the response with all its headers.

The rules apply in this order. A request from a web page of another origin is refused. An unsigned request for a page
of the site gets the page. A request with a path of the application's HTTP API that is not signed for another service
goes to that API. The embedded services get requests by the signing name in the credential scope (`states`, `bedrock`,
`sagemaker`, `lambda`) and then by operation. All other AWS requests go to moto. Anything else gets a short help text.
As on AWS, requests to the embedded services must be signed or carry a token; the signature is not verified.
"""

from __future__ import annotations

import http
import io
import json
import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from embedded_aws.apigateway.http_api import Gateway
from embedded_aws.apigateway.websocket_api import WebSocketGateway
from embedded_aws.endpoint.browser_guard import refusal, sandboxed
from embedded_aws.endpoint.moto_app import MotoApp
from embedded_aws.endpoint.operations import read_operation
from embedded_aws.endpoint.site import Site
from embedded_aws.wire import HttpRequest, HttpResponse, ServiceError
from embedded_aws.wire.caller import Caller, read_caller
from embedded_aws.wire.errors import write_error

_log = logging.getLogger(__name__)
# More than any embedded service accepts (Bedrock: 25 MB); for moto's services only the server's limit applies.
BODY_LIMIT = 32 * 1024 * 1024


Answer = tuple[HttpResponse, list[tuple[bytes, bytes]]]
"""A response, and its headers as they are sent."""


class Service(Protocol):
    """An embedded service as the router uses it."""

    def owns(self, request: HttpRequest) -> bool:
        """Whether the request is for this service."""

    def handle(self, request: HttpRequest) -> HttpResponse | None:
        """The response; a failure is a response, too. None if only the body shows that the request is moto's."""


class Router:
    """The rules of the endpoint."""

    def __init__(
        self,
        services: Mapping[str, Sequence[Service]],
        gateway: Gateway | None,
        other_services: MotoApp,
        listens_on: str,
        site: Site | None = None,
        messages: WebSocketGateway | None = None,
    ) -> None:
        self._site = site
        self._messages = messages
        self._services = services
        self._gateway = gateway
        self._other_services = other_services
        self._listens_on = listens_on

    def answer(self, environ: dict[str, Any]) -> Answer:
        """Answer one request in the form of WSGI. It raises no exception, and the log has no text of a request."""
        try:
            response, page = self._respond(environ)
            return response, _headers_of(response, page=page)
        except Exception as error:  # noqa: BLE001 - the last line of defence
            _log_failure(error)
            response = _error("InternalFailure", "The embedded AWS failed; see its log.", 500)
            return response, _headers_of(response, page=False)

    def _respond(self, environ: dict[str, Any]) -> tuple[HttpResponse, bool]:
        """The response, and whether it is a page of the site."""
        headers = _headers(environ)
        path, query = _target(environ)
        bare = HttpRequest(environ["REQUEST_METHOD"], path, query, headers)
        page = self._site is not None and self._site.owns(bare)
        reason = refusal(bare.method, headers, self._listens_on, page=page)
        if reason is not None:
            return _error("AccessDeniedException", reason, 403), False
        try:
            caller = read_caller(headers, query)
        except ServiceError as error:
            return read_operation(bare, Caller()).refuse(error.code, error.message, error.status), False
        if self._site is not None and page and not caller.service:
            request = _request(environ, path, query, headers)
            return _too_large() if request is None else self._site.handle(request), True
        return self._serve(environ, bare, caller), False

    def _serve(self, environ: dict[str, Any], bare: HttpRequest, caller: Caller) -> HttpResponse:
        """The response of the HTTP API or of a service."""
        if self._messages is not None and self._messages.owns(bare.path) and caller.service in ("", "execute-api"):
            return self._manage(self._messages, environ, bare, caller)
        if self._gateway is not None and self._is_for_api(self._gateway, bare, caller):
            request = _request(environ, bare.path, bare.query, bare.headers)
            return _too_large() if request is None else self._gateway.handle(request, caller, environ["REMOTE_ADDR"])
        service = self._service(bare, caller)
        if service is None and not (_is_aws(bare.headers, caller) or self._other_services.owns(environ)):
            return self._help(bare.path)
        if caller.other or (service is not None and not caller.service and not caller.bearer):
            message = "Missing Authentication Token"
            return read_operation(bare, caller).refuse("MissingAuthenticationTokenException", message, 403)
        if service is None:
            return self._other_services.handle(environ, bare, caller)
        request = _request(environ, bare.path, bare.query, bare.headers)
        if request is None:
            return _too_large()
        response = service.handle(request)
        if response is None:
            environ["wsgi.input"] = io.BytesIO(request.body)  # moto reads the body again
            return self._other_services.handle(environ, bare, caller)
        return response

    def _manage(
        self, messages: WebSocketGateway, environ: dict[str, Any], bare: HttpRequest, caller: Caller
    ) -> HttpResponse:
        """The management of the WebSocket API's connections, which needs a signature."""
        if not caller.service or bare.path.rstrip("/") == messages.path:
            return _error("ForbiddenException", "Forbidden", 403)
        request = _request(environ, bare.path, bare.query, bare.headers)
        return _too_large() if request is None else messages.manage(request)

    def _is_for_api(self, gateway: Gateway, request: HttpRequest, caller: Caller) -> bool:
        if caller.service not in ("", "execute-api"):
            return False
        routes = gateway.routes
        if routes is not None:
            return routes.owns(request.path)
        # The application cannot be loaded: the API answers with its error what no other service would answer.
        aws = self._service(request, caller) is not None or _is_aws(request.headers, caller)
        return caller.service == "execute-api" or not (aws or request.path == "/")

    def _service(self, request: HttpRequest, caller: Caller) -> Service | None:
        if caller.service:
            candidates = self._services.get(caller.service, ())
        else:
            candidates = [service for group in self._services.values() for service in group]
        return next((service for service in candidates if service.owns(request)), None)

    def _help(self, path: str) -> HttpResponse:
        routes = self._gateway.routes if self._gateway is not None else None
        document = {
            "message": "stepguard's embedded AWS: an endpoint for AWS clients on this machine.",
            "use": "Set AWS_ENDPOINT_URL to this address; any access key and secret do.",
            "services": sorted(self._services),
            "other services": "by moto, in memory",
            "http api": routes.patterns if routes is not None else [],
        }
        status = 200 if path == "/" else 404
        return HttpResponse(
            status, {"Content-Type": "application/json"}, json.dumps(document, indent=1).encode() + b"\n"
        )


_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_WITHOUT_BODY = (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED)


def _headers_of(response: HttpResponse, *, page: bool) -> list[tuple[bytes, bytes]]:
    """The headers of a response; a stream, whose length is unknown, is sent in chunks."""
    headers = list(response.headers.items()) if page else sandboxed(response.headers.items())
    length = len(response.body) if response.length is None else response.length
    if (response.pieces is None or response.length is not None) and response.status not in _WITHOUT_BODY:
        headers.append(("Content-Length", str(length)))
    if any(_CONTROL.search(value) for _, value in headers):
        raise ValueError("a control character in a header")
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers


def _target(environ: Mapping[str, Any]) -> tuple[str, str]:
    """The unchanged path and query, still percent-encoded."""
    path, _, query = environ["REQUEST_URI"].partition("?")
    return path, query


def _request(environ: Mapping[str, Any], path: str, query: str, headers: Mapping[str, str]) -> HttpRequest | None:
    """The request with its body, or None if the body is too large for every embedded service."""
    if int(environ.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
        return None
    return HttpRequest(environ["REQUEST_METHOD"], path, query, headers, environ["wsgi.input"].read())


def _is_aws(headers: Mapping[str, str], caller: Caller) -> bool:
    if caller.service or caller.bearer:
        return True
    return any(name.startswith(("x-amz-", "amz-sdk-", "smithy-protocol")) for name in headers)


def _too_large() -> HttpResponse:
    return _error("RequestEntityTooLargeException", f"A request body may have {BODY_LIMIT} bytes at most.", 413)


def _error(code: str, message: str, status: int) -> HttpResponse:
    return write_error(ServiceError(code, message, status), "rest-json")


def _log_failure(error: Exception) -> None:
    # Only the type and the place: the message or the source line's values may quote the request.
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
    _log.error("%s while answering a request, at %s", type(error).__name__, where)
