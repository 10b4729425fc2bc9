"""The demo's questions through a deployed API: repeats, and histories that are read when they are complete."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from stepguard.deploy import smoke
from stepguard.deploy.api import ApiError, Reply

QUESTION = {"name": "orange", "text": "Which vitamins are in an orange?"}
ANSWER = {"execution": "arn:x:chat-1", "answer": {"outcome": "answered"}}


class FakeApi:
    """Answers with the statuses in turn."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.posted: list[Mapping[str, Any]] = []
        self.got: list[str] = []

    def post(self, body: Mapping[str, Any]) -> Reply:
        self.posted.append(body)
        return Reply(self.statuses.pop(0), ANSWER, {})

    def get(self, path: str) -> Reply:
        self.got.append(path)
        return Reply(self.statuses.pop(0), ANSWER, {})


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def _api(*statuses: int) -> Any:
    return FakeApi(*statuses)


def test_an_answer_that_is_not_there_yet_is_waited_for() -> None:
    """However slow the machine is."""
    api = _api(202, 202, 200)
    assert smoke.ask(api, QUESTION).status == 200
    assert api.got == ["/chat/chat-1"] * 2


def test_a_gateway_error_is_repeated_under_one_token_where_it_may_be() -> None:
    """So that a chat cannot run twice; on AWS, without repeats, the first one is a failure."""
    api = _api(502, 504, 200)
    assert smoke.ask(api, QUESTION, repeats=3).status == 200
    assert len({body["client_token"] for body in api.posted}) == 1
    for repeats, statuses in ((0, [502]), (1, [502, 502])):
        with pytest.raises(ApiError, match="HTTP 502"):
            smoke.ask(_api(*statuses), QUESTION, repeats=repeats)
    api = _api(200)
    smoke.ask(api, QUESTION)
    assert "client_token" not in api.posted[0]


def test_a_history_is_read_after_its_end() -> None:
    """The answer is in the table before the last states have run."""
    looks: list[str] = []

    def describe(execution: str) -> Any:
        looks.append(execution)
        return SimpleNamespace(finished=len(looks) == 3)

    executions: Any = SimpleNamespace(describe=describe)
    smoke.await_end(executions, "arn:x:chat-1")
    assert looks == ["arn:x:chat-1"] * 3
