"""A run followed to its end: what its end means for the one who started it."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Objects
from stepguard.cli.evaluate import command, output, progress
from stepguard.evaluation.results import result_of
from stepguard.evaluation.runs import Run
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable
from stepguard.guard.stages import Layer
from stepguard.session.model import Session
from tests.fakes.aws import client_error
from tests.fakes.s3 import S3
from tests.fakes.scorecards import scorecard_of
from tests.fakes.states import MACHINE, FakeStates
from tests.unit.evaluation.test_scorecard import record
from tests.unit.functions.test_evaluations_api import FollowedStates

pytestmark = pytest.mark.usefixtures("moto")
RUN = Run("run-1", ("corpora", "letters.jsonl"), ("bucket", "runs/run-1"), sample=5, seed=7)


def session(states: FakeStates, s3: S3 | None = None) -> Session:
    """On fakes, with the run started."""
    evaluations = Evaluations(MACHINE, "bucket", states.fake.client, Objects(s3 or S3()))
    evaluations.start(RUN)
    return Session(states.executions, evaluations=evaluations)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("InvalidRequest", json.dumps({"errorMessage": "no item"})),
        ("AccessDenied", json.dumps({"errorMessage": "s3://bucket/c: GetObject: AccessDenied"})),
        ("States.ItemReaderFailed", "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: s3:GetObject"),
        ("States.ResultWriterFailed", "Access Denied (Service: Amazon S3; Error Code: AccessDenied)"),
        ("Lambda.AWSLambdaException", "... is not authorized to perform: lambda:InvokeFunction ..."),
    ],
)
def test_what_people_have_to_put_right_is_bad_input(error: str, cause: str) -> None:
    """The corpus, or what a role may do: exit code 2 in the words of the one who refused."""
    place = session(FakeStates(status="FAILED", error=error, cause=cause))
    with pytest.raises(InvalidRequest, match=r"no item|GetObject|AccessDenied|InvokeFunction"):
        progress.follow(place, RUN.id, quiet=True)


def test_any_other_failure_is_the_services() -> None:
    """Exit code 1, with the error's words."""
    place = session(FakeStates(status="FAILED", error="ItemsLost", cause="not every item"))
    error = progress.failure(progress.follow(place, RUN.id, quiet=True))
    assert isinstance(error, ServiceUnavailable)
    assert "not every item" in str(error)


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


class Uncounted(FollowedStates):
    """Step Functions for credentials that may describe executions alone."""

    def list_map_runs(self, **_: object) -> dict[str, Any]:
        raise client_error("AccessDeniedException", "not authorized", 403)


@pytest.mark.parametrize(("kind", "text"), [(FollowedStates, "7/40"), (Uncounted, "reading the corpus")])
def test_a_bar_shows_how_far_a_run_is(monkeypatch: pytest.MonkeyPatch, kind: type[FollowedStates], text: str) -> None:
    """Where the credentials may ask; where not, the run is followed to its end all the same."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "PAUSE_SECONDS", 0.01)
    states = kind(looks=2, output={"summary": {}})
    evaluations = Evaluations(MACHINE, "bucket", states, Objects(S3(**{"runs/run-1/corpus.json": b'{"lines": 40}'})))
    evaluations.start(RUN)
    place = Session(states.executions, evaluations=evaluations)
    assert progress.follow(place, RUN.id, quiet=False).status == "SUCCEEDED"
    assert text in terminal.getvalue()


def test_a_corpus_that_cannot_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    """Whatever goes wrong before the run is started, also Ctrl-C: what was uploaded is deleted."""

    class Interrupting(S3):
        def put_object(self, **_: Any) -> None:
            raise KeyboardInterrupt

    s3, states = Interrupting(), FakeStates()
    (tmp_path / "c.jsonl").write_text('{"text": "a"}')
    options = dict.fromkeys(("guardrails", "out", "sample", "concurrency", "resume", "kind", "layers"))
    arguments = argparse.Namespace(
        **options,
        corpus=str(tmp_path / "c.jsonl"),
        seed=0,
        tolerate=5.0,
        home=str(tmp_path),
        json=True,
    )
    place = Session(states.executions, evaluations=Evaluations(MACHINE, "bucket", states.fake.client, Objects(s3)))
    with pytest.raises(KeyboardInterrupt):
        command.start(arguments, place)
    assert (dict(s3.objects), states.inputs) == ({}, {})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"corpus": "numbers.jsonl"}, "run-1 is a run of letters.jsonl: leave numbers.jsonl out"),
        ({"guardrails": Path("guardrails")}, "leave out --guardrails"),
        ({"sample": 5}, "leave out --sample"),
        ({"kind": "prompt", "layers": (Layer.MODEL,)}, "leave out --kind and --layers"),
        ({"corpus": "corpora/letters.jsonl"}, None),
        ({}, None),
    ],
)
def test_a_resumed_run_is_not_another_one(options: dict[str, Any], reason: str | None) -> None:
    """What --resume would not look at is refused; the run's own corpus may be named again."""
    place = session(FakeStates(), S3(**{"runs/run-1/run.json": b'{"run": "run-1", "corpus": "letters.jsonl"}'}))
    given = dict.fromkeys(("corpus", "guardrails", "sample", "kind", "layers")) | {"resume": "run-1"} | options
    arguments = argparse.Namespace(**given)
    if reason is None:
        command.check_resumed(arguments, place)
        return
    with pytest.raises(InvalidRequest, match=reason):
        command.check_resumed(arguments, place)


