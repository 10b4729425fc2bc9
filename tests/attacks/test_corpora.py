"""Corpora and results of other callers: each caller's are in its own folder, which no address of another reaches."""

from __future__ import annotations

from typing import Any

import pytest

from functions.evaluations_api import EvaluationsApi
from stepguard.aws.evaluations import Evaluations, run_id
from stepguard.aws.objects import Address, Objects
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest
from tests.attacks.application import ANN, Application
from tests.fakes.aws import FakeClient
from tests.fakes.s3 import S3
from tests.fakes.states import BEGIN, MACHINE

pytestmark = pytest.mark.usefixtures("moto")
OWNER = Caller(ANN).owner
BOB = Caller("bob").owner
BOSS = "arn:aws:iam::123456789012:user/boss"


@pytest.mark.parametrize(
    "corpus",
    [
        "s3://bucket",
        "s3://bucket/",
        "s3://bucket//",
        "s3://bucket/corpora",
        "s3://bucket/corpora/",
        f"s3://bucket/corpora/{BOB}/",
        f"s3://bucket/corpora/{BOB}/c.jsonl",
        f"s3://bucket/corpora/{OWNER}",
        f"s3://bucket/corpora/{OWNER}2/c.jsonl",
        f"s3://bucket/corpora/{OWNER}-c.jsonl",
        f"s3://bucket/corpora/{OWNER[:-1]}/c.jsonl",
        f"s3://bucket/corpora/{OWNER.upper()}/c.jsonl",
        f"s3://bucket/corpora/{OWNER}/../{BOB}/c.jsonl",
        f"s3://bucket/corpora/./{OWNER}/c.jsonl",
        f"s3://bucket/corpora//{OWNER}/c.jsonl",
        f"s3://bucket//corpora/{OWNER}/c.jsonl",
        f"s3://bucket/corpora/{OWNER}//c.jsonl",
        f"s3://bucket/corpora/{OWNER}/..%2f{BOB}%2fc.jsonl",
        f"s3://bucket/corpora/{OWNER}/%2e%2e/{BOB}/c.jsonl",
        f"s3://bucket/corpora/{OWNER}/%252e%252e/c.jsonl",
        f"s3://bucket/corpora%2F{OWNER}%2Fc.jsonl",
        f"s3://bucket/corpora/{OWNER}\\..\\{BOB}\\c.jsonl",
        f"s3://bucket/corpora/{OWNER}/c\x00.jsonl",
        f"s3://bucket/corpora/{OWNER}/..",
        f"s3://bucket/runs/{OWNER}/",
        f"s3://bucket/runs/{OWNER}/{run_id(Caller(ANN), 't')}/results.jsonl",
        f"s3://bucket/runs/{BOB}/",
        f"s3://other/corpora/{OWNER}/c.jsonl",
        f"s3://bucket.evil/corpora/{OWNER}/c.jsonl",
        f"https://bucket.s3.amazonaws.com/corpora/{OWNER}/c.jsonl",
        f"S3://bucket/corpora/{OWNER}/c.jsonl",
        f"s3:///corpora/{OWNER}/c.jsonl",
    ],
)
def test_only_the_own_folder_is_evaluated(monkeypatch: pytest.MonkeyPatch, corpus: str) -> None:
    """400, and neither count nor start."""
    application = Application(monkeypatch)
    status, body = application.call("POST", "/evaluations", {"corpus": corpus})

    assert (status, body["error"]["code"]) == (400, "InvalidRequest")
    assert application.done == []


@pytest.mark.parametrize("name", ["", "c.jsonl", "a/b/c.csv", "a b/ü 日本.jsonl", "documents/", "50%.csv", "a..b.csv"])
def test_the_own_folder_is_evaluated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An object or a folder, with any harmless name."""
    application = Application(monkeypatch)

    assert application.call("POST", "/evaluations", {"corpus": f"s3://bucket/corpora/{OWNER}/{name}"})[0] == 202


def test_operators_evaluate_every_corpus_but_no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also outside of folders of callers; a whole bucket would include the results."""
    application = Application(monkeypatch, operators=frozenset({BOSS}))
    wanted = {
        "s3://bucket/corpora/": 202,
        f"s3://bucket/corpora/{OWNER}/c.jsonl": 202,
        "s3://bucket/shared.jsonl": 202,
        "s3://bucket/": 400,
        "s3://bucket/runs/": 400,
        "s3://bucket/runs": 400,
        f"s3://bucket/runs/{OWNER}/r/results.jsonl": 400,
        "s3://bucket/corpora/../runs/x": 400,
        "s3://other/shared.jsonl": 400,
    }
    found = {corpus: application.call("POST", "/evaluations", {"corpus": corpus}, arn=BOSS)[0] for corpus in wanted}

    assert found == wanted


