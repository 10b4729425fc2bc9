"""Questions, replays, evaluations, their items and retries together stay within a caller's quota, also over kills."""

from __future__ import annotations

import random
from typing import Any

import boto3
import pytest

import app
from functions.prepare_corpus import prepare_corpus
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.objects import Objects
from stepguard.deploy.resources import load_resources
from stepguard.guard.errors import InvalidRequest, QuotaExceeded
from tests.attacks.application import ANN, BODIES, Application
from tests.fakes.s3 import S3
from tests.paths import ROOT

DAY = 60
MINUTE = 20
WORKS = [*BODIES, "PrepareCorpus"]


class Killed(BaseException):
    """The process ends: no handler of errors sees it."""


@pytest.fixture(name="dynamodb")
def _dynamodb(moto: None, environment: pytest.MonkeyPatch) -> Any:
    """The template's table, and a caller's limits."""
    properties = load_resources(ROOT / "statemachine" / "cloudformation")["Resources"]["CallerTable"]["Properties"]
    client = boto3.Session("test", "test", region_name="us-east-1").client("dynamodb")
    names = ("BillingMode", "AttributeDefinitions", "KeySchema")
    client.create_table(TableName="callers", **{name: properties[name] for name in names})
    for name, value in (("TABLE", "callers"), ("QUESTIONS_PER_MINUTE", str(MINUTE)), ("ITEMS_PER_DAY", str(DAY))):
        environment.setenv(f"CALLER_{name}", value)
    return client


def prepare(quota: CallerQuota, items: int, name: str) -> int:
    """PrepareCorpus of a run of Ann's: the number of lines that its Map gets."""
    s3 = S3(**{"c.jsonl": b'{"text": "T"}\n' * items})
    refs = {"preprocess": {"id": "g", "version": "1"}}
    run = {"id": name, "caller": ANN, "corpus": {"bucket": "bucket", "key": "c.jsonl"}, "guardrails": refs}
    run |= {"work": {"bucket": "bucket", "key": f"runs/{name}"}}
    return int(prepare_corpus({"run": run}, None, Objects(s3), quota)["lines"])


@pytest.mark.parametrize("seed", range(3))
def test_what_starts_in_a_day_is_within_the_quota(dynamodb: Any, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Any order of work, with kills after the count and retries of what was killed."""
    chance, now, started = random.Random(seed), [0.0], 0
    application = Application(monkeypatch)
    quota = CallerQuota(dynamodb, lambda: now[0])
    monkeypatch.setattr(app, "quota", quota)
    for number in range(60):
        now[0] += chance.choice((0, 0, 1, 20))
        work = chance.choice(WORKS)
        if work == "PrepareCorpus":
            try:
                started += prepare(quota, chance.randint(1, 9), f"run-{number}")
            except QuotaExceeded:
                continue
        else:
            method, _, path = work.partition(" ")
            body = BODIES[work]
            token = {"client_token": f"t{number}"} if isinstance(body, dict) else {}
            before = len(application.done)
            if chance.random() < 0.3:
                _kill(application, monkeypatch, method, path, {**body, **token} if isinstance(body, dict) else body)
            application.call(method, path, {**body, **token} if isinstance(body, dict) else body)
            started += application.done[before:].count("StartExecution") * (10 if path == "/evaluations" else 1)

    counted = sum(int(item["items"]["N"]) for item in dynamodb.scan(TableName="callers")["Items"] if "items" in item)
    assert 0 < started <= counted <= DAY


def test_a_killed_start_is_repeated_without_a_second_count(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token's execution starts once it is repeated, although the quota is used up."""
    application = Application(monkeypatch)
    monkeypatch.setattr(app, "quota", CallerQuota(dynamodb, lambda: 0.0))
    body = {"question": "Why?", "client_token": "t"}
    _kill(application, monkeypatch, "POST", "/chat", body)
    assert application.done == []
    for _ in range(MINUTE - 1):
        application.call("POST", "/chat", {"question": "Why?"})
    assert application.call("POST", "/chat", {"question": "Why?"})[0] == 429
    application.done.clear()

    application.call("POST", "/chat", body)
    assert application.done == ["StartExecution"]


def test_a_retried_preparation_is_not_refused_by_its_own_count(dynamodb: Any) -> None:
    """Lambda repeats it after a kill; another run does not fit any more."""
    quota = CallerQuota(dynamodb, lambda: 0.0)
    assert [prepare(quota, DAY, "run-1") for _ in range(3)] == [DAY] * 3
    with pytest.raises(QuotaExceeded):
        prepare(quota, 1, "run-1-r1")
    with pytest.raises(InvalidRequest):
        prepare(quota, 0, "run-2")


def _kill(application: Application, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: object) -> None:
    """The request, in a process that ends between the count and the start."""

    def killed(*_: object) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        for start in ("start", "start_or_find"):
            patched.setattr(f"stepguard.aws.executions.Executions.{start}", killed)
        try:
            application.call(method, path, body)
        except Killed:
            return
