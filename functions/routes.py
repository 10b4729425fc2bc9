"""The shared parts of the APIs' routes: their registration, the request body, operators, and error responses."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from chalice.app import Chalice, Request, Response

from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.environment import caller_groups
from stepguard.aws.telemetry import observed_route
from stepguard.guard.callers import ANONYMOUS, Caller, read_caller, with_groups
from stepguard.guard.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    InvalidRequest,
    OperatorsOnly,
    QuotaExceeded,
    StepguardError,
    Throttled,
    UnknownConversation,
    UnknownExecution,
)
from stepguard.guard.request import check_unicode

TOKEN_CHARACTERS = 256
"""The longest client_token."""

Reply = tuple[int, dict[str, Any], dict[str, str]]
"""`(status, body, headers)`."""

DENIED = "This service may not read the execution: its role or credentials lack the permission."
"""The message of routes that read histories, which `stepguard serve --aws` does with the user's credentials."""

Query = Mapping[str, str]
"""The parameters of a query."""

View = Callable[..., Response]
"""A route as Chalice calls it."""

_STATUS: tuple[tuple[type[StepguardError], int, str], ...] = (
    (InvalidRequest, 400, "InvalidRequest"),
    (OperatorsOnly, 403, "OperatorsOnly"),
    (UnknownExecution, 404, "UnknownExecution"),
    (UnknownConversation, 404, "UnknownConversation"),
    (Conflict, 409, "Conflict"),
    (Throttled, 429, "Throttled"),
    (QuotaExceeded, 429, "QuotaExceeded"),
    (ConfigurationError, 500, "ConfigurationError"),
    (AccessDenied, 500, "ConfigurationError"),
    (StepguardError, 503, "Unavailable"),
)


@dataclass(frozen=True, slots=True)
class Work:
    """What a request starts. `questions` is its weight in the caller's quota.

    Work of the same `name` is the same execution, which is counted once; None is work without a client token.
    """

    start: Callable[[], Reply]
    name: str | None = None
    questions: int = 1


_log = logging.getLogger(__name__)


def guarded(route: Callable[[], Reply], *, unknown: str = "UnknownExecution", denied: str = "") -> Reply:
    """The route's reply, or an error reply: `{"error": {"code", "message"}}`, with Retry-After where a wait helps.

    `unknown` is the code for a missing resource. With `denied`, a missing permission of this service's role has this
    message; otherwise it is reported as any other configuration error.
    """
    try:
        return route()
    except StepguardError as error:
        status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
        message = str(error)
        if status >= 500:
            # The log has the details of our errors, not the caller; they never contain a person's text.
            _log.error("%s: %s", type(error).__name__, message)
            message = "The service cannot answer now. Try again later."
        if isinstance(error, UnknownExecution):
            code = unknown
        if denied and isinstance(error, AccessDenied):
            code, message = "AccessDenied", denied
        headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return status, {"error": {"code": code, "message": message}}, headers


class Router:
    """Registers the routes of the application. `quota` and `operators` are read anew for each request."""

    def __init__(self, app: Chalice, quota: Callable[[], CallerQuota], operators: Callable[[], frozenset[str]]) -> None:
        self._app = app
        self._quota = quota
        self._operators = operators

    def reads(
        self, path: str, name: str | None = None, *, everyone: bool = False
    ) -> Callable[[Callable[..., Reply]], View]:
        """Register `GET PATH`, which starts nothing. Its function gets the caller and the parameters of the path.

        `name` is the route's name in logs and metrics, `METHOD PATH` by default. A route that is not for `everyone` is
        for operators if the callers are users of a user pool.
        """
        return self._route("GET", path, name, answered, everyone=everyone)

    def deletes(self, path: str, *, everyone: bool = False) -> Callable[[Callable[..., Reply]], View]:
        """Register `DELETE PATH`, which starts nothing."""
        return self._route("DELETE", path, None, answered, everyone=everyone)

    def posts(self, path: str, *, everyone: bool = False) -> Callable[[Callable[..., Reply]], View]:
        """Register `POST PATH`, which starts nothing."""
        return self._route("POST", path, None, answered, everyone=everyone)

    def starts(
        self, path: str, *, everyone: bool = False, denied: str = "", method: str = "POST"
    ) -> Callable[[Callable[..., Work]], View]:
        """Register `POST PATH`. Its function returns the work, which is counted against the caller's quota, then
        started.

        `denied` is the message when this service's role may not read what it needs.
        """

        def start(prepare: Callable[[], Work], caller: Caller) -> Reply:
            return started(prepare, caller, self._quota(), denied=denied)

        return self._route(method, path, None, start, everyone=everyone)

    def request(self) -> Request:
        """The request that is being answered."""
        assert self._app.current_request is not None
        return self._app.current_request

    def query(self) -> dict[str, str]:
        """The parameters of its query."""
        return dict(self.request().query_params or {})

    def _route(
        self,
        method: str,
        path: str,
        name: str | None,
        reply: Callable[[Callable[[], Any], Caller], Reply],
        *,
        everyone: bool,
    ) -> Callable[[Callable[..., Any]], View]:
        def register(function: Callable[..., Any]) -> View:
            @wraps(function)
            def view(**parameters: str) -> Response:
                caller = read_caller(self.request().context)

                def checked() -> Any:
                    if not everyone:
                        check_audience(caller, self._operators())
                    check_texts({**parameters, **self.query()}, "The address")
                    return function(with_groups(caller, caller_groups()), **parameters)

                return answer(observed_route(name or f"{method} {path}", caller.id, lambda: reply(checked, caller)))

            registered: View = self._app.route(path, methods=[method])(view)
            return registered

        return register


