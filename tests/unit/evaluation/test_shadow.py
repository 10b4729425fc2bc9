"""Two guardrails on the same texts: which verdicts differ, how, and whether that can be chance."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.evaluation.shadow import Change, Pair, read_layers, read_pair, shadow_report
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer


@pytest.mark.parametrize(
    ("deployed", "candidate", "change"),
    [
        ("passed", "passed", Change.SAME),
        ("skipped", "passed", Change.SAME),
        ("blocked", "blocked", Change.SAME),
        ("passed", "blocked", Change.NEWLY_BLOCKED),
        ("skipped", "blocked", Change.NEWLY_BLOCKED),
        ("masked", "blocked", Change.NEWLY_BLOCKED),
        ("blocked", "passed", Change.NEWLY_PASSED),
        ("blocked", "masked", Change.NEWLY_PASSED),
        ("passed", "masked", Change.MASKED_DIFFERENTLY),
        ("masked", "passed", Change.MASKED_DIFFERENTLY),
    ],
)
def test_what_a_candidate_changes(deployed: str, candidate: str, change: Change) -> None:
    """A layer that is off lets everything pass."""
    assert Pair("preprocess", deployed, candidate).change is change


def test_a_report_counts_by_layer_and_lists_every_disagreement() -> None:
    """With its execution; executions without a text are counted apart."""
    units = {"contentPolicyUnits": 1}
    judged = [
        ("chat-1", [Pair("preprocess", "passed", "passed", (), units), Pair("postprocess", "passed", "masked")]),
        ("chat-2", [Pair("preprocess", "passed", "blocked", ("topic Medical",), units)]),
        ("chat-3", []),
    ]
    report = shadow_report(judged)
    assert (report["executions"], report["without_a_text"]) == (3, 1)
    first = report["layers"]["preprocess"]
    assert (first["judged"], first["newly_blocked"], first["newly_passed"]) == (2, 1, 0)
    assert first["agreement"]["value"] == 0.5
    assert first["text_units"] == {"contentPolicyUnits": 2}
    assert first["cost"]["dollars"] == pytest.approx(2 * 0.15 / 1000)
    assert [(item["execution"], item["change"]) for item in report["disagreements"]] == [
        ("chat-1", "masked_differently"),
        ("chat-2", "newly_blocked"),
    ]
    assert report["disagreements"][1]["findings"] == ["topic Medical"]


def test_the_p_value_is_of_blocks_only_one_of_them_made() -> None:
    """Ten to none cannot be chance; five to five says nothing."""
    blocks = [("a", [Pair("preprocess", "passed", "blocked")])] * 10
    assert shadow_report(blocks)["layers"]["preprocess"]["mcnemar"] == pytest.approx(2 * 0.5**10)
    both = blocks[:5] + [("b", [Pair("preprocess", "blocked", "passed")])] * 5
    assert shadow_report(both)["layers"]["preprocess"]["mcnemar"] == 1


def test_a_pair_survives_the_table() -> None:
    """And has no member for a text."""
    pair = Pair("preprocess", "passed", "blocked", ("topic Medical",), {"topicPolicyUnits": 2})
    assert read_pair(pair.to_dict()) == pair


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ({"model": {"id": "abc", "version": "1"}}, "'model' is neither"),
        ({"preprocess": "abc"}, "is neither"),
        ({"preprocess": {"id": "ABC!", "version": "1"}}, "not a guardrail's identifier"),
        ({"preprocess": {"id": "abc"}}, "not a guardrail's version"),
    ],
)
def test_what_is_no_candidate_is_refused(layers: Any, reason: str) -> None:
    """The model layer judges inside the model call: its texts are in no history."""
    with pytest.raises(InvalidRequest, match=reason):
        read_layers(layers)


def test_candidates_are_read() -> None:
    """By layer."""
    assert read_layers({"postprocess": {"id": "abc", "version": "3"}}) == {Layer.POSTPROCESS: GuardrailRef("abc", "3")}
