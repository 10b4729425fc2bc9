"""`stepguard serve --mock`: the cases of a mock configuration on the served state machines."""

from __future__ import annotations

import json
import time
from pathlib import Path

import boto3
import pytest

from tests.e2e.product import MACHINE, environment, run, serve
from tests.paths import ROOT


def test_serve_runs_mocked_cases(tmp_path: Path) -> None:
    """The case's outcome, whatever the question; the same state machine without a case really runs."""
    mocks = ROOT / "statemachine" / "mocks" / "chat.json"
    with serve(tmp_path, "--mock", str(mocks)) as server:
        states = boto3.client(
            "stepfunctions", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any",
            aws_secret_access_key="any",
        )  # fmt: skip
        document = json.dumps({"request": {"kind": "prompt", "text": "What is insulin?", "caller": "test"}})
        arn = states.start_execution(stateMachineArn=f"{MACHINE}#ModelBlocked", input=document)["executionArn"]
        while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.05)
    assert json.loads(found["output"])["answer"]["source"] == "BEDROCK GUARDRAIL"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file. `stepguard eject statemachine` writes statemachine/mocks/chat.json."),
        ("{}", "is not a mock configuration of Step Functions Local"),
        (
            '{"StateMachines": {"chat": {"TestCases": {"A": {}}}}, "MockedResponses": {}}',
            "has cases of chat; the state machines here are stepguard-local-chat, stepguard-local-evaluate",
        ),
    ],
)
def test_a_wrong_mock_file_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    """Before anything starts; exit code 2."""
    file = tmp_path / "mocks.json"
    if content is not None:
        file.write_text(content)
    ran = run("stepguard", "serve", "--port", "0", "--mock", str(file), env=environment(tmp_path))

    assert ran.code == 2
    assert words in ran.err
