"""Writes the lines of `stepguard.guard.telemetry` to standard output, from where Lambda sends them to CloudWatch.

The standard library is enough: docs/decisions/0009-logs-and-metrics.md.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stepguard.guard.telemetry import failure, feedback_lines, route_line, stage_lines

if TYPE_CHECKING:
    from stepguard.guard.talk.feedback import Feedback

Stage = Callable[[Mapping[str, Any]], dict[str, Any]]
Reply = tuple[int, dict[str, Any], dict[str, str]]


def observed_stage(name: str, stage: Stage, event: Mapping[str, Any]) -> dict[str, Any]:
    """Run a stage and log the run, successful or not. The stage's exceptions propagate."""
    started = time.perf_counter()
    execution = str(event.get("execution", ""))
    try:
        result = stage(event)
    except Exception as error:
        failed, took = error, _since(started)
        _write(lambda: stage_lines(name, execution, None, failed, took, _stack(), _now()))
        raise
    took = _since(started)
    _write(lambda: stage_lines(name, execution, result, None, took, _stack(), _now()))
    return result


def observed_route(route: str, caller: str, answer: Callable[[], Reply]) -> Reply:
    """Answer a request and log it."""
    started = time.perf_counter()
    reply = answer()
    took = _since(started)
    _write(lambda: [route_line(route, caller, reply, took, _stack(), _now())])
    return reply


def count_feedback(feedback: Feedback) -> None:
    """Count feedback that is new."""
    _write(lambda: feedback_lines(feedback, _stack(), _now()))


def log_problem(what: str, execution: str, error: Exception) -> None:
    """Log an error that a caller does not notice, of work that its request asked for besides its answer."""
    _write(lambda: [{"level": "WARNING", "message": what, "execution": execution, **failure(error)}])


def _write(lines: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
    """Log what `lines` makes. An answer does not fail for it: what goes wrong is one line without metrics."""
    try:
        _print("".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines()))
    except Exception as error:  # noqa: BLE001 - neither an odd result nor a closed stream may change an answer
        with suppress(OSError, ValueError):
            _print(json.dumps({"level": "ERROR", "message": "telemetry", "error": type(error).__name__}) + "\n")


def _print(text: str) -> None:
    sys.stdout.write(text)  # one write, so that lines of other threads cannot interleave
    sys.stdout.flush()


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _now() -> int:
    return int(time.time() * 1000)


def _stack() -> str:
    return os.environ.get("STEPGUARD_STACK") or "local"
