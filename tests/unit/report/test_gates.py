"""Limits of runs: what keeps them, what does not, and what means nothing."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.evaluation.prices import model_cost
from stepguard.evaluation.results import result_of
from stepguard.guard.errors import InvalidRequest
from stepguard.report.gates import BAD_ROWS, Checked, gates_of, run_gates
from tests.fakes.scorecards import scorecard_of
from tests.unit.evaluation.test_answers import answered
from tests.unit.evaluation.test_scorecard import VIOLENCE, failed, record


def card(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A scorecard as SummarizeCorpus writes it."""
    return {"bad_rows": 0, **scorecard_of(result_of(entry)[0] for entry in records).to_dict(), **more}


SOME = (
    record(0, labels={"expected": "blocked", "policies": ["content/VIOLENCE"]}, findings=[VIOLENCE]),
    record(1, labels={"expected": "blocked"}),
    record(2, labels={"expected": "passed"}),
    record(3, labels={"expected": "passed"}, findings=[VIOLENCE]),
)


ANSWERED = (
    answered(0, "At 8.", "at 8", grade="correct", score=0.9),
    answered(1, "At 9.", "at 8", grade="wrong", score=0.5),
    answered(2, "I don't know.", "at 8", grade="refused"),
)


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        ("exact-agreement=0.33", "exact-agreement=0.34"),
        ("word-agreement=0.5", "word-agreement=0.51"),
        ("correct-answers=33%", "correct-answers=34%"),
        ("grounding=0.7", "grounding=0.71"),
        ("judge-kappa=1", "relevance=0"),
        ("wrong-answers=1", "wrong-answers=0"),
        ("refused-answers=34%", "refused-answers=33%"),
    ],
)
def test_answers_have_limits(kept: str, broken: str) -> None:
    """Of agreement, grounding and grades; a score that no answer has keeps no limit."""
    assert check(kept, card(*ANSWERED)).passed
    assert not check(broken, card(*ANSWERED)).passed
    assert not check(kept, card(*SOME)).passed


def check(limits: str, of: dict[str, Any]) -> Checked:
    """The one limit, checked."""
    (gate,) = gates_of(limits)
    return gate.check(of)


@pytest.mark.parametrize(
    ("kept", "broken"),
    [
        ("recall=0.5", "recall=0.51"),
        ("recall=50%", "recall=51%"),
        ("correct=0.5", "correct=0.6"),
        ("false-positive-rate=0.5", "false-positive-rate=0.49"),
        ("False_Positive_Rate=50%", "false_positive_rate=0"),
        ("VIOLENCE:recall=1", "VIOLENCE:precision=0.6"),
        ("content:recall=1", "content/VIOLENCE:f1=0.9"),
        ("violence:false-positive-rate=0.5", "VIOLENCE:false-positive-rate=0.4"),
        ("failed=0", "HATE:recall=0"),
        ("cost=1", "cost=0"),
    ],
)
def test_a_limit_is_kept_up_to_its_value(kept: str, broken: str) -> None:
    """Rates of which more is better are minima, all others are maxima; a filter without a value keeps no limit."""
    assert check(kept, card(*SOME)).passed
    assert not check(broken, card(*SOME)).passed


def test_a_broken_limit_says_value_and_limit() -> None:
    """In words, for people and logs."""
    assert check("recall=0.51", card(*SOME)).text == "recall is 0.5000, not at least 0.51"
    assert check("bad-rows=2", card(*SOME, bad_rows=3)).text == "bad-rows is 3 of 7, not at most 2"
    assert check("bad-rows=12.5%", card(*SOME, bad_rows=3)).text == "bad-rows is 3 of 7, not at most 12.5%"


@pytest.mark.parametrize("metric", ["recall", "precision", "false-positive-rate", "correct", "f1", "topic:recall"])
def test_a_run_without_labels_keeps_no_limit(metric: str) -> None:
    """A silent pass would prove nothing."""
    of = card(record(0))
    assert (check(f"{metric}=0", of).passed, check(f"{metric}=0", of).value) == (False, None)
    assert not check(f"{metric}=1", of).passed


