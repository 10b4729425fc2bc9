"""Rates and tests of significance: equal to scikit-learn's and SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.evaluation.metrics import Confusion, mcnemar, percentiles, rate, wilson

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

Pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(Pairs)
def test_rates_are_those_of_scikit_learn(pairs: list[tuple[bool, bool]]) -> None:
    """Precision, recall, F1 and accuracy of any labels."""
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

    confusion = Confusion()
    for expected, found in pairs:
        confusion.add(expected=expected, found=found)
    truth, guess = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ours = confusion.to_dict()
    tn, fp, fn, tp = confusion_matrix(truth, guess, labels=[False, True]).ravel()
    assert (ours["tn"], ours["fp"], ours["fn"], ours["tp"]) == (tn, fp, fn, tp)
    theirs = {
        "precision": precision_score(truth, guess, zero_division=float("nan")),
        "recall": recall_score(truth, guess, zero_division=float("nan")),
        "accuracy": accuracy_score(truth, guess),
    }
    for name, value in theirs.items():
        assert ours[name] is None if value != value else ours[name]["value"] == pytest.approx(value, abs=1e-6)
    f1 = f1_score(truth, guess, zero_division=float("nan"))
    assert ours["f1"] is None if f1 != f1 else ours["f1"] == pytest.approx(f1, abs=1e-6)


@given(st.integers(0, 400), st.integers(1, 400))
def test_the_interval_is_wilsons(hits: int, total: int) -> None:
    """As SciPy computes it."""
    from scipy.stats import binomtest

    hits = min(hits, total)
    theirs = binomtest(hits, total).proportion_ci(method="wilson")
    assert wilson(hits, total) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemars_test_is_exact(first: int, second: int) -> None:
    """The binomial test of the discordant pairs."""
    from scipy.stats import binomtest

    theirs = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(theirs, abs=1e-9)


def test_thousands_of_changed_items_are_no_problem() -> None:
    """No overflow, and next to no doubt."""
    assert mcnemar(9_000, 11_000) < 1e-40


def test_a_rate_of_nothing_is_none() -> None:
    """Not zero, which would be a finding; and no interval of the impossible."""
    assert rate(0, 0) is None
    with pytest.raises(ValueError, match="hits"):
        wilson(3, 2)


def test_percentiles_take_the_nearest_rank() -> None:
    """Of whole milliseconds, without keeping each of them."""
    counts = dict.fromkeys(range(1, 101), 1)
    assert percentiles(counts) == {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
    assert percentiles({7: 3}) == {"p50": 7, "p90": 7, "p95": 7, "p99": 7, "max": 7}
    assert percentiles({}) == {}
