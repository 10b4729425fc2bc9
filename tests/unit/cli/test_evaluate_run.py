"""A run followed to its end: what its end means for the one who started it."""

from __future__ import annotations

import json

import pytest

from cli import evaluate_output, evaluate_run
from cli.session import Session
from functions.adapters.evaluations import Evaluations
from functions.adapters.objects import Objects
from functions.core.errors import InvalidRequest, ServiceUnavailable
from functions.core.runs import Run
from tests.fakes.states import MACHINE, FakeStates
from tests.unit.handlers.test_corpus_handlers import FakeS3

RUN = Run("run-1", ("corpora", "letters.jsonl"), ("b", "runs/run-1"), sample=5, seed=7)


def session(states: FakeStates, s3: FakeS3 | None = None) -> Session:
    """On fakes, with the run started."""
    evaluations = Evaluations(MACHINE, "b", states.fake.client, Objects(s3 or FakeS3()))
    evaluations.start(RUN)
    return Session(states.executions, evaluations=evaluations)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("InvalidRequest", json.dumps({"errorMessage": "no item"})),
        ("AccessDenied", json.dumps({"errorMessage": "s3://b/c: GetObject: AccessDenied"})),
        ("States.ItemReaderFailed", "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: s3:GetObject"),
        ("States.ResultWriterFailed", "Access Denied (Service: Amazon S3; Error Code: AccessDenied)"),
        ("Lambda.AWSLambdaException", "... is not authorized to perform: lambda:InvokeFunction ..."),
    ],
)
def test_what_people_have_to_put_right_is_bad_input(error: str, cause: str) -> None:
    """The corpus, or what a role may do: exit code 2 in the words of the one who refused."""
    place = session(FakeStates(status="FAILED", error=error, cause=cause))
    with pytest.raises(InvalidRequest, match=r"no item|GetObject|AccessDenied|InvokeFunction"):
        evaluate_run.follow(place, RUN.id, quiet=True)


def test_any_other_failure_is_the_services() -> None:
    """Exit code 1, with the error's words."""
    place = session(FakeStates(status="FAILED", error="ItemsLost", cause="not every item"))
    told = evaluate_run.failure(evaluate_run.follow(place, RUN.id, quiet=True))
    assert isinstance(told, ServiceUnavailable)
    assert "not every item" in str(told)


def test_a_run_of_the_api_is_described_by_its_execution() -> None:
    """No command wrote down what it was; one that a command started is told in that command's words."""
    s3 = FakeS3()
    evaluations = session(FakeStates(), s3).evaluations
    execution = evaluations.describe(RUN.id)
    assert evaluate_output.about(evaluations, execution) == {
        "run": "run-1",
        "corpus": "s3://corpora/letters.jsonl",
        "guardrails": {},
        "sample": 5,
        "seed": 7,
        "started": "2026-11-22T00:00:00+00:00",
    }
    s3.objects["runs/run-1/run.json"] = b'{"run": "run-1", "corpus": "letters"}'
    assert evaluate_output.about(evaluations, execution) == {"run": "run-1", "corpus": "letters"}
