"""The models that compare answers with their references: what is called, kept and noted."""

from __future__ import annotations

import argparse
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stepguard.admin import judge
from stepguard.aws import embedding
from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Objects
from stepguard.cli.evaluate import quality
from stepguard.cli.evaluate.quality import EVIDENCE, Judges
from stepguard.evaluation.results import result_of
from stepguard.guard.errors import InvalidRequest
from tests.fakes.s3 import S3
from tests.fakes.scorecards import scorecard_of
from tests.unit.evaluation.test_answers import answered
from tests.unit.evaluation.test_scorecard import record

pytestmark = pytest.mark.usefixtures("moto")
RECORDS = [
    answered(0, "At eight in the morning.", "8 am", grade="correct"),
    answered(1, "At nine.", "8 am", grade="wrong"),
    record(2),
]
KEY = f"runs/run-1/{EVIDENCE}"


class Bedrock:
    """Embeds a text as its number of letters, and grades what has an `eight` as correct."""

    def __init__(self, refusing: str = "", busy: int = 0) -> None:
        self.calls: list[str] = []
        self._refusing = refusing
        self._busy = busy

    def invoke_model(self, **request: Any) -> dict[str, Any]:
        """Titan's shape."""
        self._called("InvokeModel", request["modelId"])
        body = json.loads(request["body"])
        assert (body["dimensions"], body["normalize"]) == (512, True)
        vector = [float(body["inputText"].count("e")), 1.0]
        return {"body": io.BytesIO(json.dumps({"embedding": vector, "inputTextTokenCount": 4}).encode())}

    def converse(self, **request: Any) -> dict[str, Any]:
        """A reply with a reason."""
        self._called("Converse", request["modelId"])
        text = request["messages"][0]["content"][0]["text"]
        grade = "correct" if "eight" in text.partition("<answer>")[2] else "wrong"
        content = [{"text": f"<think>hm</think>Because.\nGRADE: {grade}"}]
        usage = {"inputTokens": 100, "outputTokens": 10}
        return {"output": {"message": {"content": content}}, "stopReason": "end_turn", "usage": usage}

    def _called(self, operation: str, model: str) -> None:
        self.calls.append(model)
        if model == self._refusing:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        if self._busy:
            self._busy -= 1
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, operation)


def compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bedrock: Bedrock, s3: S3, judges: Judges
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The scorecard and the lines after the comparison."""
    quality._of_reference.cache_clear()
    for module in (embedding, judge):
        monkeypatch.setattr(module, "client", lambda _: bedrock)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    results = [result_of(entry)[0] for entry in RECORDS]
    file = tmp_path / "results.jsonl"
    file.write_text("".join(json.dumps(entry.to_dict()) + "\n" for entry in results), encoding="utf-8")
    card = scorecard_of(results).to_dict()
    evaluations = Evaluations("arn", "bucket", None, Objects(s3))
    quality.complete(file, card, evaluations, "run-1", judges, quiet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.jsonl"]
    return card["answers"], [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_answers_are_compared_and_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The grade is the judge's, with its agreement with the corpus's own; each model has its tokens and price."""
    s3 = S3()
    judges = Judges(judge="us.deepseek.r1-v1:0")
    answers, lines = compared(tmp_path, monkeypatch, Bedrock(), s3, judges)
    assert [line.get("quality", {}).get("grade") for line in lines] == ["correct", "wrong", None]
    assert answers["judge"]["correct"] == 1
    assert answers["labels"]["kappa"] == 1
    assert answers["embedding"]["items"] == 2
    assert answers["models"]["judge"]["tokens"] == {"input": 200, "output": 20}
    assert answers["models"]["embedding"]["dollars"] is not None
    assert b"At eight" not in s3.objects[KEY]


def test_no_call_is_paid_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence of an earlier command is used; another judge grades again."""
    s3, first, second, third = S3(), Bedrock(), Bedrock(), Bedrock()
    before = compared(tmp_path, monkeypatch, first, s3, Judges(judge="a"))
    assert compared(tmp_path, monkeypatch, second, s3, Judges(judge="a")) == before
    assert (second.calls, first.calls.count("a")) == ([], 2)
    compared(tmp_path, monkeypatch, third, s3, Judges(judge="b"))
    assert third.calls == ["b", "b"]


def test_a_model_that_cannot_be_used_is_noted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other scores remain."""
    answers, _ = compared(tmp_path, monkeypatch, Bedrock(embedding.MODEL), S3(), Judges(judge="a"))
    assert (answers["embedding"], answers["judge"]["items"]) == (None, 2)
    assert capsys.readouterr().err.count("no embedding: ") == 1


def test_a_busy_model_is_called_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients make one attempt."""
    answers, _ = compared(tmp_path, monkeypatch, Bedrock(busy=3), S3(), Judges())
    assert answers["embedding"]["items"] == 2


def test_models_are_chosen_by_option_run_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order; `none` is off."""
    monkeypatch.setenv("EVALUATION_JUDGE_MODEL_ID", "of-environment")
    assert quality.judges_of(argparse.Namespace()) == Judges(embedding.MODEL, "of-environment")
    run = Judges(None, "of-run", "Be strict.").to_dict()
    assert quality.judges_of(argparse.Namespace(judge=None), run) == Judges(None, "of-run", "Be strict.")
    assert quality.judges_of(argparse.Namespace(judge="x", embedding="none")) == Judges(None, "x")
    file = tmp_path / "rubric.txt"
    with pytest.raises(InvalidRequest, match="cannot be read"):
        quality.judges_of(argparse.Namespace(judge="x", rubric=file))
    file.write_text(" ")
    with pytest.raises(InvalidRequest, match="empty"):
        quality.judges_of(argparse.Namespace(judge="x", rubric=file))
    monkeypatch.delenv("EVALUATION_JUDGE_MODEL_ID")
    with pytest.raises(InvalidRequest, match="--judge"):
        quality.judges_of(argparse.Namespace(rubric=file))
