"""The evaluation's definition holds the chat's states, and no second copy of them."""

from __future__ import annotations

import json

import pytest

from stepguard.project import definitions
from stepguard.project.folder import ROOT, evaluation_definition

CHAT = (ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8")
EVALUATE = (ROOT / "statemachine" / "evaluate.asl.json").read_text(encoding="utf-8")


def test_the_item_processor_is_the_chat_workflow() -> None:
    """The same states, but for two keys that an evaluation keeps of each stage."""
    built = json.loads(definitions.evaluation_definition(EVALUATE, CHAT, "STANDARD"))
    processor = built["States"]["EvaluateItems"]["ItemProcessor"]
    chat = json.loads(CHAT)
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert processor["StartAt"] == chat["StartAt"]
    for state in processor["States"].values():
        if state["Type"] == "Task":
            kept = {name: state["ResultSelector"].pop(name) for name in ("entered.$", "scores.$")}
            assert kept == {"entered.$": "$$.State.EnteredTime", "scores.$": "$.Payload.scores"}
    assert processor["States"] == chat["States"]


def test_the_source_holds_no_state_of_the_chat() -> None:
    """A copy would drift."""
    assert not set(json.loads(CHAT)["States"]) & set(json.loads(EVALUATE)["States"])
    assert "GuardInput" not in EVALUATE


def test_every_placeholder_stands_for_a_lambda() -> None:
    """Those of the chat as well."""
    names = ("guard_input", "invoke_model", "guard_answer", "prepare_corpus", "summarize_corpus")
    arns = {name: f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in names}
    assert "${" not in evaluation_definition(arns)


@pytest.mark.parametrize("state", ["PrepareCorpus", "SummarizeCorpus"])
def test_tasks_retry_what_can_be_cured(state: str) -> None:
    """As the chat's Tasks do, with a time-out and a Catch."""
    task = json.loads(EVALUATE)["States"][state]
    assert task["TimeoutSeconds"] == 900
    assert {name for retry in task["Retry"] for name in retry["ErrorEquals"]} >= {"Throttled", "ServiceUnavailable"}
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
