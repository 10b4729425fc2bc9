"""API Gateway's REST API in front of the Chalice Lambda: proxy event in, proxy response out, its limits.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html (the event and the
response), .../limits.html (10 MB, 29 seconds), .../supported-gateway-response-types.html (the gateway's own answers).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl
from uuid import uuid4

from embedded_aws.apigateway import user_pool
from embedded_aws.apigateway.routes import Route, RouteTable
from embedded_aws.lambda_.config import InvokeResult
from embedded_aws.wire import Account, HttpRequest, HttpResponse, ServiceError
from embedded_aws.wire.caller import Caller

PAYLOAD_LIMIT = 10 * 1024 * 1024
INTEGRATION_SECONDS = 29.0
# What Chalice configures as binaryMediaTypes; any other body reaches the Lambda as text.
_BINARY = re.compile(
    r"application/(octet-stream|x-tar|zip)|audio/(basic|ogg|mp4|mpeg|wav|webm)|image/(png|jpg|jpeg|gif)"
    r"|video/(ogg|mpeg|webm)"
)
# The server sets the headers of the connection.
_NOT_PASSED = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "upgrade"}
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Invoker(Protocol):
    """The interface of the embedded Lambda that the API needs (`embedded_aws.lambda_.Functions`)."""

    def invoke(self, name_or_arn: str, payload: bytes, timeout: float | None = None) -> InvokeResult:
        """Run a function; raises TimeoutError when it takes longer than `timeout` seconds."""

    def routes(self, name_or_arn: str, timeout: float) -> Sequence[Route]:
        """The routes that a function's handler declares; raises ServiceError, TimeoutError."""


@dataclass(frozen=True, slots=True)
class HttpApi:
    """The application's HTTP API: every route invokes the Lambda `function`.

    The routes are those that the function's handler declares, as an application of Chalice does; they are read at the
    first request. `seconds` is the integration's time-out. At most `concurrency` requests run in the
    Lambda and three times as many wait; more are throttled. The reason: a route that waits for an execution occupies a
    worker and a thread, and the execution's functions and calls need some, too.
    """

    function: str
    stage: str = "api"
    seconds: float = INTEGRATION_SECONDS
    concurrency: int = 8


