"""An execution history read back as a story."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stepguard.trace import read_history

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)


def events(*steps: tuple[int, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Events at these milliseconds, with AWS's name of each type's details."""
    return [
        {"id": number, "type": kind, "timestamp": BEGIN + timedelta(milliseconds=at), **details}
        for number, (at, kind, details) in enumerate(steps, 1)
    ]


def entered(at: int, state: str, kind: str = "Task") -> tuple[int, str, dict[str, Any]]:
    """A state was entered."""
    return at, f"{kind}StateEntered", {"stateEnteredEventDetails": {"name": state, "input": "{}"}}


def exited(at: int, state: str, output: object, kind: str = "Task") -> tuple[int, str, dict[str, Any]]:
    """A state was left with this output."""
    text = output if isinstance(output, str) else json.dumps(output)
    return at, f"{kind}StateExited", {"stateExitedEventDetails": {"name": state, "output": text}}


PASSED = {"outcome": "passed", "findings": []}
START = (0, "ExecutionStarted", {"executionStartedEventDetails": {"input": "{}"}})


def test_a_finished_chat_is_a_path_with_verdicts() -> None:
    """States in order, milliseconds of each, what each stage wrote, and how it ended."""
    trace = read_history(
        events(
            START,
            entered(10, "GuardInput"),
            (11, "TaskScheduled", {}),
            (12, "TaskStarted", {}),
            (40, "TaskSucceeded", {}),
            exited(50, "GuardInput", {"input_guard": PASSED}),
            entered(50, "InputIntervened?", "Choice"),
            exited(55, "InputIntervened?", {"input_guard": PASSED}, "Choice"),
            (60, "ExecutionSucceeded", {"executionSucceededEventDetails": {"output": "{}"}}),
        )
    )

    assert trace.path == ["GuardInput", "InputIntervened?"]
    assert (trace.status, trace.milliseconds, trace.error) == ("SUCCEEDED", 60.0, None)
    assert trace.stages() == [
        {"state": "GuardInput", "outcome": "passed", "findings": [], "milliseconds": 40.0, "attempts": 1}
    ]
    assert [(visit.type, visit.milliseconds) for visit in trace.visits] == [("Task", 40.0), ("Choice", 5.0)]


def test_a_retry_that_succeeds_leaves_no_error() -> None:
    """Every attempt counts; the error of an attempt that a later one cured is not the stage's."""
    trace = read_history(
        events(
            START,
            entered(0, "InvokeModel"),
            (1, "TaskScheduled", {}),
            (2, "TaskFailed", {"taskFailedEventDetails": {"error": "ModelNotReady", "cause": "{}"}}),
            (3, "TaskScheduled", {}),
            exited(9, "InvokeModel", {"model": PASSED}),
        )
    )

    (stage,) = trace.stages()
    assert (stage["attempts"], stage["outcome"]) == (2, "passed")
    assert "error" not in stage


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        ("TaskFailed", {"taskFailedEventDetails": {"error": "Throttled"}}, "Throttled"),
        ("TaskTimedOut", {"taskTimedOutEventDetails": {"error": "States.Timeout"}}, "States.Timeout"),
        ("TaskStartFailed", {"taskStartFailedEventDetails": {"error": "E"}}, "E"),
        ("LambdaFunctionFailed", {"lambdaFunctionFailedEventDetails": {"error": "E"}}, "E"),
        ("LambdaFunctionTimedOut", {}, "LambdaFunctionTimedOut"),
    ],
)
def test_a_caught_failure_is_the_stages_error(kind: str, details: dict[str, Any], error: str) -> None:
    """A stage that failed for good has no verdict: its outcome is `error`, with the error's name."""
    trace = read_history(
        events(
            START,
            entered(0, "GuardInput"),
            (1, "LambdaFunctionScheduled", {}),
            (5, kind, details),
            exited(7, "GuardInput", {"error": {"Error": error}}),
            entered(7, "AnswerUnavailable", "Fail"),
            (8, "ExecutionFailed", {"executionFailedEventDetails": {"error": error, "cause": "why"}}),
        )
    )

    assert trace.stages() == [
        {"state": "GuardInput", "outcome": "error", "findings": [], "milliseconds": 7.0, "attempts": 1, "error": error}
    ]
    assert (trace.status, trace.error, trace.cause) == ("FAILED", error, "why")


