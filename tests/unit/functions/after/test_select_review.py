"""SelectReview: the rule of the execution's settings decides, and no text leaves the history."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from functions.after.select_review import select_review
from stepguard.aws.executions import Execution
from stepguard.guard.errors import ConfigurationError, ServiceUnavailable
from stepguard.guard.settings import Settings, read_settings

CANARY = "canary-77f2"
TOPIC = {"policy": "topic", "name": "Medical advice", "action": "BLOCKED"}
DOCUMENT: dict[str, Any] = {
    "request": {"kind": "prompt", "text": f"Question {CANARY}?", "caller": CANARY},
    "input_guard": {"outcome": "blocked", "text": CANARY, "findings": [TOPIC]},
    "answer": {"text": f"Answer {CANARY}.", "outcome": "blocked", "source": "PREPROCESS GUARDRAIL", "got_hits": 0},
}
RULE = '{"outcomes": ["blocked"]}'
SKIPPED = {"outcome": "skipped", "selected": False, "review": {}}


def _settings(rule: str) -> Settings:
    return read_settings({"UNGUARDED": "yes", "REVIEW_RULE": rule})


def _select(rule: str = RULE, output: Any = DOCUMENT, status: str = "SUCCEEDED") -> dict[str, Any]:
    started = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
    found = Execution("arn:x:chat-1", "chat-1", status, started, started, {}, output, None, None)
    executions: Any = SimpleNamespace(describe=lambda arn: found)
    now = started.timestamp() + 60
    return select_review({"execution": "arn:x:chat-1"}, executions, lambda: _settings(rule), lambda: now)


def test_a_selected_answer_is_queued_without_a_text() -> None:
    """Under the day of its question, for 90 days."""
    selected = _select()
    assert selected["selected"]
    assert selected["review"] == {
        "key": "review#2026-11-30",
        "name": "chat-1",
        "asked": "2026-11-30T10:00:00.000Z",
        "queued": "2026-11-30T10:01:00.000Z",
        "outcome": "blocked",
        "source": "PREPROCESS GUARDRAIL",
        "reasons": '["outcome blocked"]',
        "expires": str(int(datetime(2026, 11, 30, 10, 1, tzinfo=UTC).timestamp()) + 90 * 86_400),
    }
    assert CANARY not in json.dumps(selected)


@pytest.mark.parametrize("rule", ["", "{}", '{"outcomes": ["dont_know"]}'])
def test_most_answers_are_not_reviewed(rule: str) -> None:
    """Without a rule none is."""
    assert _select(rule) == SKIPPED


def test_the_rule_is_that_of_the_execution() -> None:
    """A change at run time holds for the questions after it."""
    guard = {**DOCUMENT["input_guard"], "settings": {"values": {"REVIEW_RULE": {"policies": ["topic"]}}}}
    selected = _select('{"outcomes": ["dont_know"]}', DOCUMENT | {"input_guard": guard})
    assert json.loads(selected["review"]["reasons"]) == ["policy topic/Medical advice"]


def test_an_execution_without_an_answer_is_not_reviewed() -> None:
    """It failed; one that has not ended is read again."""
    assert _select(output=None, status="FAILED") == SKIPPED
    with pytest.raises(ServiceUnavailable):
        _select(output=None, status="RUNNING")


def test_a_broken_rule_fails_here_and_nowhere_else() -> None:
    """After the answer."""
    with pytest.raises(ConfigurationError, match="REVIEW_RULE is not JSON"):
        _select("{")
