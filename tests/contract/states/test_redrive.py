"""A redriven or recovered execution does only what failed: in branches, iterations and Map Runs, however nested."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.embedded_aws.states.cloud import Cloud, task


class Calls:
    """A function that remembers its calls; those in `broken` fail."""

    def __init__(self, cloud: Cloud, broken: set[str]) -> None:
        self.made: list[str] = []
        self.broken = broken
        cloud.functions.functions["f"] = self

    def __call__(self, event: str) -> str:
        self.made.append(event)
        if event in self.broken:
            raise RuntimeError("down")
        return event


LATER = {"Type": "Wait", "Seconds": 3600}
"""The clock of these tests moves on when everything else has ended."""


def _step(name: str, **more: Any) -> dict[str, Any]:
    """A state that calls the function with the state's own name."""
    return task("f", Parameters={"FunctionName": "f", "Payload": name}, OutputPath="$.Payload", **more)


def _chain(*names: str) -> dict[str, Any]:
    states = {name: _step(name, Next=after) for name, after in pairwise(names)}
    return {"StartAt": names[0], "States": {**states, names[-1]: _step(names[-1])}}


def _later(*names: str) -> dict[str, Any]:
    chain = _chain(*names)
    return {"StartAt": "W", "States": {"W": {**LATER, "Next": names[0]}, **chain["States"]}}


def _parallel(*branches: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), "End": True}


def _redriven(cloud: Cloud, states: dict[str, Any], data: Any, calls: Calls) -> tuple[list[str], Any]:
    """What was called after the redrive, and the output."""
    done = cloud.finish(cloud.machine(states), data)
    assert done["status"] == "FAILED"
    calls.made.clear()
    calls.broken.clear()
    cloud.call("RedriveExecution", executionArn=done["executionArn"])
    cloud.wait(done["executionArn"])
    again = cloud.call("DescribeExecution", executionArn=done["executionArn"])
    assert again["status"] == "SUCCEEDED", again
    return calls.made, json.loads(again["output"])


def test_branches_that_succeeded_keep_their_results(cloud: Cloud) -> None:
    """And a failed branch goes on in the state that failed."""
    calls = Calls(cloud, {"b2"})
    made, output = _redriven(cloud, {"P": _parallel(_chain("a1", "a2"), _later("b1", "b2", "b3"))}, {}, calls)
    assert (made, output) == (["b2", "b3"], ["a2", "b3"])


def test_nested_branches_keep_theirs(cloud: Cloud) -> None:
    """A Parallel in a branch of a Parallel."""
    calls = Calls(cloud, {"d"})
    inner = {"StartAt": "N", "States": {"N": _parallel(_chain("c"), _later("d"))}}
    made, output = _redriven(cloud, {"P": _parallel(_chain("a"), inner)}, {}, calls)
    assert (made, output) == (["d"], ["a", ["c", "d"]])


def test_iterations_that_succeeded_keep_their_results(cloud: Cloud) -> None:
    """In their order."""
    calls = Calls(cloud, {"y"})
    step = task("f", Parameters={"FunctionName": "f", "Payload.$": "$"}, OutputPath="$.Payload")
    when = {"Variable": "$", "StringEquals": "y", "Next": "W"}
    choice = {"Type": "Choice", "Choices": [when], "Default": "T"}
    processor = {"StartAt": "C", "States": {"C": choice, "W": {**LATER, "Next": "T"}, "T": step}}
    state = {"Type": "Map", "ItemProcessor": processor, "End": True}
    made, output = _redriven(cloud, {"M": state}, ["x", "y", "z"], calls)
    assert (made, output) == (["y"], ["x", "y", "z"])


