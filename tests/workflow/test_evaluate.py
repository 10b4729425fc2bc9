"""The evaluation's definition, run by the engine with its own Lambdas: every way it can end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock
from embedded_aws.wire import Account
from functions.prepare_corpus import prepare_corpus
from functions.summarize_corpus import summarize_corpus
from stepguard.aws.objects import Objects
from stepguard.evaluation.runs import Run
from stepguard.guard.errors import StepguardError, Throttled
from stepguard.project.definitions import ITEM_ATTEMPTS
from stepguard.project.folder import builtin_project
from tests.fakes.s3 import S3
from tests.paths import ROOT
from tests.unit.functions.test_corpus_handlers import REFS

NAMES = ("guard_input", "invoke_model", "guard_answer", "prepare_corpus", "summarize_corpus")


def guard(event: dict[str, Any], answers: bool) -> dict[str, Any]:
    """A guard that blocks and fails by the text: `block me`, `fail me`."""
    text = (event["document"] if answers else event)["request"]["text"]
    if text.startswith("fail"):
        raise Throttled("Rate exceeded")
    blocked = text.startswith("block")
    outcome = "blocked" if blocked else "answered"
    answer = {"text": text, "outcome": outcome, "source": "DOCUMENT", "got_hits": int(not blocked)}
    return {
        "outcome": "blocked" if blocked else "passed",
        "blocked": blocked,
        "needs_model": False,
        "needs_context": False,
        "has_turns": False,
        "language": "en",
        "settings": None,
        "text": text,
        "findings": [],
        "scores": [],
        "text_units": {"contentPolicyUnits": 1},
        "answer": answer if blocked or answers else None,
    }


class Place:
    """An engine, a bucket and the Lambdas."""

    def __init__(self, database: Path) -> None:
        self.s3 = S3()
        self.drop = 0
        self.healthy = False
        self.asked: list[str] = []
        self.states = StepFunctions(
            database, self._invoke, Account(), clock=VirtualClock(), clients=lambda service: self.s3
        )
        arns = {name: f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in NAMES}
        made = self.states.create_state_machine(
            {
                "name": "evaluate",
                "definition": builtin_project().evaluation_definition(arns),
                "roleArn": "arn:aws:iam::000000000000:role/r",
            }
        )
        self.machine = made["stateMachineArn"]

    def _invoke(self, function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        event, name = json.loads(payload), function.rpartition(":")[2]
        self.asked.append(name)
        try:
            result = self._call(name, event)
        except StepguardError as error:
            failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return LambdaResult(json.dumps(failure).encode(), function_error="Unhandled")
        return LambdaResult(json.dumps(result).encode())

    def _call(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        if name == "prepare_corpus":
            return prepare_corpus(event, None, Objects(self.s3))
        if name == "summarize_corpus":
            for key in [key for key in self.s3.objects if key.endswith("SUCCEEDED_0.jsonl")]:
                self.s3.objects[key] = b"\n".join(self.s3.objects[key].splitlines()[self.drop :])
            return summarize_corpus(event, Objects(self.s3))
        if self.healthy:
            event = json.loads(json.dumps(event).replace('"fail', '"was fail'))
        return guard(event, name == "guard_answer")

    def run(self, *texts: str, tolerated: float = 0.0) -> dict[str, Any]:
        """Evaluate documents of these texts; the ended execution."""
        rows = (json.dumps({"text": text, "expected": "passed"}) + "\n" for text in texts)
        self.s3.objects["corpus.jsonl"] = "".join(rows).encode()
        return self.start(Run("run-1", ("bucket", "corpus.jsonl"), ("bucket", "runs/run-1"), REFS, 2, tolerated))

    def again(self, number: int = 1) -> dict[str, Any]:
        """Evaluate the failed items again; the ended execution."""
        name = f"run-1-r{number}"
        work = ("bucket", f"runs/{name}")
        return self.start(Run(name, ("bucket", "corpus.jsonl"), work, REFS, 2, 100.0, retry_of="run-1"))

    def start(self, run: Run) -> dict[str, Any]:
        """Run to the end."""
        document = json.dumps({"run": run.to_document()})
        arn = self.states.start_execution({"stateMachineArn": self.machine, "input": document})["executionArn"]
        deadline = time.monotonic() + 20
        while (found := self.states.describe_execution({"executionArn": arn}))["status"] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return found

    def card(self) -> dict[str, Any]:
        """The run's scorecard."""
        card: dict[str, Any] = json.loads(self.s3.objects["runs/run-1/scorecard.json"])
        return card


@pytest.fixture
def place(moto: None, tmp_path: Path) -> Iterator[Place]:
    """A fresh one."""
    made = Place(tmp_path / "states.sqlite3")
    yield made
    made.states.close()


