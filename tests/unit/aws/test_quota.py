"""One caller's questions in a minute, counted by DynamoDB."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import boto3
import pytest

from stepguard.aws.caller_quota import ATTEMPTS, CallerQuota
from stepguard.deploy.resources import load_resources
from stepguard.guard.errors import ConfigurationError, QuotaExceeded, ServiceUnavailable, Throttled
from tests.fakes.aws import FakeClient, client_error
from tests.paths import ROOT

TABLE = load_resources(ROOT / "statemachine" / "cloudformation")["Resources"]["CallerTable"]["Properties"]
CALLER = "arn:aws:sts::123456789012:assumed-role/App/alice"


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment with two questions a minute and thirty a day."""
    monkeypatch.setenv("CALLER_TABLE", "callers")
    monkeypatch.setenv("CALLER_QUESTIONS_PER_MINUTE", "2")
    monkeypatch.setenv("CALLER_ITEMS_PER_DAY", "30")


@pytest.fixture
def dynamodb(moto: None, limited: None) -> Any:
    """A client with the table of the template."""
    client = boto3.Session("test", "test", region_name="us-east-1").client("dynamodb")
    names = ("BillingMode", "AttributeDefinitions", "KeySchema")
    client.create_table(TableName="callers", **{name: TABLE[name] for name in names})
    client.update_time_to_live(TableName="callers", TimeToLiveSpecification=TABLE["TimeToLiveSpecification"])
    return client


def test_the_third_question_of_a_minute_is_refused(dynamodb: Any) -> None:
    """The first of the next minute is not; another caller has a separate count."""
    now = [0.0]
    quota = CallerQuota(dynamodb, lambda: now[0])
    quota.take(CALLER)
    quota.take(CALLER)
    now[0] = 19.5
    with pytest.raises(Throttled, match="2 questions in a minute") as refused:
        quota.take(CALLER)
    assert refused.value.retry_after == 41  # until the next minute begins
    quota.take("another")
    now[0] = 60.0
    quota.take(CALLER)


def test_tickets_have_their_own_count(dynamodb: Any) -> None:
    """As many a minute as questions, and none of them is a question or an item of the day."""
    quota = CallerQuota(dynamodb, lambda: 0.0)
    for _ in range(2):
        quota.take_ticket(CALLER)
    with pytest.raises(Throttled, match="2 tickets of streams in a minute"):
        quota.take_ticket(CALLER)
    quota.take(CALLER)
    quota.take(CALLER)
    with pytest.raises(Throttled, match="2 questions in a minute"):
        quota.take(CALLER)


def test_a_refused_question_is_not_counted(dynamodb: Any) -> None:
    """The condition keeps the item unchanged."""
    quota = CallerQuota(dynamodb, lambda: 0.0)
    for _ in range(5):
        with suppress(Throttled):
            quota.take(CALLER)

    counts = dynamodb.scan(TableName="callers")["Items"]
    assert sorted((item.get("questions") or item["items"])["N"] for item in counts) == ["2", "2"]


def test_the_table_holds_no_identity_and_forgets(dynamodb: Any) -> None:
    """The key is a digest; DynamoDB may delete the item an hour later."""
    CallerQuota(dynamodb, lambda: 120.0).take(CALLER)

    items = dynamodb.scan(TableName="callers")["Items"]
    assert "alice" not in str(items)
    day, minute = sorted(items, key=lambda item: "questions" in item)
    assert (set(day), set(minute)) == ({"id", "items", "expires"}, {"id", "questions", "expires"})
    described = dynamodb.describe_time_to_live(TableName="callers")["TimeToLiveDescription"]
    assert (described["AttributeName"], described["TimeToLiveStatus"]) == ("expires", "ENABLED")
    assert (minute["expires"], day["expires"]) == ({"N": "3780"}, {"N": "90000"})


def test_a_name_is_counted_once(dynamodb: Any) -> None:
    """A repeated client token is the same execution; another caller's token and another name are not."""
    quota = CallerQuota(dynamodb, lambda: 0.0)
    for _ in range(5):
        quota.take(CALLER, name="chat-1")
    quota.take("another", name="chat-1")
    quota.take(CALLER, name="chat-2")
    quota.take(CALLER, name="chat-1")
    with pytest.raises(Throttled):
        quota.take(CALLER, name="chat-3")
    with pytest.raises(Throttled):
        quota.take(CALLER, name="chat-3")