def test_branches_of_iterations_keep_theirs(cloud: Cloud) -> None:
    """The same states in every iteration: only the failed branch of the failed iteration runs again."""
    calls = Calls(cloud, {"y2"})

    def branch(number: int) -> dict[str, Any]:
        payload = f"States.Format('{{}}{number}', $.name)"
        step = task("f", Parameters={"FunctionName": "f", "Payload.$": payload}, OutputPath="$.Payload")
        wait = {"Type": "Wait", "SecondsPath": f"$.wait{number}", "Next": f"T{number}"}
        return {"StartAt": f"W{number}", "States": {f"W{number}": wait, f"T{number}": step}}

    processor = {"StartAt": "P", "States": {"P": _parallel(branch(1), branch(2))}}
    items = [{"name": "x", "wait1": 1, "wait2": 2}, {"name": "y", "wait1": 3, "wait2": 3600}]
    made, output = _redriven(cloud, {"M": {"Type": "Map", "ItemProcessor": processor, "End": True}}, items, calls)
    assert (made, output) == (["y2"], [["x1", "x2"], ["y1", "y2"]])


def test_map_runs_in_branches_keep_the_children_that_succeeded(cloud: Cloud) -> None:
    """Each of several Map Runs of an execution; the counters count an item once."""
    calls = Calls(cloud, {"y"})
    step = task("f", Parameters={"FunctionName": "f", "Payload.$": "$"}, OutputPath="$.Payload")

    def branch(name: str, items: list[str]) -> dict[str, Any]:
        processor = {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": f"T{name}",
            "States": {f"T{name}": step},
        }
        state = {"Type": "Map", "ItemProcessor": processor, "Label": name, "ItemsPath": "$.items", "End": True}
        given = {"Type": "Pass", "Result": {"items": items}, "Next": f"W{name}"}
        wait = {**LATER, "Seconds": 1 if name == "B" else 3600, "Next": f"M{name}"}
        states = {f"S{name}": given, f"W{name}": wait, f"M{name}": {**state, "MaxConcurrency": 1}}
        return {"StartAt": f"S{name}", "States": states}

    done = cloud.finish(cloud.machine({"P": _parallel(branch("A", ["x", "y"]), branch("B", ["z", "w"]))}), {})
    assert (done["status"], calls.made) == ("FAILED", ["z", "w", "x", "y"])
    calls.made.clear()
    calls.broken.clear()
    cloud.call("RedriveExecution", executionArn=done["executionArn"])
    cloud.wait(done["executionArn"])
    again = cloud.call("DescribeExecution", executionArn=done["executionArn"])
    assert (again["status"], json.loads(again["output"])) == ("SUCCEEDED", [["x", "y"], ["z", "w"]])
    assert calls.made == ["y"]
    runs = cloud.call("ListMapRuns", executionArn=done["executionArn"])["mapRuns"]
    counts = [cloud.call("DescribeMapRun", mapRunArn=run["mapRunArn"])["itemCounts"] for run in runs]
    assert [(count["total"], count["succeeded"], count["failed"]) for count in counts] == [(2, 2, 0), (2, 2, 0)]


def _distributed(function: str, **more: Any) -> dict[str, Any]:
    """A Distributed Map whose children call a function with their item."""
    step = task(function, Parameters={"FunctionName": function, "Payload.$": "$"}, OutputPath="$.Payload")
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "T", "States": {"T": step}}
    return {"Type": "Map", "ItemProcessor": processor, "Label": "L", "MaxConcurrency": 1, "End": True, **more}


@pytest.mark.parametrize("inside", [False, True], ids=["main line", "branch"])
def test_a_map_run_whose_failure_was_caught_stays_as_it_is(cloud: Cloud, *, inside: bool) -> None:
    """Its state does not run again, so its failed children remain."""
    calls = Calls(cloud, {"y", "b"})
    caught = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "b"}]}
    first = _distributed("f")
    if inside:
        first = _parallel({"StartAt": "M", "States": {"M": first}})
    states = {"S": {**first, **caught}, "b": _step("b")}
    done = cloud.finish(cloud.machine(states), ["x", "y"])
    assert (done["status"], calls.made) == ("FAILED", ["x", "y", "b"])
    calls.made.clear()
    calls.broken.clear()
    cloud.call("RedriveExecution", executionArn=done["executionArn"])
    cloud.wait(done["executionArn"])
    assert calls.made == ["b"]
    (run,) = cloud.call("ListMapRuns", executionArn=done["executionArn"])["mapRuns"]
    assert cloud.call("DescribeMapRun", mapRunArn=run["mapRunArn"])["status"] == "FAILED"
    children = cloud.call("ListExecutions", mapRunArn=run["mapRunArn"])["executions"]
    assert sorted(child["status"] for child in children) == ["FAILED", "SUCCEEDED"]


