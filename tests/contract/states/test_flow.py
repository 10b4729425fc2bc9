"""Parallel, inline Map, variables and JSONata: what branches and iterations may see, and how they fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.embedded_aws.states.cloud import Cloud, task


def branch(**states: Any) -> dict[str, Any]:
    """A branch or item processor that begins with the first of its states."""
    return {"StartAt": next(iter(states)), "States": states}


END = {"End": True}


def test_parallel_gives_the_branches_results_in_their_order(cloud: Cloud) -> None:
    """However long each branch takes, the output is the list in the order of Branches."""
    slow = branch(W={"Type": "Wait", "Seconds": 30, "Next": "A"}, A={"Type": "Pass", "Result": "slow", **END})
    fast = branch(B={"Type": "Pass", "Result": "fast", **END})
    done = cloud.finish(cloud.machine({"P": {"Type": "Parallel", "Branches": [slow, fast], **END}}))
    assert json.loads(done["output"]) == ["slow", "fast"]


def test_a_failing_branch_aborts_the_others_and_is_caught(cloud: Cloud) -> None:
    """The history has the other branches' states as aborted, and they do not run afterwards."""
    waits = branch(W={"Type": "Wait", "Seconds": 3600, "Next": "Never"}, Never={"Type": "Pass", **END})
    fails = branch(F={"Type": "Fail", "Error": "Broken", "Cause": "why"})
    catch = [{"ErrorEquals": ["Broken"], "ResultPath": "$.error", "Next": "Caught"}]
    machine = cloud.machine(
        {
            "P": {"Type": "Parallel", "Branches": [waits, fails], "Catch": catch, **END},
            "Caught": {"Type": "Pass", **END},
        }
    )
    done = cloud.finish(machine, {"kept": 1})
    assert json.loads(done["output"]) == {"kept": 1, "error": {"Error": "Broken", "Cause": "why"}}
    types = cloud.types(done["executionArn"])
    assert "WaitStateAborted" in types
    assert types[types.index("ParallelStateFailed") + 1] == "ParallelStateExited"
    assert all(
        event.get("stateEnteredEventDetails", {}).get("name") != "Never" for event in cloud.events(done["executionArn"])
    )


def test_a_map_keeps_to_its_concurrency_and_to_the_order_of_its_items(cloud: Cloud) -> None:
    """At no time do more iterations run than MaxConcurrency says."""
    processor = branch(W={"Type": "Wait", "SecondsPath": "$.seconds", **END})
    state = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ItemProcessor": processor, **END}
    items = [{"seconds": seconds} for seconds in (5, 1, 4, 2, 3)]
    done = cloud.finish(cloud.machine({"M": state}), {"items": items})
    assert json.loads(done["output"]) == items
    running = most = 0
    for kind in cloud.types(done["executionArn"]):
        running += (kind == "MapIterationStarted") - (kind == "MapIterationSucceeded")
        most = max(most, running)
    assert most == 2


def test_an_item_selector_sees_the_item_and_the_input(cloud: Cloud) -> None:
    """$$.Map.Item and the Map state's own input."""
    state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"n.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.who"},
        "ItemProcessor": branch(A={"Type": "Pass", **END}),
        **END,
    }
    done = cloud.finish(cloud.machine({"M": state}), {"items": ["a", "b"], "who": "x"})
    assert json.loads(done["output"]) == [{"n": 0, "v": "a", "all": "x"}, {"n": 1, "v": "b", "all": "x"}]


def test_a_failed_iteration_is_retried_with_the_whole_map(cloud: Cloud) -> None:
    """Retry on the Map starts all iterations again; MapStateFailed comes only at the end."""
    calls: list[Any] = []

    def flaky(event: Any) -> Any:
        calls.append(event)
        if len(calls) < 3:
            raise RuntimeError("not yet")
        return event

    cloud.functions.functions["flaky"] = flaky
    state = {
        "Type": "Map",
        "MaxConcurrency": 1,
        "ItemProcessor": branch(T=task("flaky")),
        "Retry": [{"ErrorEquals": ["RuntimeError"], "MaxAttempts": 2}],
        **END,
    }
    done = cloud.finish(cloud.machine({"M": state}), [7])
    assert done["status"] == "SUCCEEDED"
    types = cloud.types(done["executionArn"])
    assert types.count("MapStateStarted") == 3
    assert "MapStateFailed" not in types


def test_variables_stay_in_their_scope(cloud: Cloud) -> None:
    """A branch reads the outer variables; what it assigns is not seen outside."""
    inner = branch(A={"Type": "Pass", "Assign": {"inner.$": "$outer"}, "Parameters": {"saw.$": "$outer"}, **END})
    machine = cloud.machine(
        {
            "Set": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "P"},
            "P": {"Type": "Parallel", "Branches": [inner], "Next": "Read"},
            "Read": {"Type": "Pass", "Parameters": {"inner.$": "$inner"}, **END},
        }
    )
    done = cloud.finish(machine)
    assert (done["status"], done["error"]) == ("FAILED", "States.Runtime")
    (left,) = [event for event in cloud.events(done["executionArn"]) if event["type"] == "ParallelStateExited"]
    assert json.loads(left["stateExitedEventDetails"]["output"]) == [{"saw": 1}]


