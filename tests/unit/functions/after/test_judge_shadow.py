"""JudgeShadow: the candidate sees what the deployed layers saw, after the answer, and reports no text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from functions.after.judge_shadow import judge_shadow
from stepguard.aws.executions import Execution
from stepguard.aws.rows import Rows
from stepguard.aws.runtime.shadow import Shadow
from stepguard.evaluation.shadow import Candidate, Pair
from stepguard.guard.errors import ConfigurationError, ServiceUnavailable
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.project.folder import ANSWERS
from tests.fakes.bedrock import blocked, guard, masked, passed, pii, topic
from tests.fakes.tables import FakeTable

CANARY = "canary-5d1e"
REF = {"id": "candidate1", "version": "2"}
BOTH = {"preprocess": REF, "postprocess": REF}
DOCUMENT: dict[str, Any] = {
    "request": {"kind": "prompt", "text": f"Question {CANARY}?", "caller": "c"},
    "input_guard": {"outcome": "masked", "text": "Question {NAME}?", "findings": []},
    "model": {"outcome": "passed", "text": f"Answer {CANARY}.", "findings": []},
    "answer_guard": {"outcome": "passed", "findings": [], "text": f"Answer {CANARY}."},
    "answer": {"text": f"Answer {CANARY}.", "outcome": "masked", "source": "LLM", "got_hits": 1},
}


def _executions(output: Any, status: str = "SUCCEEDED") -> Any:
    now = datetime.now(UTC)
    found = Execution("arn", "chat-1", status, now, now, {"request": DOCUMENT["request"]}, output, None, None)
    return SimpleNamespace(describe=lambda arn: found)


def _judge(output: Any, *replies: Any, layers: Any = BOTH, status: str = "SUCCEEDED") -> tuple[dict[str, Any], Any]:
    guards, runtime = guard(*replies)
    event = {"execution": "arn", "layers": layers}
    return judge_shadow(event, _executions(output, status), guards, lambda: 1_000.0), runtime


def test_the_candidate_sees_what_the_layers_saw() -> None:
    """The question before it was masked, and the answer before the last layer; no text is in the result."""
    result, runtime = _judge(DOCUMENT, blocked(topic()), masked("Answer {NAME}.", pii("NAME")))
    bodies = runtime.bodies("apply_guardrail")
    assert [(body["source"], body["content"][0]["text"]["text"]) for body in bodies] == [
        ("INPUT", f"Question {CANARY}?"),
        ("OUTPUT", f"Answer {CANARY}."),
    ]
    assert [(pair["layer"], pair["deployed"], pair["candidate"], pair["change"]) for pair in result["shadow"]] == [
        ("preprocess", "masked", "blocked", "newly_blocked"),
        ("postprocess", "passed", "masked", "masked_differently"),
    ]
    assert result["shadow"][0]["findings"] == ["topic Medical Advice"]
    assert result["expires"] == str(1_000 + 90 * 24 * 3600)
    assert CANARY not in json.dumps(result)


def test_a_layer_without_a_candidate_or_a_text_is_not_judged() -> None:
    """A question that the input layer blocked has no answer to judge."""
    stopped = {key: DOCUMENT[key] for key in ("request", "input_guard")}
    result, runtime = _judge(stopped, passed())
    assert [pair["layer"] for pair in result["shadow"]] == ["preprocess"]
    result, runtime = _judge(DOCUMENT, passed(), layers={"postprocess": REF})
    assert [body["source"] for body in runtime.bodies("apply_guardrail")] == ["OUTPUT"]


def test_a_curated_answer_is_what_the_last_layer_judged() -> None:
    """Although no model answered."""
    context = {"result": "answer", "found": {"text": "Curated."}}
    document = {key: value for key, value in DOCUMENT.items() if key != "model"} | {"context": context}
    _, runtime = _judge(document, passed(), layers={"postprocess": REF})
    assert runtime.bodies("apply_guardrail")[0]["content"] == [{"text": {"text": "Curated."}}]


def test_an_execution_without_an_answer_has_nothing_to_judge() -> None:
    """It failed, or it has not ended: then it is read again."""
    result, runtime = _judge(None, status="FAILED")
    assert (result["outcome"], result["shadow"], runtime.bodies("apply_guardrail")) == ("skipped", [], [])
    with pytest.raises(ServiceUnavailable):
        _judge(None, status="RUNNING")


def test_one_candidate_judges_at_a_time() -> None:
    """Its item is in the table of answers, and its verdicts under its run."""
    table = FakeTable()
    shadow = Shadow(Rows(table.fake.client, ANSWERS))
    candidate = Candidate("shadow-1", {Layer.PREPROCESS: GuardrailRef("abc", "3")}, 100, "2026-11-30T10:00:00+00:00")
    assert shadow.current() is None
    assert shadow.start(candidate)
    assert not shadow.start(candidate)
    assert shadow.current() == candidate
    pair = Pair("preprocess", "passed", "blocked")
    Rows(table.fake.client, ANSWERS).put(
        "stepguard#shadow#shadow-1", "chat-1", {"verdicts": {"S": json.dumps([pair.to_dict()])}}
    )
    assert list(shadow.verdicts("shadow-1")) == [("chat-1", [pair])]
    shadow.stop()
    assert shadow.current() is None


def test_an_item_that_is_no_candidate_is_named() -> None:
    """With what to do."""
    table = FakeTable()
    rows = Rows(table.fake.client, ANSWERS)
    rows.put("stepguard#shadow", "-", {"layers": {"S": "{"}})
    with pytest.raises(ConfigurationError, match="stepguard shadow stop"):
        Shadow(rows).current()