def test_a_caught_failure_in_a_branch_is_not_its_result(cloud: Cloud) -> None:
    """The state that a Catch left is followed by the catcher's state, not by the end."""
    calls = Calls(cloud, {"a", "b"})
    caught = _step("a", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "b"}])
    made, output = _redriven(
        cloud, {"P": _parallel({"StartAt": "a", "States": {"a": caught, "b": _step("b")}})}, {}, calls
    )
    assert (made, output) == (["b"], ["b"])


def test_a_killed_process_does_again_only_what_had_not_ended(cloud: Cloud) -> None:
    """Branches of a running execution, found by the next process."""
    calls = Calls(cloud, set())
    reached, gate = threading.Event(), threading.Event()

    def hangs(event: str) -> str:
        reached.set()
        assert gate.wait(10)
        return event

    cloud.functions.functions["g"] = hangs
    last = task("g", Parameters={"FunctionName": "g", "Payload": "b"}, OutputPath="$.Payload")
    branch = {"StartAt": "W", "States": {"W": {**LATER, "Next": "b"}, "b": last}}
    arn = cloud.start(cloud.machine({"P": _parallel(_chain("a"), branch)}))
    assert reached.wait(10)
    cloud.states.close()
    gate.set()
    calls.made.clear()
    cloud.functions.functions["g"] = calls
    cloud.open()
    cloud.wait(arn)
    done = cloud.call("DescribeExecution", executionArn=arn)
    assert (done["status"], json.loads(done["output"]), calls.made) == ("SUCCEEDED", ["a", "b"], ["b"])


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_machine_made_again_inherits_no_executions(cloud: Cloud, kind: str) -> None:
    """After DeleteStateMachine, a state machine with the same name is another one."""
    states = {"S": {"Type": "Succeed"}}
    machine = cloud.machine(states, kind=kind)
    if kind == "STANDARD":
        cloud.finish(machine)
    cloud.call("DeleteStateMachine", stateMachineArn=machine)
    assert cloud.machine(states, kind=kind) == machine
    if kind == "STANDARD":
        assert cloud.call("ListExecutions", stateMachineArn=machine)["executions"] == []


def _rows(cloud: Cloud) -> dict[str, int]:
    tables = ("executions", "events", "threads", "map_runs")
    return {table: len(cloud.states.core.store.read(f"SELECT * FROM {table}")) for table in tables}


def test_a_machine_made_again_ends_the_executions_of_the_old_one(cloud: Cloud) -> None:
    """And those of its Map Runs. A task that returns later writes nothing."""
    reached, gate = threading.Event(), threading.Event()

    def hangs(event: str) -> str:
        reached.set()
        assert gate.wait(10)
        return event

    cloud.functions.functions["g"] = hangs
    states = {"P": _parallel({"StartAt": "M", "States": {"M": _distributed("g", MaxConcurrency=2)}})}
    cloud.start(cloud.machine(states), ["x", "y", "z"])
    assert reached.wait(10)
    cloud.call("DeleteStateMachine", stateMachineArn=cloud.machine(states))
    cloud.machine(states)
    assert cloud.states.core.running == {}
    gate.set()
    assert _rows(cloud) == {"executions": 0, "events": 0, "threads": 0, "map_runs": 0}


@pytest.mark.parametrize("other", ["machineXa", "MACHINE_A", "machine_a0", "machine_"])
def test_a_machine_made_again_leaves_others_alone(cloud: Cloud, other: str) -> None:
    """Also those whose name is a match for its own as a pattern, and their Map Runs' children."""
    states = {"M": _distributed("echo")}
    cloud.finish(cloud.machine(states, "machine_a"), ["x"])
    alone = _rows(cloud)
    cloud.finish(cloud.machine(states, other), ["x"])
    cloud.call("DeleteStateMachine", stateMachineArn=cloud.machine(states, "machine_a"))
    cloud.machine(states, "machine_a")
    assert _rows(cloud) == alone