def test_failed_items_are_evaluated_again(place: Place) -> None:
    """Only they; the run's results are complete then, and keep what was before. A second retry works on the rest."""
    assert place.run("one", "fail two", "block me", "fail four", tolerated=60.0)["status"] == "SUCCEEDED"
    place.asked.clear()
    assert place.again(1)["status"] == "SUCCEEDED"  # they fail again: a retry tolerates it
    assert place.card()["actions"]["failed"] == 2
    place.healthy = True
    place.asked.clear()
    ended = place.again(2)
    assert (ended["status"], json.loads(ended["output"])["summary"]["failed"]) == ("SUCCEEDED", 0)
    assert place.asked.count("guard_input") == 2
    card = place.card()
    assert (card["items"], card["actions"]["failed"], card["actions"]["blocked"], card["retries"]) == (4, 0, 1, 2)
    lines = {line["number"]: line for line in place.s3.lines("runs/run-1/results.jsonl")}
    assert sorted(lines) == [0, 1, 2, 3]
    assert [entry["action"] for entry in lines[1]["earlier"]] == ["failed", "failed"]
    assert [entry["error"] for entry in lines[3]["earlier"]] == ["Throttled", "Throttled"]
    assert "earlier" not in lines[0]


def test_a_run_without_failed_items_has_nothing_to_evaluate_again(place: Place) -> None:
    """It ends before the first guard call, and its results stay."""
    place.run("one")
    place.asked.clear()
    ended = place.again()
    assert (ended["status"], ended["error"]) == ("FAILED", "InvalidRequest")
    assert "no failed items" in ended["cause"]
    assert place.asked == ["prepare_corpus"]
    assert place.card()["items"] == 1


def test_a_blocked_item_is_a_success(place: Place) -> None:
    """The run succeeds, and each item was a separate execution."""
    ended = place.run("one", "block me", "three")
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["summary"] == {
        "scorecard": "runs/run-1/scorecard.json",
        "results": "runs/run-1/results.jsonl",
        "items": 3,
        "failed": 0,
        "lost": 0,
    }
    assert place.card()["actions"] == {"passed": 2, "masked": 0, "blocked": 1, "failed": 0}
    assert place.asked.count("guard_answer") == 2
    assert len({line["execution"] for line in place.s3.lines("runs/run-1/results.jsonl")}) == 3


def test_the_limits_of_a_run_are_those_of_its_map_run(place: Place) -> None:
    """As Step Functions returns them; 2 children at a time, as the run was started with."""
    ended = place.run("one", "two", tolerated=7)
    (listed,) = place.states.list_map_runs({"executionArn": ended["executionArn"]})["mapRuns"]
    map_run = place.states.describe_map_run({"mapRunArn": listed["mapRunArn"]})
    assert (map_run["maxConcurrency"], map_run["toleratedFailurePercentage"], map_run["toleratedFailureCount"]) == (
        2,
        7.0,
        0,
    )


def test_a_failed_item_is_retried_then_counted_and_listed(place: Place) -> None:
    """A quarter of the items may fail here."""
    ended = place.run("one", "two", "three", "fail me", tolerated=25)
    assert ended["status"] == "SUCCEEDED"
    assert place.asked.count("guard_input") == 3 + 1 + ITEM_ATTEMPTS
    assert place.card()["errors"] == {"Throttled": 1}
    assert place.card()["look_first"][0]["number"] == 3


def test_too_many_failures_fail_the_run_and_are_scored(place: Place) -> None:
    """So that people see what failed."""
    ended = place.run("fail me", "fail me too", "three", tolerated=10)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert place.card()["actions"]["failed"] >= 1


def test_a_hopeless_run_ends_at_once(place: Place) -> None:
    """Not when every item has been tried, each with its retries."""
    ended = place.run(*(f"fail {number}" for number in range(60)), tolerated=5)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert place.asked.count("guard_input") <= (1 + ITEM_ATTEMPTS) * (3 + 1 + 2)  # of the four that fail, two at a time
    assert place.card()["not_evaluated"] >= 50


def test_a_bad_corpus_ends_the_run_before_any_guard(place: Place) -> None:
    """With the reason as its cause."""
    ended = place.run()
    assert (ended["status"], ended["error"]) == ("FAILED", "InvalidRequest")
    assert "no readable item" in json.loads(ended["cause"])["errorMessage"]
    assert place.asked == ["prepare_corpus"]


def test_lost_items_fail_the_run(place: Place) -> None:
    """A score of the rest would be wrong without anybody knowing."""
    place.drop = 1
    ended = place.run("one", "two")
    assert (ended["status"], ended["error"]) == ("FAILED", "ItemsLost")


@pytest.mark.process
def test_a_linter_agrees_but_for_what_it_does_not_know(tmp_path: Path) -> None:
    """statelint 3.1 knows neither Label, InputType JSONL nor WriterConfig, which AWS documents."""
    definition = json.loads((ROOT / "statemachine" / "evaluate.asl.json").read_text(encoding="utf-8"))
    state = definition["States"]["EvaluateItems"]
    assert "GuardInput" in state["ItemProcessor"]["States"]
    for holder, name in (
        (state, "Label"),
        (state["ItemReader"], "ReaderConfig"),
        (state["ResultWriter"], "WriterConfig"),
    ):
        del holder[name]
    file = tmp_path / "evaluate.asl.json"
    file.write_text(json.dumps(definition), encoding="utf-8")
    statelint = Path(sys.executable).parent / "statelint"
    done = subprocess.run([str(statelint), "--ignore=URI", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, "error" in done.stdout) == (0, False), done.stdout
