"""The shared parts of the three APIs' routes: the request body, operators, and error responses."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from stepguard.guard.callers import ANONYMOUS, Caller
from stepguard.guard.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    InvalidRequest,
    StepguardError,
    Throttled,
    UnknownExecution,
)

TOKEN_CHARACTERS = 256
"""The longest client_token."""

Reply = tuple[int, dict[str, Any], dict[str, str]]
"""`(status, body, headers)`."""

_STATUS: tuple[tuple[type[StepguardError], int, str], ...] = (
    (InvalidRequest, 400, "InvalidRequest"),
    (UnknownExecution, 404, "UnknownExecution"),
    (Conflict, 409, "Conflict"),
    (Throttled, 429, "Throttled"),
    (ConfigurationError, 500, "ConfigurationError"),
    (AccessDenied, 500, "ConfigurationError"),
    (StepguardError, 503, "Unavailable"),
)

_log = logging.getLogger(__name__)


def guarded(route: Callable[[], Reply], *, unknown: str = "UnknownExecution", denied: str = "") -> Reply:
    """The route's reply, or an error reply: `{"error": {"code", "message"}}`.

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
        return status, {"error": {"code": code, "message": message}}, {}


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
    return document


def check_token(document: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for an invalid `client_token`."""
    token = document.get("client_token")
    if token is not None and (not isinstance(token, str) or not 0 < len(token) <= TOKEN_CHARACTERS):
        raise InvalidRequest(f"'client_token' must be a string of 1 to {TOKEN_CHARACTERS} characters.")


def sees_all(caller: Caller, operators: frozenset[str]) -> bool:
    """Whether the caller is an operator; the anonymous caller only on the embedded AWS."""
    return (caller.id == ANONYMOUS and ANONYMOUS in operators) or caller.is_operator(operators)
