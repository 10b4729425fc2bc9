"""Corpora that are larger, or cost more, than they look."""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import pytest

from functions.evaluations_api import EvaluationsApi
from functions.prepare_corpus import prepare_corpus
from stepguard.admin.run_costs import RunCosts
from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Objects
from stepguard.cli.evaluate import again, command
from stepguard.evaluation.limits import Limits
from stepguard.evaluation.runs import Run
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest
from stepguard.session.model import Session
from tests.fakes.s3 import S3
from tests.fakes.states import MACHINE
from tests.unit.functions.test_evaluations_api import FollowedStates

pytestmark = pytest.mark.usefixtures("moto")
REFS = {"preprocess": {"id": "g1", "version": "1"}}
BOMB = gzip.compress((json.dumps({"text": "a" * 5000}) + "\n").encode() * 4_000)
"""Twenty megabytes in twenty kilobytes."""


def session(states: FollowedStates, s3: S3) -> Session:
    """A session on AWS, on fakes."""
    return Session(states.executions, evaluations=Evaluations(MACHINE, "bucket", states, Objects(s3)))


def arguments(corpus: Path, **options: object) -> argparse.Namespace:
    """The command's options."""
    names = ("guardrails", "sample", "concurrency", "resume", "failed", "home", "endpoint_url", "state_machine")
    limits = ("max_cost", "max_bytes", "max_items", "max_text_units")
    given = {"corpus": str(corpus), "out": str(corpus.parent / "out"), "seed": 0, "kind": "document", "json": True}
    given["layers"] = None
    return argparse.Namespace(**(dict.fromkeys((*names, *limits)) | given | {"tolerate": 5.0, "aws": True} | options))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"max_items": 3_000}, "3,000 rows"),
        ({"max_bytes": 10**7}, "10,000,000 bytes"),
        ({"max_text_units": 5}, "5 text"),
    ],
)
def test_the_command_uploads_nothing(tmp_path: Path, limit: dict[str, int], words: str) -> None:
    """A compressed corpus over each limit: one clear error, no object, no execution."""
    assert len(BOMB) < 100_000
    (tmp_path / "corpus.jsonl.gz").write_bytes(BOMB)
    states, s3 = FollowedStates(), S3()
    with pytest.raises(InvalidRequest, match=words):
        command.start(arguments(tmp_path / "corpus.jsonl.gz", **limit), session(states, s3))
    assert not list(s3.objects)
    assert not states.inputs


def test_a_costly_corpus_is_refused(tmp_path: Path) -> None:
    """The estimate is above --max-cost; the same corpus runs with a higher one."""
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"text": "a" * 20_000}) + "\n")
    states, s3 = FollowedStates(), S3()
    with pytest.raises(InvalidRequest, match=r"would cost about \$0\.01\d+ on AWS, more than the limit of \$0\.01\."):
        command.start(arguments(tmp_path / "corpus.jsonl", max_cost=0.01), session(states, s3))
    assert not list(s3.objects)
    run = command.start(arguments(tmp_path / "corpus.jsonl", max_cost=0.02), session(states, s3))
    (started,) = states.inputs.items()
    assert started[0].endswith(run)
    assert started[1]["run"]["limits"]["cost"] == 0.02


@pytest.mark.parametrize("limits", [Limits(items=1_000), Limits(bytes=10**6), Limits(text_units=100), Limits(cost=0.5)])
def test_prepare_corpus_ends_before_the_first_guard_call(limits: Limits) -> None:
    """A run that reaches the Lambda by another way, such as the API, has the same limits; it writes no line."""
    s3 = S3(**{"c.jsonl.gz": BOMB})
    run = Run("run-1", ("bucket", "c.jsonl.gz"), ("bucket", "runs/run-1"), REFS, limits=limits)
    with pytest.raises(InvalidRequest, match=r"rows|bytes|text units|would cost"):
        prepare_corpus({"run": run.to_document()}, None, Objects(s3))
    assert list(s3.objects) == ["c.jsonl.gz"]


def test_a_caller_of_the_api_chooses_no_limit() -> None:
    """They are the deployment's."""
    evaluations = Evaluations(MACHINE, "bucket", FollowedStates(), Objects(S3()))
    body = json.dumps({"corpus": "s3://bucket/c.jsonl", "limits": {"cost": 1e9}}).encode()
    with pytest.raises(InvalidRequest, match="unknown members"):
        EvaluationsApi(evaluations).post(body, Caller("arn:aws:iam::1:user/ann"))


def test_the_account_of_a_run_survives_a_kill() -> None:
    """An entry is written before its start: starts without end cannot add up to more than the limit."""
    estimate = {"lines": 1, "estimate": {"dollars": 4.0}}
    s3 = S3(**{"runs/run-1/corpus.json": json.dumps(estimate).encode()})
    evaluations = Evaluations(MACHINE, "bucket", FollowedStates(), Objects(s3))
    limits = Limits(cost=10)
    assert RunCosts(evaluations, "run-1").spend("run-1-r1", 3.0, limits) == 7.0
    # Killed here, and started again by another process: the same start counts once.
    assert RunCosts(evaluations, "run-1").spend("run-1-r1", 3.0, limits) == 7.0
    assert RunCosts(evaluations, "run-1").spend("run-1-resume-a", 3.0, limits) == 10.0
    with pytest.raises(InvalidRequest, match=r"about \$11\.00 on AWS, more than the limit of \$10\.00"):
        RunCosts(evaluations, "run-1").spend("run-1-resume-b", 1.0, limits)
    assert RunCosts(evaluations, "run-1").spent() == 10.0


def test_a_stopped_run_continues_within_its_cost(tmp_path: Path) -> None:
    """--resume again and again: refused by the sum, unless --max-cost raises it."""
    estimate = {"lines": 10, "estimate": {"dollars": 4.0}}
    s3 = S3(**{"runs/run-1/corpus.json": json.dumps(estimate).encode()})
    states = FollowedStates(status="ABORTED")
    place = session(states, s3)
    run = Run("run-1", ("bucket", "c"), ("bucket", "runs/run-1"), limits=Limits(cost=9))
    place.evaluations.start(run)
    execution = place.evaluations.describe("run-1")
    again.redrive(arguments(tmp_path), place, execution)  # five of ten lines have not succeeded: half of 4 dollars
    again.redrive(arguments(tmp_path), place, execution)
    with pytest.raises(InvalidRequest, match="--max-cost"):
        again.redrive(arguments(tmp_path), place, execution)
    again.redrive(arguments(tmp_path, max_cost=12.0), place, execution)
    assert RunCosts(place.evaluations, "run-1").spent() == 10.0
