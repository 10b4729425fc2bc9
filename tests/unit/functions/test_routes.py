"""What every route of the API has in common."""

from __future__ import annotations

import logging

import pytest

from functions.routes import Reply, guarded, read_body, sees_all
from stepguard.guard.callers import ANONYMOUS, Caller
from stepguard.guard.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    InvalidRequest,
    ModelNotReady,
    ServiceUnavailable,
    StepguardError,
    Throttled,
    UnknownExecution,
)


def failing(error: StepguardError) -> Reply:
    """A route that ends badly."""
    raise error


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (InvalidRequest, 400, "InvalidRequest"),
        (UnknownExecution, 404, "UnknownExecution"),
        (Conflict, 409, "Conflict"),
        (Throttled, 429, "Throttled"),
        (ConfigurationError, 500, "ConfigurationError"),
        (AccessDenied, 500, "ConfigurationError"),
        (ServiceUnavailable, 503, "Unavailable"),
        (ModelNotReady, 503, "Unavailable"),
    ],
)
def test_an_error_has_its_status_and_code(kind: type[StepguardError], status: int, code: str) -> None:
    """Only what the caller can mend is returned in the error's own words; the rest goes to the log."""
    found, body, _ = guarded(lambda: failing(kind("bucket-of-ours")))

    assert (found, body["error"]["code"]) == (status, code)
    assert ("bucket-of-ours" in body["error"]["message"]) is (status < 500)


def test_a_throttled_caller_learns_when_to_come_back() -> None:
    """Retry-After in seconds; an error that a wait does not mend has none."""
    assert guarded(lambda: failing(Throttled("slowly")))[2] == {"Retry-After": "1"}
    assert guarded(lambda: failing(InvalidRequest("no")))[2] == {}


def test_a_fault_of_ours_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The reply does not contain it, so the log must."""
    with caplog.at_level(logging.ERROR):
        guarded(lambda: failing(AccessDenied("PutObject: AccessDenied")))

    assert "AccessDenied: PutObject" in caplog.text


def test_an_api_names_what_is_unknown_and_what_is_denied() -> None:
    """An evaluation is no execution; reading a history reports that the role may not."""
    assert guarded(lambda: failing(UnknownExecution("x")), unknown="UnknownEvaluation")[1]["error"]["code"] == (
        "UnknownEvaluation"
    )
    denied = guarded(lambda: failing(AccessDenied("secret")), denied="The role may not.")
    assert denied[:2] == (500, {"error": {"code": "AccessDenied", "message": "The role may not."}})


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"[]", b"null", b'{"a": 1, "b": 2}', b"\xff"])
def test_a_body_is_an_object_of_known_members(body: bytes) -> None:
    """Anything else is refused, never a crash."""
    with pytest.raises(InvalidRequest, match="body"):
        read_body(body, '{"a": 1}', frozenset({"a"}))


def test_the_anonymous_caller_sees_all_only_where_nobody_signs() -> None:
    """On AWS nobody is anonymous; the embedded AWS names it as its operator."""
    assert sees_all(Caller(ANONYMOUS), frozenset({ANONYMOUS}))
    assert not sees_all(Caller(ANONYMOUS), frozenset({"ops"}))
    assert not sees_all(Caller("u"), frozenset({ANONYMOUS}))
    assert sees_all(Caller("u", frozenset({"ops"})), frozenset({"ops"}))