def answer(reply: Reply) -> Response:
    """The reply as Chalice sends it."""
    status, body, headers = reply
    return Response(body, status_code=status, headers={"Content-Type": "application/json", **headers})


def answered(route: Callable[[], Reply], _: Caller) -> Reply:
    """The reply of a route that starts nothing."""
    return guarded(route)


def started(prepare: Callable[[], Work], caller: Caller, quota: CallerQuota, denied: str = "") -> Reply:
    """Count the work against the caller's quota, then start it.

    A request that is refused before costs nothing. The count comes first, so that a process that is killed in between
    has counted too much, never too little.
    """

    def reply() -> Reply:
        work = prepare()
        quota.take(caller.id, work.questions, work.name)
        return work.start()

    return guarded(reply, denied=denied)


def read_body(body: bytes, example: str, known: frozenset[str]) -> dict[str, Any]:
    """A body that is a JSON object of known members. Raises InvalidRequest with the example."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body must be a JSON object such as {example}.")
    if not set(document) <= known:
        raise InvalidRequest(f"The body has unknown members; known are {', '.join(sorted(known))}.")
    check_texts(document, "The body")
    return document


def check_texts(value: object, name: str) -> None:
    """Raise InvalidRequest for a text in a JSON value that is not valid Unicode: one that has half of a pair of
    surrogates, which JSON can carry and no encoding can."""
    if isinstance(value, str):
        check_unicode(value, name)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_unicode(str(key), name)
            check_texts(item, f"'{key}'")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            check_texts(item, f"{name}[{number}]")


def check_token(document: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for an invalid `client_token`."""
    token = document.get("client_token")
    if token is not None and (not isinstance(token, str) or not 0 < len(token) <= TOKEN_CHARACTERS):
        raise InvalidRequest(f"'client_token' must be a string of 1 to {TOKEN_CHARACTERS} characters.")


def sees_all(caller: Caller, operators: frozenset[str]) -> bool:
    """Whether the caller is an operator; the anonymous caller only on the embedded AWS."""
    anonymous = caller.id == ANONYMOUS and not caller.pooled
    return (anonymous and ANONYMOUS in operators) or caller.is_operator(operators)


def check_audience(caller: Caller, operators: frozenset[str]) -> None:
    """Raise OperatorsOnly for a user of a user pool who is not an operator.

    The authorizer of a user pool permits every route to every user. IAM principals need a permission for each route,
    `execute-api:Invoke`, which IAM has checked.
    """
    if caller.pooled and not caller.is_operator(operators):
        raise OperatorsOnly("This route is for operators: users in a group that the parameter Operators names.")


def check_operator(caller: Caller, operators: frozenset[str]) -> None:
    """Raise OperatorsOnly for everyone who is not an operator, also for IAM principals that may call the route."""
    if not sees_all(caller, operators):
        raise OperatorsOnly("This route is for operators: those that the parameter Operators names.")


def read_number(query: Query, name: str, otherwise: int, most: int, least: int = 0) -> int:
    """A whole number of a query. Raises InvalidRequest."""
    text = query.get(name) or str(otherwise)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise InvalidRequest(f"'{name}' must be a number from {least} to {most}.")
    return int(text)
