"""Retry and Catch."""

from __future__ import annotations

import random

import pytest

from embedded_aws.states.language.errors import DATA_LIMIT, HEARTBEAT_TIMEOUT, RUNTIME, TIMEOUT, StateError
from embedded_aws.states.language.retry import Retrier, RetryBudget, matches


def test_delays_grow_by_the_rate_up_to_the_limit() -> None:
    """IntervalSeconds * BackoffRate ** retries, capped by MaxDelaySeconds."""
    budget = RetryBudget((Retrier(("E",), 2, 4, 3.0, 30),), random.Random(0), is_task=True)
    assert [budget.delay(StateError("E")) for _ in range(5)] == [2, 6, 18, 30, None]


def test_full_jitter_stays_between_nothing_and_the_delay() -> None:
    """JitterStrategy FULL picks uniformly from the whole interval."""
    retrier = Retrier(("E",), 8, 3, 1.0, None, full_jitter=True)
    delays = [retrier.delay(0, random.Random(seed)) for seed in range(50)]
    assert all(0 <= delay <= 8 for delay in delays)
    assert max(delays) - min(delays) > 4


def test_each_retrier_counts_for_itself() -> None:
    """The first retrier that matches decides, with its own MaxAttempts."""
    budget = RetryBudget(
        (Retrier(("A",), max_attempts=1), Retrier(("States.ALL",), max_attempts=1)), random.Random(0), is_task=True
    )
    assert budget.delay(StateError("A")) is not None
    assert budget.delay(StateError("B")) is not None
    assert budget.delay(StateError("A")) is None
    assert budget.total == 2


@pytest.mark.parametrize(
    ("pattern", "error", "covered"),
    [
        ("States.ALL", "Anything", True),
        ("States.ALL", None, True),
        ("States.ALL", RUNTIME, False),
        (RUNTIME, RUNTIME, False),
        ("States.ALL", DATA_LIMIT, True),
        ("States.TaskFailed", "Anything", True),
        ("States.TaskFailed", TIMEOUT, False),
        ("A", "B", False),
    ],
)
def test_error_names_match_as_documented(pattern: str, error: str | None, covered: bool) -> None:
    """The wildcard names cover what the guide says and no more."""
    assert matches((pattern,), StateError(error), is_task=True) is covered


def test_a_missing_heartbeat_is_a_timeout_with_a_name_of_its_own() -> None:
    """States.Timeout and States.HeartbeatTimeout both match it; the latter no other time-out."""
    late = StateError(TIMEOUT, heartbeat=True)
    assert matches((TIMEOUT,), late, is_task=True)
    assert matches((HEARTBEAT_TIMEOUT,), late, is_task=True)
    assert not matches((HEARTBEAT_TIMEOUT,), StateError(TIMEOUT), is_task=True)
