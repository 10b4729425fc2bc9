"""The sentence that explains an answer."""

from __future__ import annotations

import pytest

from stepguard.trace import read_history, reason
from tests.fakes.history import ATTACK, EMAIL, GROUNDING, REF, History, blocked_in_front, masked_question


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        (blocked_in_front(), "Blocked before the model by content filter PROMPT_ATTACK (HIGH)."),
        (
            blocked_in_front(guardrails={"preprocess": {"id": "healthcare", "version": "3"}}),
            "Blocked before the model by content filter PROMPT_ATTACK (HIGH) of guardrail healthcare v3.",
        ),
        (
            History()
            .stage("GuardInput", "input_guard", outcome="blocked", findings=[ATTACK], guardrail=REF)
            .ends(outcome="blocked"),
            "Blocked before the model by content filter PROMPT_ATTACK (HIGH) of guardrail g v7.",
        ),
        (masked_question(), "Answered, with EMAIL masked in the question."),
        (
            History().stage("InvokeModel", "model", outcome="blocked", findings=[GROUNDING]).ends(outcome="blocked"),
            "Blocked by the model's layer, in its answer, by grounding check GROUNDING (0.42 of 0.70).",
        ),
        (
            History().stage("InvokeModel", "model", outcome="passed", stop_reason="end_turn").ends(outcome="dont_know"),
            "Not answered: the model said that it does not know, or said nothing.",
        ),
        (
            History().stage("InvokeModel", "model", outcome="passed", stop_reason="length").ends(outcome="dont_know"),
            "Not answered: the model did not finish its answer (stop reason length).",
        ),
        (
            History().stage("GuardInput", "input_guard", outcome="skipped").ends(outcome="answered"),
            "Answered: no layer intervened; no guardrail is set for GuardInput.",
        ),
        (
            History().stage("GuardInput", "input_guard", outcome="passed").ends(outcome="answered"),
            "Answered: all 1 layers passed it.",
        ),
        (
            History().stage("GuardInput", "input_guard", outcome="passed").ends(outcome="passed", source="DOCUMENT"),
            "Passed: all 1 layers passed it.",
        ),
        (
            History().stage("GuardInput", "input_guard", outcome="skipped").ends(outcome="passed", source="DOCUMENT"),
            "Passed: no layer intervened; no guardrail is set for GuardInput.",
        ),
        (
            History()
            .stage("GuardInput", "input_guard", outcome="masked", findings=[EMAIL], text="{EMAIL}")
            .ends(outcome="masked", source="RESPONSE"),
            "Passed, with EMAIL masked in the query.",
        ),
        (
            History().add("PassStateEntered", name="A").add("PassStateExited", name="A").ends(),
            "Succeeded after 1 states.",
        ),
        (History().add("TaskStateEntered", name="InvokeModel"), "Still running, in InvokeModel."),
        (History(), "Still running."),
        (
            History().add("TaskStateEntered", name="InvokeModel").add("ExecutionTimedOut"),
            "No answer: the execution timed out in InvokeModel.",
        ),
        (History().add("ExecutionAborted"), "No answer: the execution was aborted."),
        (
            History().add("ExecutionFailed", error="States.Runtime"),
            "No answer: the execution failed with States.Runtime.",
        ),
        (
            History()
            .add("TaskStateEntered", name="GuardInput").add("TaskScheduled").add("TaskFailed", error="Throttled")
            .add("TaskScheduled").add("TaskFailed", error="Throttled").add("TaskStateExited", name="GuardInput")
            .add("FailStateEntered", name="AnswerUnavailable").add("ExecutionFailed", error="AnswerUnavailable"),
            "No answer: GuardInput failed with Throttled after 2 attempts.",
        ),
    ],
)  # fmt: skip
def test_the_reason_is_one_sentence(history: History, sentence: str) -> None:
    """Which stage, which policy, how sure; or what failed, and how often it was tried."""
    assert reason(read_history(history.events)) == sentence