def test_a_kill_between_count_and_start_is_counted_once(dynamodb: Any) -> None:
    """The count and the name are one write: what is repeated after the kill finds its name, in any process."""
    CallerQuota(dynamodb, lambda: 0.0).take(CALLER, name="chat-1")
    CallerQuota(dynamodb, lambda: 61.0).take(CALLER, name="chat-1")
    (day,) = (item for item in dynamodb.scan(TableName="callers")["Items"] if "items" in item)

    assert day["items"] == {"N": "1"}


def test_a_kill_in_the_write_writes_nothing(dynamodb: Any) -> None:
    """A refused write leaves no name, so that the name does not pass later without a count."""
    quota = CallerQuota(dynamodb, lambda: 0.0)
    quota.take(CALLER, 2)
    with pytest.raises(Throttled):
        quota.take(CALLER, name="chat-1")
    with pytest.raises(Throttled):
        quota.take(CALLER, name="chat-1")


def test_work_has_a_weight(dynamodb: Any) -> None:
    """One that exceeds the minute's limit uses it up, and is not refused forever."""
    now = [0.0]
    quota = CallerQuota(dynamodb, lambda: now[0])
    quota.take(CALLER, 10)
    with pytest.raises(Throttled):
        quota.take(CALLER)
    now[0] = 60.0
    quota.take(CALLER)
    with pytest.raises(Throttled):
        quota.take(CALLER, 10)


def test_questions_and_items_share_the_day(dynamodb: Any) -> None:
    """Questions, replays and evaluations together; an evaluation is started whole or not at all."""
    now = [0.0]
    quota = CallerQuota(dynamodb, lambda: now[0])
    quota.take(CALLER)
    with pytest.raises(QuotaExceeded, match="30 questions and items"):
        quota.take_items(CALLER, 30, "run-1")
    for _ in range(3):  # PrepareCorpus is retried, or its run is redriven
        quota.take_items(CALLER, 28, "run-1")
    quota.take(CALLER)
    now[0] = 120.0
    with pytest.raises(QuotaExceeded):
        quota.take(CALLER)
    with pytest.raises(QuotaExceeded):
        quota.take_items(CALLER, 29, "run-1")  # a corpus that was exchanged is counted again
    now[0] = 86_400.0
    quota.take(CALLER)


def test_a_corpus_larger_than_the_day_is_refused_at_once(dynamodb: Any) -> None:
    """Also as the first work of a day."""
    with pytest.raises(QuotaExceeded, match="31 more"):
        CallerQuota(dynamodb, lambda: 0.0).take_items(CALLER, 31, "run-1")


def test_two_requests_at_once_are_both_counted(limited: None) -> None:
    """DynamoDB cancels one of two transactions on the same item; it is written again, and never passes uncounted."""
    conflict = client_error("TransactionCanceledException", "cancelled")
    conflict.response["CancellationReasons"] = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    pauses: list[float] = []
    fake = FakeClient("dynamodb", transact_write_items=[conflict, conflict, {}])
    CallerQuota(fake.client, lambda: 0.0, pauses.append).take(CALLER)
    assert (len(fake.requests), len(pauses)) == (3, 2)

    busy = FakeClient("dynamodb", transact_write_items=[conflict] * ATTEMPTS)
    with pytest.raises(ServiceUnavailable):
        CallerQuota(busy.client, lambda: 0.0, pauses.append).take(CALLER)


def test_each_limit_can_be_off(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The template leaves the variable of a limit of 0 out; a table without any limit is an error."""
    monkeypatch.delenv("CALLER_QUESTIONS_PER_MINUTE")
    quota = CallerQuota(dynamodb, lambda: 0.0)
    for _ in range(30):
        quota.take(CALLER)
    with pytest.raises(QuotaExceeded):
        quota.take(CALLER)
    monkeypatch.delenv("CALLER_ITEMS_PER_DAY")
    with pytest.raises(ConfigurationError, match="CALLER_QUESTIONS_PER_MINUTE or CALLER_ITEMS_PER_DAY"):
        quota.take(CALLER)
    monkeypatch.setenv("CALLER_QUESTIONS_PER_MINUTE", "1")
    quota.take_items(CALLER, 100_000, "run")


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
