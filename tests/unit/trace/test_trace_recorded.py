"""Histories as AWS wrote them: read without an error, and in agreement with their events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.trace import Trace, read_history, to_document
from stepguard.trace.events import details_member
from stepguard.trace.graph import graph
from tests.recorded import corpus

SCHEDULED = {
    "TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled", "MapStateStarted", "ParallelStateStarted",
}  # fmt: skip
FAILED = {
    "TaskFailed", "LambdaFunctionFailed", "ActivityFailed", "TaskTimedOut", "ActivityTimedOut", "LambdaFunctionTimedOut"
}  # fmt: skip


@cache
def cases() -> tuple[Mapping[str, Any], ...]:
    """Every recorded case with a history."""
    return tuple(case for case in corpus.cases(*corpus.EXECUTIONS) if case["expected"].get("events"))


def raw(case: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The events as GetExecutionHistory returns them, one millisecond apart."""
    for number, event in enumerate(case["expected"]["events"]):
        details = {
            key: json.dumps(value) if key in ("input", "output", "parameters") else value
            for key, value in (event.get("details") or {}).items()
        }
        moment = 1_700_000_000 + number / 1000
        yield {**event, "timestamp": moment, details_member(event["type"]): details}


def count(trace: Trace, *outcomes: str) -> int:
    """The attempts of tasks with these outcomes."""
    return sum(item.outcome in outcomes for visit in trace.visits if visit.type == "Task" for item in visit.tries)


def test_every_recorded_history_is_read_and_agrees_with_its_events() -> None:
    """Path, end, error, attempts, failures and exits are those of the events, for every execution recorded on AWS."""
    assert len(cases()) > 150
    for case in cases():
        events = case["expected"]["events"]
        types = [event["type"] for event in events]
        trace = read_history(raw(case))
        name = case["id"]
        assert trace.status == case["expected"]["status"], name
        assert trace.error == case["expected"].get("error"), name
        assert trace.path == [e["details"]["name"] for e in events if e["type"].endswith("StateEntered")], name
        assert sum(visit.attempts for visit in trace.visits) == sum(kind in SCHEDULED for kind in types), name
        left = sum(visit.status in ("succeeded", "caught") for visit in trace.visits)
        assert left == sum(kind.endswith("StateExited") for kind in types), name
        assert all(visit.status != "running" for visit in trace.visits), name
        assert trace.milliseconds == pytest.approx(len(events) - 1), name
        if all(event["id"] for event in events):  # the recorder put events of branches in an order of its own
            assert count(trace, "failed", "timed_out") == sum(kind in FAILED for kind in types), name


def test_every_visit_lasts_from_its_entered_to_its_exited_event() -> None:
    """Durations are the events' own, also where branches are mixed."""
    for case in cases():
        events = list(raw(case))
        if case["concurrent"]:
            continue
        moments = {event["id"]: event["timestamp"] for event in events}
        for visit in read_history(events).visits:
            if visit.status in ("succeeded", "caught"):
                first, last = visit.events
                assert visit.milliseconds == pytest.approx((moments[last] - moments[first]) * 1000, abs=0.01)


def test_a_state_is_inside_of_the_container_that_is_open() -> None:
    """The visit around a visit is a Map or Parallel that was entered before it and left after it."""
    for case in cases():
        trace = read_history(raw(case))
        for visit in trace.visits:
            if visit.parent is not None:
                around = trace.visits[visit.parent]
                assert around.type in ("Map", "Parallel")
                assert around.index < visit.index


def test_every_recorded_definition_is_a_graph_and_every_trace_a_document() -> None:
    """JSON all the way, and every edge ends at nodes."""
    for case in cases():
        drawn = graph(case["definition"])
        names = {node["id"] for node in drawn["nodes"]}
        assert all({edge["source"], edge["target"]} <= names for edge in drawn["edges"])
        assert json.dumps(to_document(read_history(raw(case))))


# --- generated executions: what goes in must come out


@st.composite
def executions(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[str], int, int]:
    """Events of states in a row and of Maps with interleaved items; the path, the attempts, the milliseconds."""
    events: list[dict[str, Any]] = []
    path: list[str] = []
    clock = 0
    attempts = 0

    def add(kind: str, previous: int, **details: Any) -> int:
        nonlocal clock
        clock += draw(st.integers(0, 50))
        number = len(events) + 1
        held = {details_member(kind): details} if details else {}
        events.append({"id": number, "previousEventId": previous, "type": kind, "timestamp": clock / 1000, **held})
        return number

    def task(name: str, previous: int) -> int:
        nonlocal attempts
        path.append(name)
        last = add("TaskStateEntered", previous, name=name, input="{}")
        for _ in range(draw(st.integers(0, 3))):
            attempts += 1
            last = add("TaskScheduled", last)
            last = add("TaskFailed", add("TaskStarted", last), error="Throttled")
        attempts += 1
        last = add("TaskSucceeded", add("TaskStarted", add("TaskScheduled", last)), output="{}")
        return add("TaskStateExited", last, name=name, output="{}")

    def items(name: str, previous: int) -> int:
        nonlocal attempts
        path.append(name)
        attempts += 1
        size = draw(st.integers(1, 4))
        begun = add("MapStateStarted", add("MapStateEntered", previous, name=name, input="[]"), length=size)
        heads = [add("MapIterationStarted", begun, name=name, index=index) for index in range(size)]
        open_: dict[int, tuple[str, int]] = {}
        waiting = list(range(size))
        last = begun
        while waiting or open_:
            index = draw(st.sampled_from(sorted([*waiting, *open_])))
            if index in open_:
                state, entered = open_.pop(index)
                out = add("PassStateExited", entered, name=state, output="{}")
                last = add("MapIterationSucceeded", out, name=name, index=index)
            else:
                waiting.remove(index)
                state = f"{name}-{index}"
                path.append(state)
                open_[index] = (state, add("PassStateEntered", heads[index], name=state, input="{}"))
        return add("MapStateExited", add("MapStateSucceeded", last), name=name, output="[]")

    add("ExecutionStarted", 0, input="{}")
    previous = 0
    for number in range(draw(st.integers(1, 5))):
        previous = draw(st.sampled_from([task, items]))(f"S{number}", previous)
    add("ExecutionSucceeded", previous, output="{}")
    return events, path, attempts, clock - int(events[0]["timestamp"] * 1000 + 0.5)


@given(executions())
def test_path_attempts_and_durations_are_those_of_the_events(
    made: tuple[list[dict[str, Any]], list[str], int, int],
) -> None:
    """For any execution of tasks with retries and Maps with interleaved items."""
    events, path, attempts, milliseconds = made
    trace = read_history(events)

    assert trace.path == path
    assert sum(visit.attempts for visit in trace.visits) == attempts
    assert trace.milliseconds == pytest.approx(milliseconds, abs=0.01)
    for visit in trace.visits:
        assert visit.status == "succeeded"
        inside = "-" in visit.state
        assert (visit.parent is not None) == inside
        if inside:
            around = trace.visits[visit.parent or 0]
            assert visit.state == f"{around.state}-{visit.branch}"
