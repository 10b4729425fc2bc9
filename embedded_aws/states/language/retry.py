"""Retry and Catch: which errors they match, and how long a retry waits.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from embedded_aws.states.language.errors import ALL, DATA_LIMIT, HEARTBEAT_TIMEOUT, TASK_FAILED, TIMEOUT, StateError
from embedded_aws.states.language.fields import Field


@dataclass(frozen=True, slots=True)
class Retrier:
    """One element of Retry. `max_attempts` counts the retries, 0 means never; delays are in seconds."""

    errors: tuple[str, ...]
    interval: int = 1
    max_attempts: int = 3
    backoff: float = 2.0
    max_delay: int | None = None
    full_jitter: bool = False

    def delay(self, retries: int, jitter: random.Random) -> float:
        """Seconds to wait before the next attempt, after `retries` retries."""
        try:
            seconds = self.interval * self.backoff**retries
        except OverflowError:
            seconds = float("inf")
        limit = self.max_delay if self.max_delay is not None else 31_536_000
        seconds = min(seconds, limit)
        return jitter.uniform(0, seconds) if self.full_jitter else seconds


@dataclass(frozen=True, slots=True)
class Catcher:
    """One element of Catch. Exactly one of `result_path` (JSONPath) and `output` (JSONata) may be set."""

    errors: tuple[str, ...]
    next: str
    result_path: str | None = "$"
    assign: Field | None = None
    output: Field | None = None


def matches(errors: Iterable[str], failure: StateError, *, is_task: bool) -> bool:
    """Whether ErrorEquals `errors` covers the failure.

    States.ALL covers all errors except States.Runtime, including data limits (seen in executions recorded on AWS).
    States.TaskFailed covers every failure of a Task but a time-out. A heartbeat's time-out is a time-out.
    """
    if not failure.catchable:
        return False
    for name in errors:
        if name in (ALL, failure.error):
            return True
        if name == HEARTBEAT_TIMEOUT and failure.heartbeat:
            return True
        if name == TASK_FAILED and is_task and failure.error not in (TIMEOUT, DATA_LIMIT):
            return True
    return False


class RetryBudget:
    """Counts a state's retries, each retrier by itself, for one entry into the state."""

    def __init__(self, retriers: tuple[Retrier, ...], jitter: random.Random, *, is_task: bool) -> None:
        self._retriers = retriers
        self._used = [0] * len(retriers)
        self._jitter = jitter
        self._is_task = is_task
        self.total = 0

    def delay(self, failure: StateError) -> float | None:
        """Seconds until the next attempt, or None if no retry is left."""
        for number, retrier in enumerate(self._retriers):
            if matches(retrier.errors, failure, is_task=self._is_task):
                if self._used[number] >= retrier.max_attempts:
                    return None
                seconds = retrier.delay(self._used[number], self._jitter)
                self._used[number] += 1
                self.total += 1
                return seconds
        return None


def catcher_for(catchers: Iterable[Catcher], failure: StateError, *, is_task: bool) -> Catcher | None:
    """The first catcher whose ErrorEquals covers the failure."""
    for catcher in catchers:
        if matches(catcher.errors, failure, is_task=is_task):
            return catcher
    return None