class Gateway:
    """Serves one HTTP API."""

    def __init__(self, api: HttpApi, functions: Invoker, account: Account) -> None:
        self._api = api
        self._functions = functions
        self._account = account
        self._loading = threading.Lock()
        self._table: RouteTable | None = None
        self._places = threading.BoundedSemaphore(4 * api.concurrency)
        self._running = threading.BoundedSemaphore(api.concurrency)

    @property
    def routes(self) -> RouteTable | None:
        """The API's routes; None while the function that declares them cannot be loaded."""
        if self._table is None:
            with self._loading:
                if self._table is None:
                    with suppress(ServiceError, TimeoutError):
                        self._table = RouteTable(self._functions.routes(self._api.function, self._api.seconds))
        return self._table

    def handle(self, request: HttpRequest, caller: Caller, source_ip: str) -> HttpResponse:
        """Answer one request; failures are the gateway's answers, never exceptions."""
        request_id = str(uuid4())
        routes = self.routes
        if routes is None:
            return _gateway(502, "Internal server error", request_id, "InternalServerErrorException")
        found = routes.match(request.path, request.method)
        if found is None:
            return _gateway(403, "Missing Authentication Token", request_id, "MissingAuthenticationTokenException")
        if len(request.body) > PAYLOAD_LIMIT:
            return _gateway(413, "Request Too Long", request_id, "RequestTooLargeException")
        pattern, parameters = found
        try:
            claims = user_pool.claims_of(request.headers.get("authorization", ""), self._account.account_id)
        except user_pool.Unauthorized:
            return _gateway(401, "Unauthorized", request_id, "UnauthorizedException")
        try:
            event = self._event(request, pattern, parameters, caller, source_ip, request_id)
            if claims is not None:
                event["requestContext"]["authorizer"] = {"claims": claims}
        except UnicodeDecodeError as error:
            # AWS inserts replacement characters, which changes the caller's text; this API refuses the request.
            message = f"Invalid request body: not UTF-8 at byte {error.start}"
            return _gateway(400, message, request_id, "BadRequestException")
        if not self._places.acquire(blocking=False):
            return _gateway(429, "Too Many Requests", request_id, "TooManyRequestsException")
        try:
            return self._integrate(json.dumps(event).encode("ascii"), request_id)
        finally:
            self._places.release()

    def _integrate(self, event: bytes, request_id: str) -> HttpResponse:
        """The Lambda's response within the integration's time-out, which includes the time in the queue."""
        deadline = time.monotonic() + self._api.seconds
        if not self._running.acquire(timeout=self._api.seconds):
            return _gateway(504, "Endpoint request timed out", request_id, "InternalServerErrorException")
        try:
            result = self._functions.invoke(self._api.function, event, deadline - time.monotonic())
        except TimeoutError:
            return _gateway(504, "Endpoint request timed out", request_id, "InternalServerErrorException")
        except ServiceError as error:
            if error.status == 413:  # over Lambda's 6 MB
                return _gateway(413, "Request Too Long", request_id, "RequestTooLargeException")
            return _gateway(502, "Internal server error", request_id, "InternalServerErrorException")
        finally:
            self._running.release()
        response = None if result.function_error else _read_response(result.payload, request_id)
        return response or _gateway(502, "Internal server error", request_id, "InternalServerErrorException")

    def _event(
        self,
        request: HttpRequest,
        pattern: str,
        parameters: Mapping[str, str],
        caller: Caller,
        source_ip: str,
        request_id: str,
    ) -> dict[str, Any]:
        headers = {_title(name): value for name, value in request.headers.items()}
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(request.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        media_type = headers.get("Content-Type", "").split(";")[0].strip().lower()
        binary = _BINARY.fullmatch(media_type) is not None
        body = base64.b64encode(request.body).decode("ascii") if binary else request.body.decode("utf-8")
        return {
            "resource": pattern,
            "path": request.path,
            "httpMethod": request.method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            # Undecoded, as in the URL: a REST API does not decode them.
            "pathParameters": dict(parameters) or None,
            "stageVariables": None,
            "requestContext": self._context(request, pattern, caller, source_ip, request_id),
            "body": body if request.body else None,
            "isBase64Encoded": binary and bool(request.body),
        }

    def _context(
        self, request: HttpRequest, pattern: str, caller: Caller, source_ip: str, request_id: str
    ) -> dict[str, Any]:
        now = time.time()
        account_id = self._account.account_id
        user = (
            f"arn:{self._account.partition}:iam::{account_id}:user/{caller.access_key}" if caller.access_key else None
        )
        return {
            "accountId": account_id,
            "apiId": "embedded",
            "domainName": request.headers.get("host", ""),
            "domainPrefix": "embedded",
            "extendedRequestId": request_id,
            "httpMethod": request.method,
            "identity": {
                "accessKey": caller.access_key or None,
                "accountId": account_id if user else None,
                "caller": caller.access_key or None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": source_ip,
                "user": caller.access_key or None,
                "userAgent": request.headers.get("user-agent"),
                "userArn": user,
            },
            "path": f"/{self._api.stage}{request.path}",
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTime": f"{datetime.fromtimestamp(now, UTC):%d/%b/%Y:%H:%M:%S +0000}",
            "requestTimeEpoch": int(now * 1000),
            "resourceId": "embedded",
            "resourcePath": pattern,
            "stage": self._api.stage,
        }


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _read_response(payload: bytes, request_id: str) -> HttpResponse | None:
    """The Lambda's response as HTTP, or None if it is malformed, which API Gateway answers with 502."""
    try:
        document = json.loads(payload)
        status = int(document["statusCode"])
        headers = _response_headers(document)
        body = document.get("body")
        if isinstance(body, (dict, list)) or not 100 <= status <= 599:
            return None
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        raw = base64.b64decode(text, validate=True) if document.get("isBase64Encoded") else text.encode("utf-8")
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError):
        return None
    if headers is None:
        return None
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return HttpResponse(status, {**headers, "x-amzn-RequestId": request_id}, raw)


def _response_headers(document: Mapping[str, Any]) -> dict[str, str] | None:
    """The headers by name, with several values of one name joined; None if a header is invalid in a response."""
    joined: dict[str, str] = {name: _text(value) for name, value in (document.get("headers") or {}).items()}
    for name, values in (document.get("multiValueHeaders") or {}).items():
        joined[name] = ", ".join(_text(value) for value in values)
    passed = {name: value for name, value in joined.items() if name.lower() not in _NOT_PASSED}
    sound = all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in passed.items())
    return passed if sound else None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _gateway(status: int, message: str, request_id: str, kind: str) -> HttpResponse:
    headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id, "x-amzn-ErrorType": kind}
    return HttpResponse(status, headers, json.dumps({"message": message}).encode("ascii"))
