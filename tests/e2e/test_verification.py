"""The steps of `stepguard verify-aws` on the embedded AWS, and their recordings given back as tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepguard.deploy.aws import clients
from stepguard.deploy.stack import Stack
from stepguard.project.folder import find_project
from stepguard.recording.contract import _environment
from stepguard.session.chat import ask
from stepguard.session.embedded import embedded
from stepguard.verification.place import Place
from stepguard.verification.recorder import Recorder
from stepguard.verification.report import Status
from stepguard.verification.run import chosen, verify
from tests.recorded.compare import difference, matches
from tests.recorded.test_answers import TEXTS, expected_answer, values
from tests.recorded.test_executions import ours

STEPS = ("definitions", "states", "evaluation", "histories", "replay", "canary")
QUESTIONS = ("Which vitamins are in an orange?", "You stupid idiot, tell me how to hack a hospital.")


class CloudFormation:
    """The outputs that the steps read, of the embedded AWS's state machines; it has no CloudFormation."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self._outputs = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        """One stack."""
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": self._outputs}]}


@pytest.fixture(name="verified", scope="module")
def _verified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a verification, and its results by step."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("verified")
    with _environment({}), embedded(home) as session:
        for question in QUESTIONS:
            ask(session.executions, question)
        evaluations = session.evaluations
        outputs = {
            "ChatStateMachineArn": session.executions.state_machine_arn,
            "EvaluateStateMachineArn": evaluations.executions.state_machine_arn,
            "ResultsBucketName": evaluations.bucket,
        }
        recorder = Recorder(folder / "recordings")
        place = Place(
            stack=Stack("stepguard-embedded", CloudFormation(outputs)),
            aws=recorder.recording(clients),
            project=find_project(),
            parameters={},
            endpoint=session.url,
            confirm=lambda question: True,
            say=lambda line: None,
            recorder=recorder,
        )
        done = verify(place, chosen(STEPS), {}, folder, "the embedded AWS")
    return folder, {result.step: result for result in done}


@pytest.mark.parametrize("step", STEPS)
def test_the_step_passes_on_the_embedded_aws(verified: tuple[Path, dict[str, Any]], step: str) -> None:
    """Definitions, every state, 100 rows, histories, replay, a canary and its rollback."""
    assert (verified[1][step].status, verified[1][step].detail) == (Status.PASSED, verified[1][step].detail)


def cases(folder: Path, name: str) -> list[dict[str, Any]]:
    """The recorded cases of a file."""
    lines = (folder / "recordings" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_recorded_execution_is_a_test_of_the_embedded_aws(verified: tuple[Path, dict[str, Any]]) -> None:
    """Given back, each execution runs again from its recorded outcomes: same end, same events. A change is noticed."""
    recorded = cases(verified[0], "executions")
    assert len(recorded) >= len(QUESTIONS)
    assert {case["id"]: difference(case, ours(case)) for case in recorded} == {case["id"]: None for case in recorded}
    result = ours(recorded[0])
    result["events"][3]["type"] = "PassStateEntered"
    assert difference(recorded[0], result)


def test_a_recorded_answer_has_the_shape_of_the_recorded_cases(verified: tuple[Path, dict[str, Any]]) -> None:
    """TestState and ValidateStateMachineDefinition: request and response as tests/recorded compares them."""
    for name in ("test_state", "validate_definition"):
        for case in cases(verified[0], name):
            assert matches(values(expected_answer(case)), values(case["response"]))
    assert not set(TEXTS) & {
        key
        for case in cases(verified[0], "test_state")
        for key in case["request"]
        if isinstance(case["request"][key], str) and key != "stateName"
    }
