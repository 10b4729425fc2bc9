"""The sentence that explains an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.cli import render
from stepguard.trace import read_history, reason, to_document
from stepguard.trace.redact import redact, redact_value
from tests.fakes.history import ATTACK, EMAIL, GROUNDING, REF, SECRET, History, blocked_in_front, masked_question

INVALID = {
    "policy": "automated_reasoning", "name": "invalid", "action": "NONE", "confidence": "0.90",
    "rules": ["a1b2c3d4e5f6", "g7h8i9j0k1l2"], "layer": "model", "direction": "OUTPUT",
}  # fmt: skip
VALID = {
    "policy": "automated_reasoning", "name": "valid", "action": "NONE", "warning": "ALWAYS_TRUE", "layer": "model",
    "direction": "OUTPUT",
}  # fmt: skip


def unknown(said: str, rule: str = "does_not_know", **place: int) -> History:
    """The model layer returned no answer, with the evidence as its Lambda writes it."""
    evidence = {"rule": rule, "said": said, "setting": "LLM_QA_NO_HITS_REGEX", "pattern": "know", **place}
    outcome = "blocked" if rule == "blocked" else "passed"
    history = History().stage("InvokeModel", "model", outcome=outcome, text="", no_answer=evidence)
    return history.ends(text="empty", outcome="blocked" if rule == "blocked" else "dont_know", source="LLM")


def rewriting(**result: Any) -> History:
    """A follow-up, of which GuardRewrite judged the rewritten question."""
    history = History().stage("GuardInput", "input_guard", outcome="passed")
    return history.stage("GuardRewrite", "rewrite_guard", within="context", **result)


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
        (
            History()
            .stage("GuardInput", "input_guard", outcome="skipped")
            .stage("InvokeModel", "model", outcome="passed")
            .ends(outcome="answered"),
            "Answered: no layer intervened; no guardrail is set for GuardInput.",
        ),
        (masked_question(), "Answered, with EMAIL masked in the question."),
        (
            rewriting(outcome="blocked", findings=[ATTACK], guardrail=REF).ends(outcome="blocked"),
            "Blocked before the model, in the rewritten question, by content filter PROMPT_ATTACK (HIGH) of guardrail "
            "g v7.",
        ),
        (
            rewriting(outcome="masked", findings=[EMAIL])
            .stage("InvokeModel", "model", outcome="passed")
            .ends(outcome="masked", source="LLM"),
            "Answered, with EMAIL masked in the rewritten question.",
        ),
        (
            rewriting(outcome="skipped").stage("InvokeModel", "model", outcome="passed").ends(outcome="answered"),
            "Answered: all 2 layers passed it.",
        ),
        (
            History()
            .stage("InvokeModel", "model", outcome="passed", findings=[INVALID, VALID])
            .ends(outcome="answered"),
            "Answered: all 1 layers passed it; automated reasoning invalid (0.90, rules a1b2c3d4e5f6 and g7h8i9j0k1l2) "
            "and valid (ALWAYS_TRUE) only reported.",
        ),
        (
            History()
            .stage("InvokeModel", "model", outcome="blocked", findings=[INVALID | {"action": "BLOCKED"}, VALID])
            .ends(outcome="blocked"),
            "Blocked by the model's layer, in its answer, by automated reasoning invalid (0.90, rules a1b2c3d4e5f6 and "
            "g7h8i9j0k1l2), as AUTOMATED_REASONING_BLOCKS orders.",
        ),
        (
            History().stage("InvokeModel", "model", outcome="blocked", findings=[GROUNDING]).ends(outcome="blocked"),
            "Blocked by the model's layer, in its answer, by grounding check GROUNDING (0.42 of 0.70).",
        ),
        (
            History().stage("InvokeModel", "model", outcome="passed", stop_reason="end_turn").ends(outcome="dont_know"),
            "Not answered: the model said that it does not know, or said nothing.",
        ),
        (
            unknown("Sorry, I don't know.", start=0, end=19),
            "Not answered: the model said in one sentence that it does not know "
            "(LLM_QA_NO_HITS_REGEX matches at characters 0 to 19).",
        ),
        (
            History().stage("InvokeModel", "model", outcome="passed", no_answer={"rule": "no_text", "said": ""})
            .ends(outcome="dont_know"),
            "Not answered: the model's answer has no text.",
        ),
        (
            History().stage("InvokeModel", "model", outcome="passed", no_answer={"rule": 1, "said": SECRET})
            .ends(outcome="dont_know"),
            "Not answered: the model said that it does not know, or said nothing.",
        ),
        (
            History().stage("InvokeModel", "model", outcome="passed", stop_reason="length").ends(outcome="dont_know"),
            "Not answered: the model did not finish its answer (stop reason length).",
        ),
        (
            History().stage("GuardInput", "input_guard", outcome="skipped").ends(outcome="answered"),
            "Answered without any guard: no guardrail is set for GuardInput.",
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
            "Passed without any guard: no guardrail is set for GuardInput.",
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


PASSAGES = {"kind": "prompt", "text": "Why?", "passages": [{"id": "1", "text": "Because."}], "caller": "me"}


@pytest.mark.parametrize(
    ("request_", "units", "got_hits", "ungrounded"),
    [
        (PASSAGES, {"contentPolicyUnits": 1}, 1, True),
        (PASSAGES, {"contextualGroundingPolicyUnits": 1}, 1, False),
        (PASSAGES, {"contentPolicyUnits": 1}, 0, False),
        ({"kind": "prompt", "text": "Why?", "caller": "me"}, {}, 1, False),
    ],
)
def test_an_answer_from_unchecked_passages_is_seen(
    request_: dict[str, Any], units: dict[str, int], got_hits: int, ungrounded: bool
) -> None:
    """Passages without a grounding policy: the sentence and the document say it."""
    history = History(request_).stage("InvokeModel", "model", outcome="passed", text_units=units)
    document = to_document(read_history(history.ends(outcome="answered", source="LLM", got_hits=got_hits).events))

    assert document["ungrounded"] is ungrounded
    assert document["reason"] == "Answered: all 1 layers passed it" + (
        "; the answer was not checked against its passages." if ungrounded else "."
    )


def test_the_trace_keeps_what_the_model_said() -> None:
    """For operators: the words and the rule; they are in no answer, and redaction hides them."""
    document = to_document(read_history(unknown("Sorry, I don't know Ann.", start=0, end=19).events))

    assert document["visits"][0]["no_answer"] == {
        "rule": "does_not_know",
        "said": "Sorry, I don't know Ann.",
        "setting": "LLM_QA_NO_HITS_REGEX",
        "pattern": "know",
        "start": 0,
        "end": 19,
        "explanation": "the model said in one sentence that it does not know "
        "(LLM_QA_NO_HITS_REGEX matches at characters 0 to 19)",
    }
    hidden = redact(document)["visits"][0]["no_answer"]
    assert "know Ann" not in json.dumps([document["reason"], document["answer"], document["stages"], hidden])
    assert hidden["rule"] == "does_not_know"


def test_the_terminal_shows_what_the_model_said() -> None:
    """Under the visit of the model layer, without control characters."""
    document = to_document(read_history(unknown("I don't\x1b[2J know.", start=0, end=14).events), "arn:x")
    lines = [line.strip() for line in render.execution(document)]

    assert lines[1].startswith("Not answered: the model said in one sentence that it does not know")
    assert lines[4].startswith("not delivered: I don't")
    assert "\x1b" not in lines[4]


def test_a_replaced_message_is_explained() -> None:
    """A block whose message the pattern matches."""
    document = to_document(read_history(unknown("You know.", "blocked", start=4, end=8).events), "arn:x")
    explanation = (
        "the layer blocked, and EMPTYMESSAGE replaces its message (LLM_QA_NO_HITS_REGEX matches at characters 4 to 8)"
    )

    assert document["visits"][0]["no_answer"]["explanation"] == explanation
    assert [line.strip() for line in render.execution(document)][4:6] == ["not delivered: You know.", explanation]


@pytest.mark.parametrize("evidence", [None, [], "x", {}, {"rule": "blocked"}, {"rule": "b", "said": "x", "end": 1}])
def test_unreadable_evidence_is_left_out(evidence: object) -> None:
    """Of an older release, or of another workflow with the same state."""
    history = History().stage("InvokeModel", "model", outcome="passed", no_answer=evidence).ends(outcome="dont_know")

    assert "no_answer" not in to_document(read_history(history.events))["visits"][0]


def test_a_finding_of_automated_reasoning_is_a_line_of_the_story() -> None:
    """Kind, confidence of the translation, rules and warning."""
    assert render.findings([VALID, INVALID | {"action": "BLOCKED"}]) == (
        "invalid BLOCKED (automated reasoning, 0.90, rules a1b2c3d4e5f6 and g7h8i9j0k1l2); "
        "valid seen (automated reasoning, ALWAYS_TRUE)"
    )


@pytest.mark.parametrize(
    "member", [{"rules": [SECRET * 6]}, {"rules": SECRET}, {"rules": [[SECRET]]}, {"more": [SECRET]}]
)
def test_what_only_looks_like_a_finding_is_redacted(member: dict[str, Any]) -> None:
    """A finding's rules are short identifiers; nothing else has a list."""
    assert redact_value(INVALID) == INVALID
    assert SECRET not in json.dumps(redact_value(INVALID | member))