def test_jsonata_values_are_data_and_never_code(cloud: Cloud) -> None:
    """A variable full of quotes and expressions comes out as it went in."""
    hostile = '" & $states.context.Execution.Id & "{% 1 %}\'; $boom() '
    machine = cloud.machine(
        {
            "Set": {"Type": "Pass", "Assign": {"v": "{% $states.input.text %}"}, "Next": "Use"},
            "Use": {"Type": "Pass", "Output": {"same": "{% $v %}", "joined": "{% '<' & $v & '>' %}"}, **END},
        },
        QueryLanguage="JSONata",
    )
    done = cloud.finish(machine, {"text": hostile})
    assert json.loads(done["output"]) == {"same": hostile, "joined": f"<{hostile}>"}


def test_a_jsonata_failure_can_be_caught_and_has_an_event(cloud: Cloud) -> None:
    """States.QueryEvaluationError, with EvaluationFailed naming the field."""
    state = task()
    del state["Parameters"]
    state |= {
        "Arguments": {"FunctionName": "{% $states.input.missing %}"},
        "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Output": "caught", "Next": "C"}],
    }
    done = cloud.finish(cloud.machine({"T": state, "C": {"Type": "Succeed"}}, QueryLanguage="JSONata"))
    assert json.loads(done["output"]) == "caught"
    failed = [event for event in cloud.events(done["executionArn"]) if event["type"] == "EvaluationFailed"]
    assert failed[0]["evaluationFailedEventDetails"]["location"] == "Arguments/FunctionName"


def test_an_endless_jsonata_recursion_fails_instead_of_hanging(cloud: Cloud) -> None:
    """The evaluation is cut off."""
    output = "{% ($f := function($n) { 1 + $f($n) }; $f(1)) %}"
    done = cloud.finish(cloud.machine({"P": {"Type": "Pass", "Output": output, **END}}, QueryLanguage="JSONata"))
    assert (done["status"], done["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_a_callback_waits_for_its_token_and_counts_heartbeats(cloud: Cloud) -> None:
    """SendTaskSuccess ends the task; a silent one times out with the heartbeat."""
    tokens: list[str] = []
    cloud.functions.functions["ask"] = lambda event: tokens.append(event["token"])
    state = task("ask", Resource="arn:aws:states:::lambda:invoke.waitForTaskToken")
    state["Parameters"] = {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}}
    machine = cloud.machine({"T": state}, name="patient")
    arn = cloud.start(machine)
    running = cloud.states.core.running[arn]
    while "TaskSubmitted" not in cloud.types(arn):
        assert not running.ended.wait(0.01)
    cloud.call("SendTaskHeartbeat", taskToken=tokens[0])
    cloud.call("SendTaskSuccess", taskToken=tokens[0], output='{"ok": true}')
    cloud.wait(arn)
    assert json.loads(cloud.call("DescribeExecution", executionArn=arn)["output"]) == {"ok": True}

    hasty = cloud.machine({"T": {**state, "HeartbeatSeconds": 5}}, name="hasty")
    done = cloud.finish(hasty)
    assert (done["status"], done["error"]) == ("FAILED", "States.Timeout")


def test_an_activity_is_done_by_a_worker(cloud: Cloud) -> None:
    """GetActivityTask hands the task out, SendTaskFailure ends it."""
    activity = cloud.call("CreateActivity", name="work")["activityArn"]
    arn = cloud.start(cloud.machine({"T": {"Type": "Task", "Resource": activity, **END}}), {"n": 1})
    given = cloud.call("GetActivityTask", activityArn=activity, workerName="me")
    assert json.loads(given["input"]) == {"n": 1}
    cloud.call("SendTaskFailure", taskToken=given["taskToken"], error="Tired", cause="late")
    cloud.wait(arn)
    assert cloud.types(arn)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivityFailed"]
    assert cloud.call("DescribeExecution", executionArn=arn)["error"] == "Tired"


@pytest.mark.parametrize(("pattern", "output"), [("sync", '{"n":1}'), ("sync:2", {"n": 1})])
def test_a_nested_execution_is_waited_for(cloud: Cloud, pattern: str, output: object) -> None:
    """.sync gives the child's output as text, .sync:2 as JSON."""
    child = cloud.machine({"P": {"Type": "Pass", **END}}, name="child")
    parent = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution.{pattern}",
        "Parameters": {"StateMachineArn": child, "Input.$": "$"},
        "OutputPath": "$.Output",
        **END,
    }
    done = cloud.finish(cloud.machine({"T": parent}, name="parent"), {"n": 1})
    assert json.loads(done["output"]) == output
