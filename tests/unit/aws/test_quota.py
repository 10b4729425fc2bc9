"""One caller's questions in a minute, counted by DynamoDB."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import boto3
import pytest

from stepguard.aws.caller_quota import CallerQuota
from stepguard.deploy.resources import load_resources
from stepguard.guard.errors import ConfigurationError, Throttled
from tests.fakes.aws import FakeClient
from tests.paths import ROOT

TABLE = load_resources(ROOT / "statemachine" / "cloudformation")["Resources"]["CallerTable"]["Properties"]
CALLER = "arn:aws:sts::123456789012:assumed-role/App/alice"


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment with two questions a minute."""
    monkeypatch.setenv("CALLER_TABLE", "callers")
    monkeypatch.setenv("CALLER_QUESTIONS_PER_MINUTE", "2")


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
    with pytest.raises(Throttled, match="2 questions in this minute"):
        quota.take(CALLER)
    quota.take("another")
    now[0] = 60.0
    quota.take(CALLER)


def test_a_refused_question_is_not_counted(dynamodb: Any) -> None:
    """The condition keeps the item unchanged."""
    quota = CallerQuota(dynamodb, lambda: 0.0)
    for _ in range(5):
        with suppress(Throttled):
            quota.take(CALLER)

    (item,) = dynamodb.scan(TableName="callers")["Items"]
    assert item["questions"] == {"N": "2"}


def test_the_table_holds_no_identity_and_forgets(dynamodb: Any) -> None:
    """The key is a digest; DynamoDB may delete the item an hour later."""
    CallerQuota(dynamodb, lambda: 120.0).take(CALLER)

    (item,) = dynamodb.scan(TableName="callers")["Items"]
    assert "alice" not in str(item)
    assert set(item) == {"id", "questions", "expires"}
    described = dynamodb.describe_time_to_live(TableName="callers")["TimeToLiveDescription"]
    assert (described["AttributeName"], described["TimeToLiveStatus"]) == ("expires", "ENABLED")
    assert item["expires"] == {"N": "3720"}


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
