"""Which answers a rule selects, and which rules are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.guard.answer import Answer, AnswerOutcome, Source
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.review.item import Label, ReviewItem, Standing
from stepguard.guard.review.rule import OUTCOMES, REVIEW_RULE, read_rule
from stepguard.guard.runtime.settings import apply_settings, read_values
from stepguard.guard.settings import read_settings

TOPIC = {"policy": "topic", "name": "Medical advice", "action": "BLOCKED"}
DOUBT = {"policy": "content", "name": "INSULTS", "action": "NONE", "confidence": "LOW"}
SURE = {"policy": "content", "name": "HATE", "action": "BLOCKED", "confidence": "HIGH"}
NEAR = {"policy": "contextual_grounding", "name": "GROUNDING", "action": "NONE", "score": 0.72, "threshold": 0.7}


def answer(outcome: str = "blocked", *findings: dict[str, Any]) -> Answer:
    """An answer whose input layer found these."""
    verdict = {"state": "GuardInput", "outcome": outcome, "findings": list(findings)}
    return Answer("A text.", AnswerOutcome(outcome), Source.LLM, 0, verdicts=(verdict,))


@pytest.mark.parametrize(
    ("rule", "given", "reasons"),
    [
        ({}, answer("blocked", TOPIC), ()),
        ({"outcomes": ["blocked"]}, answer("blocked"), ("outcome blocked",)),
        ({"outcomes": ["dont_know"]}, answer("blocked"), ()),
        ({"policies": ["topic"]}, answer("blocked", TOPIC), ("policy topic/Medical advice",)),
        ({"policies": ["topic/Medical advice"]}, answer("blocked", TOPIC), ("policy topic/Medical advice",)),
        ({"policies": ["topic/Other"]}, answer("blocked", TOPIC), ()),
        ({"policies": ["content"]}, answer("answered", DOUBT), ()),
        ({"confidence": "MEDIUM"}, answer("answered", DOUBT), ("confidence LOW of content/INSULTS",)),
        ({"confidence": "MEDIUM"}, answer("blocked", SURE), ()),
        ({"margin": 0.05}, answer("answered", NEAR), ("score 0.72 of contextual_grounding/GROUNDING, threshold 0.7",)),
        ({"margin": 0.01}, answer("answered", NEAR), ()),
        ({"outcomes": ["blocked"], "policies": ["topic"]}, answer("blocked", TOPIC, TOPIC),
         ("outcome blocked", "policy topic/Medical advice")),
        ({"outcomes": ["answered"], "policies": ["topic"]}, answer("unavailable", TOPIC), ()),
        ({"outcomes": ["blocked"], "percent": 0}, answer("blocked"), ()),
    ],
)  # fmt: skip
def test_each_part_of_a_rule_selects_alone(rule: dict[str, Any], given: Answer, reasons: tuple[str, ...]) -> None:
    """And says why."""
    assert read_rule(rule).reasons("chat-1", given) == reasons
    assert read_rule(json.dumps(rule)) == read_rule(rule)


def test_a_share_is_the_same_for_an_execution_every_time() -> None:
    """A repeated event cannot draw again."""
    rule = read_rule({"outcomes": ["blocked"], "percent": 30})
    names = [f"chat-{number}" for number in range(1_000)]
    chosen = [name for name in names if rule.reasons(name, answer())]
    assert 250 < len(chosen) < 350
    assert chosen == [name for name in names if rule.reasons(name, answer())]


@pytest.mark.parametrize(
    ("feedback", "selected"),
    [("none", []), ("down", [False, True]), ("reason", [True])],
)
def test_feedback_selects_a_thumb_down(feedback: str, selected: list[bool]) -> None:
    """With or without a reason, never a thumb up, and never an execution without an answer."""
    rule = read_rule({"feedback": feedback, "percent": 0})
    assert [reason for reason in (False, True) if rule.of_feedback(answer(), down=True, reason=reason)] == selected
    assert rule.of_feedback(answer(), down=False, reason=True) == ()
    assert rule.of_feedback(answer("unavailable"), down=True, reason=True) == ()


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object of outcomes"),
        ({"policy": []}, "no part 'policy'"),
        ({"outcomes": ["blocked", "unavailable"]}, "outcomes has 'unavailable'"),
        ({"outcomes": "blocked"}, "must be a list"),
        ({"policies": ["topics"]}, "policies has 'topics'"),
        ({"policies": ["topic/" + "x" * 100]}, "policies has 'topic/"),
        ({"policies": ["topic"] * 21}, "at most 20 names"),
        ({"confidence": "NONE"}, "confidence must be one of LOW, MEDIUM, HIGH"),
        ({"feedback": "up"}, "feedback must be one of none, down, reason"),
        ({"margin": True}, "margin must be a number"),
        ({"percent": 101}, "percent must be a number from 0 to 100"),
        ({"policies": [f"topic/{'x' * 60}{number}" for number in range(20)]}, "longer than 1,000 bytes"),
    ],
)
def test_a_wrong_rule_is_refused_by_name(rule: Any, named: str) -> None:
    """Deployed or at run time."""
    with pytest.raises(ConfigurationError, match=named):
        read_rule(rule)
    if isinstance(rule, dict):
        with pytest.raises(ConfigurationError, match=named):
            read_values(json.dumps({REVIEW_RULE: rule}))


def test_settings_at_run_time_replace_a_deployed_rule_and_make_none() -> None:
    """Where nothing is deployed for reviews, there is nothing that could queue."""
    held = {"values": {REVIEW_RULE: {"policies": ["word"]}}}
    deployed = read_settings({"UNGUARDED": "yes", REVIEW_RULE: '{"outcomes": ["blocked"]}'})
    assert read_rule(apply_settings(deployed, held).review).policies == ("word",)
    assert apply_settings(read_settings({"UNGUARDED": "yes"}), held).review == ""


def test_a_broken_deployed_rule_keeps_no_chat_from_its_answer() -> None:
    """It is read where it is used."""
    assert read_settings({"UNGUARDED": "yes", REVIEW_RULE: "{"}).review == "{"


def test_the_outcomes_are_those_of_a_chat() -> None:
    """All that a person can judge."""
    assert set(OUTCOMES) == set(AnswerOutcome) - {AnswerOutcome.PASSED, AnswerOutcome.UNAVAILABLE}


@pytest.mark.parametrize(
    ("outcome", "label", "expected"),
    [
        ("blocked", Label.RIGHT, "blocked"),
        ("blocked", Label.ANSWER, "passed"),
        ("blocked", Label.MASK, "masked"),
        ("answered", Label.RIGHT, "passed"),
        ("answered", Label.BLOCK, "blocked"),
        ("masked", Label.RIGHT, "masked"),
        ("dont_know", Label.RIGHT, "passed"),
        ("blocked", None, None),
    ],
)
def test_a_label_is_what_the_guards_should_do(outcome: str, label: Label | None, expected: str | None) -> None:
    """A don't-know answer passed the guards: they have done nothing to the question."""
    item = ReviewItem("chat-1", "2026-11-30", "2026-11-30", outcome, "LLM", (), Standing.DECIDED, label)
    assert item.expected == expected