def test_items_without_a_verdict_are_failed_items() -> None:
    """Those that ended in an error, and those that the run never reached."""
    assert check("failed=1", card(*SOME, failed(4))).passed
    assert not check("failed=1", card(*SOME, failed(4), not_evaluated=1)).passed
    assert not check("failed=10%", card(*SOME, failed(4))).passed


def test_a_cost_without_a_price_keeps_no_limit() -> None:
    """The tokens of a model that has no list price cost something, too."""
    of = card(*SOME)
    of["cost"]["model"] = model_cost({"input": 2000}, "test.echo")
    assert "a price is not known" in check("cost=1000", of).text


@pytest.mark.parametrize(
    ("bad", "rows", "kept"), [(98, 100, False), (10, 100, True), (11, 100, False), (1, 2, True), (2, 3, False)]
)
def test_bad_rows_have_a_limit_by_default(bad: int, rows: int, kept: bool) -> None:
    """A tenth of the rows, or one; of a sample, the rows of the corpus count."""
    (gate,) = run_gates([])
    found = gate.check(card(*SOME[:2], bad_rows=bad, rows=rows))
    assert found.passed is kept
    assert "--fail-on bad-rows=N" in found.text
    (given,) = run_gates(gates_of("bad-rows=100%"))
    assert given is not BAD_ROWS
    assert given.check(card(*SOME[:2], bad_rows=bad, rows=rows)).passed


@pytest.mark.parametrize(
    "text",
    ["recall", "recal=1", "recall=2", "recall=-1", "recall=nan", "speed=0.5", "recall=x",
     "VIOLENCE:correct=0.5", "=0.5", "bad-rows=0.5", "bad-rows=-1", "failed=inf", "cost=5%", "cost=x",
     "VIOLENCE:cost=1", "newly-wrong=1.5",
     "VIOLENT:recall=0.5", "content/EMAIL:recall=0.5", "topic/:recall=0.5", "group/:recall=1", "recall=0.5,x"],
)  # fmt: skip
def test_a_limit_that_means_nothing_is_refused(text: str) -> None:
    """Before the run, with the names that are known."""
    with pytest.raises(InvalidRequest, match=r"--fail-under|Leave out"):
        gates_of(text)


def test_a_refusal_lists_the_known_names() -> None:
    """And names the most similar one."""
    with pytest.raises(InvalidRequest, match=r"precision, recall, .* bad-rows, failed, cost.*Did you mean recall\?"):
        gates_of("recal=0.9")
    with pytest.raises(InvalidRequest, match=r"VIOLENCE, .*Did you mean VIOLENCE\?"):
        gates_of("VIOLENT:recall=0.9")


def test_a_topic_of_no_item_is_refused_with_the_names_of_the_run() -> None:
    """Only the run knows the names of topics, regular expressions and groups."""
    with pytest.raises(InvalidRequest, match=r"no topic/Loans\. It has: content, content/VIOLENCE"):
        check("topic/Loans:recall=0.5", card(*SOME))
    with pytest.raises(InvalidRequest, match="no group/none"):
        check("group/none:recall=0.5", card(*SOME))


def test_names_may_have_commas_and_signs() -> None:
    """Topics have names that people chose."""
    first, second = gates_of("topic/Loans, credit: all:recall=0.5, recall=0.9")
    assert (first.scope, first.metric, second.name) == ("topic/Loans, credit: all", "recall", "recall")


def test_a_group_has_limits_like_the_whole() -> None:
    """A category of the corpus; `correct`, too."""
    labels = {"expected": "blocked", "category": "Fraud: cards, a"}
    of = card(record(0, labels=labels, findings=[VIOLENCE]), record(1, labels=labels), *SOME[2:])
    assert check("group/Fraud: cards, a:recall=0.5", of).passed
    assert not check("group/Fraud: cards, a:correct=0.6", of).passed
    assert check("group/Fraud: cards, a:false-positive-rate=0", of).value is None
    with pytest.raises(InvalidRequest, match=r"It has: content, content/VIOLENCE, group/Fraud: cards, a\."):
        check("group/fraud:recall=0.5", of)
