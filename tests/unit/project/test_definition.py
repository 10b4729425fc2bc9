"""The evaluation's definition holds the chat's states, as a generated copy that cannot drift."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stepguard.project import definitions
from stepguard.project.folder import builtin_project
from tests.paths import ROOT

CHAT = (ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8")
EVALUATE = (ROOT / "statemachine" / "evaluate.asl.json").read_text(encoding="utf-8")


def test_the_item_processor_is_the_chat_workflow() -> None:
    """The same states, but for those that record, and for keys that only an evaluation or only these need."""
    processor = json.loads(EVALUATE)["States"]["EvaluateItems"]["ItemProcessor"]
    chat = json.loads(CHAT)
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    assert processor["StartAt"] == chat["StartAt"]
    recorded = {name: state.pop("Next") for name, state in chat["States"].items() if name.startswith("Record")}
    assert recorded == {
        "RecordAnswer": "AnswerDelivered",
        "RecordDontKnow": "AnswerDontKnow",
        "RecordFailure": "AnswerUnavailable",
    }
    for name, state in processor["States"].items():
        if state["Type"] == "Task":
            kept = {key: state["ResultSelector"].pop(key) for key in ("entered.$", "scores.$")}
            assert kept == {"entered.$": "$$.State.EnteredTime", "scores.$": "$.Payload.scores"}
            (throttled,) = [retrier for retrier in state["Retry"] if "Throttled" in retrier["ErrorEquals"]]
            assert throttled["MaxAttempts"] == definitions.ITEM_ATTEMPTS
            throttled["MaxAttempts"] = 40
            chat["States"][name]["ResultSelector"].pop("verdict")
            for member in ("record.$", "turn", "turn.$"):
                chat["States"][name]["ResultSelector"].pop(member, None)
    text = json.dumps({name: state for name, state in chat["States"].items() if name not in recorded})
    for name, after in recorded.items():
        text = text.replace(f'"{name}"', f'"{after}"')
    assert processor["States"] == json.loads(text)


def test_the_committed_files_are_what_make_definitions_writes() -> None:
    """Byte for byte: composing again changes nothing."""
    for name, composed in definitions.compose(ROOT / "statemachine").items():
        assert (ROOT / "statemachine" / name).read_text(encoding="utf-8") == composed


def test_the_assistant_is_the_chat_with_the_box() -> None:
    """Every state but the replaced one and the one that it makes needless is the chat's own."""
    chat, gather, assistant = (
        json.loads((ROOT / "statemachine" / name).read_text(encoding="utf-8"))["States"]
        for name in (definitions.CHAT, definitions.GATHER, definitions.ASSISTANT)
    )
    assert assistant == {name: state for name, state in chat.items() if name != "NeedsModel?"} | gather


def test_the_assistants_evaluation_has_its_states() -> None:
    """Those that record left out; each task of the box keeps when it was entered, as the others do."""
    processor = json.loads((ROOT / "statemachine" / definitions.EVALUATE_ASSISTANT).read_text(encoding="utf-8"))
    states = processor["States"]["EvaluateItems"]["ItemProcessor"]["States"]
    assert not [name for name in states if name.startswith("Record")]
    tasks = list(definitions.lambda_tasks(states))
    assert len(tasks) == 8
    assert all(task["ResultSelector"]["entered.$"] == "$$.State.EnteredTime" for task in tasks)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A copy of all definitions."""
    for file in (ROOT / "statemachine").glob("*.asl.json"):
        shutil.copy2(file, tmp_path / file.name)
    return tmp_path


@pytest.mark.parametrize("name", [definitions.CHAT, *definitions.SOURCES])
def test_a_changed_state_is_drift_until_the_file_is_written_again(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In either file; the message names the command that repairs it."""
    file = folder / name
    file.write_text(file.read_text(encoding="utf-8").replace('"AnswerDontKnow"', '"NoAnswer"'), encoding="utf-8")
    assert definitions.main(["--check", str(folder)]) == 1
    assert "python -m stepguard.project.definitions" in capsys.readouterr().err
    assert definitions.main([str(folder)]) == definitions.main(["--check", str(folder)]) == 0


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_file_that_is_no_definition_is_named(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, and the file stays as it is."""
    (folder / definitions.EVALUATE).write_text(text)
    assert definitions.main([str(folder)]) == 1
    assert definitions.EVALUATE in capsys.readouterr().err
    assert (folder / definitions.EVALUATE).read_text() == text


def test_the_execution_type_is_kept() -> None:
    """EXPRESS, or a placeholder for it."""
    placeholder = EVALUATE.replace('"ExecutionType": "EXPRESS"', '"ExecutionType": "${ExecutionType}"')
    assert placeholder != EVALUATE
    assert definitions.compose_evaluation(placeholder, CHAT) == placeholder


def test_every_placeholder_stands_for_a_lambda() -> None:
    """Those of the chat as well."""
    project = builtin_project()
    arns = {entry.name: f"arn:aws:lambda:us-east-1:000000000000:function:{entry.name}" for entry in project.lambdas()}
    for assistant in (False, True):
        assert "${" not in project.evaluation_definition(arns, assistant=assistant)
        assert "${" not in project.chat_definition(arns, assistant=assistant)


@pytest.mark.parametrize("state", ["PrepareCorpus", "SummarizeCorpus"])
def test_tasks_retry_what_can_be_cured(state: str) -> None:
    """As the chat's Tasks do, with a time-out and a Catch."""
    task = json.loads(EVALUATE)["States"][state]
    assert task["TimeoutSeconds"] == 900
    assert {name for retry in task["Retry"] for name in retry["ErrorEquals"]} >= {"Throttled", "ServiceUnavailable"}
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
