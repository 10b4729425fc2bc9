"""What goes wrong with logs and metrics changes no answer."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from stepguard.aws.telemetry import observed_route, observed_stage

RESULT: dict[str, Any] = {"outcome": "passed", "findings": []}


class Closed(io.StringIO):
    """A stream whose other end has gone."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError


def test_a_result_that_cannot_be_counted_is_returned(capsys: pytest.CaptureFixture[str]) -> None:
    """And the log says so, in one line without a text."""
    odd = {**RESULT, "findings": [{"text": "secret"}]}
    assert observed_stage("GuardInput", lambda event: odd, {}) is odd
    line = json.loads(capsys.readouterr().out)
    assert line == {"level": "ERROR", "message": "telemetry", "error": "KeyError"}


def test_a_closed_log_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a stage's result, nor its error, nor a reply."""
    monkeypatch.setattr(sys, "stdout", Closed())
    assert observed_stage("GuardInput", lambda event: RESULT, {}) is RESULT
    reply: Any = (200, {"answer": None}, {})
    assert observed_route("GET /health", "me", lambda: reply) is reply

    def fails(event: Any) -> dict[str, Any]:
        raise LookupError

    with pytest.raises(LookupError):
        observed_stage("GuardInput", fails, {})
