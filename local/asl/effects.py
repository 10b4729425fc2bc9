"""What the interpreter asks of its driver. The interpreter itself does no I/O: it is a generator that yields these.

The driver answers with a value (`send`) or an error (`throw`), so the same interpreter serves executions, synchronous
calls, TestState and mocks.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

from local.asl.jsontext import Json
from local.asl.model import Resource


class TaskTimeoutError(Exception):
    """The task did not answer within its time-out."""


@dataclass(frozen=True, slots=True)
class Call:
    """Run a task and wait for its answer; the answer is JSON, a failure a StateError or TaskTimeoutError.

    `arguments` is the effective input, `timeout` in seconds. `state` and `iteration` (the indices of the enclosing
    inline Map items, outermost first) say where the task stands, for mocks.
    """

    resource: Resource
    arguments: Json
    timeout: float | None
    state: str
    iteration: tuple[int, ...] = ()
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for so many seconds."""

    seconds: float


Effect: TypeAlias = Call | Sleep
Steps: TypeAlias = Generator[Effect, Any, Json]
