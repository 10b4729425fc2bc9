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
            chat["States"][name]["ResultSelector"].pop("record.$", None)
    text = json.dumps({name: state for name, state in chat["States"].items() if name not in recorded})
    for name, after in recorded.items():
        text = text.replace(f'"{name}"', f'"{after}"')
    assert processor["States"] == json.loads(text)


def test_the_committed_file_is_what_make_definitions_writes() -> None:
    """Byte for byte: composing again changes nothing."""
    assert definitions.compose_evaluation(EVALUATE, CHAT) == EVALUATE


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A copy of both definitions."""
    for name in (definitions.CHAT, definitions.EVALUATE):
        shutil.copy2(ROOT / "statemachine" / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", [definitions.CHAT, definitions.EVALUATE])
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
    names = ("guard_input", "invoke_model", "guard_answer", "prepare_corpus", "summarize_corpus")
    arns = {name: f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in names}
    assert "${" not in builtin_project().evaluation_definition(arns)


@pytest.mark.parametrize("state", ["PrepareCorpus", "SummarizeCorpus"])
def test_tasks_retry_what_can_be_cured(state: str) -> None:
    """As the chat's Tasks do, with a time-out and a Catch."""
    task = json.loads(EVALUATE)["States"][state]
    assert task["TimeoutSeconds"] == 900
    assert {name for retry in task["Retry"] for name in retry["ErrorEquals"]} >= {"Throttled", "ServiceUnavailable"}
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