class ReadOnly(S3):
    """S3 for credentials that may read the results and nothing else."""

    def upload_file(self, *_: object, **__: object) -> None:
        raise client_error("AccessDenied", "Access Denied", 403)


def test_who_may_only_read_has_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It cannot be added to the results for others, and the command reports that."""
    written = files(record())
    place = session(FakeStates(), ReadOnly(**written))
    arguments = argparse.Namespace(resume="run-1", out=str(tmp_path / "out"), json=False)
    assert command.finish(arguments, place, "run-1").broken is None
    assert (tmp_path / "out" / "report.html").exists()
    assert "report.html: PutObject: AccessDenied" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "again"), [("ABORTED", True), ("TIMED_OUT", True), ("FAILED", False)])
def test_a_run_that_was_cut_short_goes_on(tmp_path: Path, status: str, again: bool) -> None:
    """A failed one has ended; its results are fetched again, and it is reported as failed."""
    s3 = S3(**files(record()))
    states = FollowedStates(status=status, error="States.ExceedToleratedFailureThreshold")
    evaluations = Evaluations(MACHINE, "bucket", states, Objects(s3))
    evaluations.start(RUN)
    arguments = argparse.Namespace(resume="run-1", out=str(tmp_path / "out"), json=True)
    done = command.finish(arguments, Session(states.executions, evaluations=evaluations), "run-1")
    assert bool(states.redriven) is again
    assert status in str(done.broken)
    assert json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))["corpus"] == "s3://corpora/letters.jsonl"


def files(entry: dict[str, Any]) -> dict[str, bytes]:
    """The objects of a run with one item, as SummarizeCorpus writes them."""
    result = result_of(entry)[0]
    card = {"bad_rows": 0, "not_evaluated": 0} | scorecard_of([result]).to_dict()
    return {
        "runs/run-1/scorecard.json": json.dumps(card).encode(),
        "runs/run-1/results.jsonl": f"{json.dumps(result.to_dict())}\n".encode(),
        "runs/run-1/items.csv": b"",
    }


def test_a_run_of_the_api_is_described_by_its_execution() -> None:
    """No command wrote down what it was; one that a command started is reported in that command's words."""
    s3 = S3()
    evaluations = session(FakeStates(), s3).evaluations
    execution = evaluations.describe(RUN.id)
    assert output.about(evaluations, execution) == {
        "run": "run-1",
        "corpus": "s3://corpora/letters.jsonl",
        "guardrails": {},
        "sample": 5,
        "seed": 7,
        "started": "2026-11-22T00:00:00+00:00",
    }
    s3.objects["runs/run-1/run.json"] = b'{"run": "run-1", "corpus": "letters"}'
    assert output.about(evaluations, execution) == {"run": "run-1", "corpus": "letters"}