@pytest.mark.parametrize(
    ("kind", "status"), [("ExecutionTimedOut", "TIMED_OUT"), ("ExecutionAborted", "ABORTED"), ("Other", "RUNNING")]
)
def test_a_stage_that_was_not_left_is_running(kind: str, status: str) -> None:
    """An execution cut off, or still at work, has a last stage without duration."""
    trace = read_history(events(START, entered(5, "InvokeModel"), (6, "TaskScheduled", {}), (20, kind, {})))

    (stage,) = trace.stages()
    assert (stage["outcome"], stage["milliseconds"]) == ("running", None)
    assert trace.status == status
    assert trace.milliseconds == (None if status == "RUNNING" else 20.0)


@pytest.mark.parametrize("output", ["", "not json", "[1]", '"text"', "{"])
def test_an_output_that_cannot_be_read_has_no_verdict(output: str) -> None:
    """AWS leaves outputs out or cuts them; the story continues without them."""
    trace = read_history(events(START, entered(0, "GuardInput"), exited(4, "GuardInput", output)))

    assert trace.visits[0].result is None
    assert trace.visits[0].milliseconds == 4.0


def test_a_redriven_execution_goes_on_where_it_failed() -> None:
    """One visit with the attempts of both runs; the days in between are not a retry's waiting."""
    trace = read_history(
        events(
            START,
            entered(0, "GuardInput"),
            (1, "TaskScheduled", {}),
            (5, "TaskFailed", {"taskFailedEventDetails": {"error": "Throttled"}}),
            (6, "ExecutionFailed", {"executionFailedEventDetails": {"error": "Throttled"}}),
            (90_000_000, "ExecutionRedriven", {"executionRedrivenEventDetails": {"redriveCount": 1}}),
            (90_000_001, "TaskScheduled", {}),
            (90_000_005, "TaskSucceeded", {}),
            exited(90_000_006, "GuardInput", {"input_guard": PASSED}),
            (90_000_007, "ExecutionSucceeded", {}),
        )
    )

    (visit,) = trace.visits
    assert (trace.status, trace.redrives, visit.status, visit.error) == ("SUCCEEDED", 1, "succeeded", None)
    assert [(item.outcome, item.waited) for item in visit.tries] == [("failed", None), ("succeeded", None)]


def test_a_redriven_state_that_is_entered_again_is_another_visit() -> None:
    """The first one stays failed."""
    failed = ("ExecutionFailed", {"executionFailedEventDetails": {"error": "E"}})
    trace = read_history(
        events(
            START,
            entered(0, "AnswerUnavailable", "Fail"),
            (1, *failed),
            (2, "ExecutionRedriven", {}),
            entered(3, "AnswerUnavailable", "Fail"),
            (4, *failed),
        )
    )

    assert [(visit.status, visit.error) for visit in trace.visits] == [("failed", "E"), ("failed", "E")]


def test_details_may_be_missing() -> None:
    """Includes events of a history read without execution data."""
    trace = read_history(events(START, (1, "PassStateEntered", {}), (2, "PassStateExited", {})))

    assert trace.path == ["?"]


def test_no_events_are_no_story() -> None:
    """An execution whose history cannot be read yet."""
    assert read_history([]).visits == ()
    assert read_history([]).milliseconds is None


def test_stray_events_in_front_of_any_state_are_ignored() -> None:
    """A partial history must not fail."""
    trace = read_history(events(exited(0, "x", {}), (1, "TaskScheduled", {}), (2, "TaskFailed", {})))

    assert trace.visits == ()
