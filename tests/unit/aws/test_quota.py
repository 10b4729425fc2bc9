"""One caller's questions in a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from stepguard.aws.caller_quota import CallerQuota
from stepguard.guard.errors import ConfigurationError, Throttled
from tests.fakes.aws import FakeClient, Request, client_error

CALLER = "arn:aws:sts::123456789012:assumed-role/App/alice"


class Table:
    """Counts in memory, as the update expression does it."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.fake = FakeClient("dynamodb", update_item=self._update)

    def _update(self, request: Request) -> Mapping[str, Any]:
        key = request["Key"]["id"]["S"]
        if self.counts.get(key, 0) >= int(request["ExpressionAttributeValues"][":limit"]["N"]):
            raise client_error("ConditionalCheckFailedException")
        self.counts[key] = self.counts.get(key, 0) + 1
        return {}


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment with two questions a minute."""
    monkeypatch.setenv("CALLER_TABLE", "callers")
    monkeypatch.setenv("CALLER_QUESTIONS_PER_MINUTE", "2")


@pytest.mark.usefixtures("limited")
def test_the_third_question_of_a_minute_is_refused() -> None:
    """And the first of the next minute is not; another caller has a count of its own."""
    table, now = Table(), [0.0]
    quota = CallerQuota(table.fake.client, lambda: now[0])
    quota.take(CALLER)
    quota.take(CALLER)
    with pytest.raises(Throttled, match="2 questions in this minute"):
        quota.take(CALLER)
    quota.take("another")
    now[0] = 60.0
    quota.take(CALLER)


@pytest.mark.usefixtures("limited")
def test_the_table_holds_no_identity_and_forgets() -> None:
    """The key is a digest; an hour later the item may go."""
    table = Table()
    CallerQuota(table.fake.client, lambda: 120.0).take(CALLER)

    (request,) = table.fake.bodies("update_item")
    assert "alice" not in str(request)
    assert request["ExpressionAttributeValues"][":expires"] == {"N": "3720"}


def test_without_a_table_there_is_no_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the embedded AWS."""
    monkeypatch.delenv("CALLER_TABLE", raising=False)
    CallerQuota(FakeClient("dynamodb").client).take(CALLER)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("limit", ["", "0", "-1", "many", "\N{SUPERSCRIPT TWO}"])
def test_a_limit_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """It is not read as "no limit"."""
    monkeypatch.setenv("CALLER_QUESTIONS_PER_MINUTE", limit)
    with pytest.raises(ConfigurationError, match="CALLER_QUESTIONS_PER_MINUTE"):
        CallerQuota(FakeClient("dynamodb").client).take(CALLER)