def test_both_buckets_have_folders_of_callers(environment: pytest.MonkeyPatch) -> None:
    """The bucket of corpora, where callers put theirs, and the evaluations' own."""
    environment.setenv("EVALUATION_CORPUS_BUCKET", "uploads")
    evaluations, ann = Evaluations(MACHINE, "bucket"), Caller(ANN)
    assert evaluations.corpora(ann) == Address("uploads", f"corpora/{OWNER}/")
    for bucket in ("uploads", "bucket"):
        key = f"corpora/{OWNER}/c.jsonl"
        assert evaluations.corpus(f"s3://{bucket}/{key}", ann, operator=False) == Address(bucket, key)
        with pytest.raises(InvalidRequest, match=f"s3://uploads/corpora/{OWNER}/"):
            evaluations.corpus(f"s3://{bucket}/corpora/{BOB}/c.jsonl", ann, operator=False)


@pytest.mark.parametrize(
    ("one", "other"), [("a/b", "a_b"), ("a/b", "a%2Fb"), ("a", "A"), ("..", "."), ("a", "a/"), ("é", "e\u0301")]
)
def test_similar_callers_share_nothing(one: str, other: str) -> None:
    """Neither folder nor run, also with the same token."""
    assert Caller(one).owner != Caller(other).owner
    ids = {run_id(Caller(name), "t") for name in (one, other)}
    works = {Evaluations(MACHINE, "bucket").work(identifier).key for identifier in ids}
    assert (len(ids), len(works)) == (2, 2)


def test_a_retry_is_in_the_folder_of_its_run() -> None:
    """Also the longest id is one; what only resembles an id of the API is not in a caller's folder."""
    evaluations, identifier = Evaluations(MACHINE, "bucket"), run_id(Caller(ANN), "t")
    assert evaluations.work(f"{identifier}-r9999").key == f"runs/{OWNER}/{identifier}-r9999"
    for other in (f"{identifier}-x", identifier.upper(), f"x{identifier[1:]}"):
        assert evaluations.work(other).key == f"runs/{other}"


def test_results_are_in_the_callers_folder_and_linked_to_it_alone() -> None:
    """Progress, report and items of a run are another caller's 404; links lead below its folder only."""
    ann, identifier = Caller(ANN), run_id(Caller(ANN), "t")
    folder = f"runs/{OWNER}/{identifier}"
    objects = {f"{folder}/results.jsonl": b"{}", f"{folder}/scorecard.json": b"{}", f"runs/{BOB}/x/items.csv": b"x"}
    described = {
        "executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:{identifier}",
        "stateMachineArn": MACHINE,
    }
    routes = EvaluationsApi(Evaluations(MACHINE, "bucket", _ended(described, ANN), Objects(S3(**objects))), frozenset)
    status, body, _ = routes.report(identifier, ann)

    assert (status, set(body["files"])) == (200, {"results.jsonl", "scorecard.json"})
    assert all(f"/{folder}/" in link for link in body["files"].values())
    for eve in (Caller("eve"), Caller(f"{ANN}2"), Caller(ANN.replace("user/", "user/x/"))):
        assert {reply[0] for reply in (routes.get(identifier, eve), routes.report(identifier, eve))} == {404}
        assert routes.item(identifier, "0", eve)[0] == 404


def _ended(described: dict[str, Any], caller: str) -> Any:
    reply = {"name": "x", "status": "SUCCEEDED", "startDate": BEGIN, "stopDate": BEGIN, **described}
    reply["input"] = f'{{"run": {{"caller": "{caller}"}}}}'
    return FakeClient("stepfunctions", describe_execution=reply).client
