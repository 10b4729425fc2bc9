"""A killed process loses no acknowledged data, and the next one continues where it stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock

pytestmark = pytest.mark.process

ROLE = "arn:aws:iam::000000000000:role/states"
ITEMS = 2000
ROOT = Path(__file__).resolve().parents[3]

# What the process that gets killed does: open the folder's state, start the map once, wait for its end.
WORKER = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from embedded_aws.states.interpret.ports import LambdaResult
from embedded_aws.states.api.service import StepFunctions
folder = Path(sys.argv[2])

def invoke(function, payload, timeout):
    with (folder / "calls.txt").open("a") as calls:
        calls.write(str(json.loads(payload)["id"]) + "\\n")
    return LambdaResult(payload)

states = StepFunctions(folder / "states.sqlite", invoke)
arn = (folder / "execution.txt").read_text()
if not arn:
    machine = (folder / "machine.txt").read_text()
    arn = states.start_execution({"stateMachineArn": machine, "input": (folder / "input.json").read_text()})
    arn = arn["executionArn"]
    (folder / "execution.txt").write_text(arn)
print("ready", flush=True)
running = states.core.running.get(arn)
if running is not None:
    running.ended.wait()
print(states.describe_execution({"executionArn": arn})["status"], flush=True)
states.close()
"""


def echo(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
    """A function that gives back what it got."""
    return LambdaResult(payload)


def create(folder: Path, definition: dict[str, Any]) -> str:
    """Make the state machine that the worker runs."""
    states = StepFunctions(folder / "states.sqlite", echo)
    made = states.create_state_machine({"name": "map", "definition": json.dumps(definition), "roleArn": ROLE})
    states.close()
    return str(made["stateMachineArn"])


def distributed(child: str) -> dict[str, Any]:
    """A Distributed Map whose children call one function for one item, and give little back."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f", "Payload": {"id.$": "$"}},
        "ResultSelector": {"id.$": "$.Payload.id"},
        "OutputPath": "$.id",
        "End": True,
    }
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": child},
        "StartAt": "One",
        "States": {"One": task},
    }
    return {
        "StartAt": "All",
        "States": {"All": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True}},
    }


@pytest.mark.parametrize("child", ["EXPRESS", "STANDARD"])
def test_a_map_that_is_killed_again_and_again_has_one_result_for_every_item(tmp_path: Path, child: str) -> None:
    """kill -9 at random moments: no item lost, none twice, finished children are not run again."""
    chance = random.Random(child)
    (tmp_path / "machine.txt").write_text(create(tmp_path, distributed(child)))
    (tmp_path / "input.json").write_text(json.dumps({"items": list(range(ITEMS))}))
    (tmp_path / "execution.txt").write_text("")
    kills, status = 0, ""
    while not status:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(ROOT), str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if kills < int(os.environ.get("STEPGUARD_KILLS", "4")):
            time.sleep(chance.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            kills += 1
        status = process.stdout.read().strip()
        process.stdout.close()
        process.wait()
    assert status == "SUCCEEDED"

    states = StepFunctions(tmp_path / "states.sqlite", echo)
    try:
        arn = (tmp_path / "execution.txt").read_text()
        done = states.describe_execution({"executionArn": arn})
        assert json.loads(done["output"]) == list(range(ITEMS))
        (run,) = states.list_map_runs({"executionArn": arn})["mapRuns"]
        counts = states.describe_map_run({"mapRunArn": run["mapRunArn"]})["itemCounts"]
        assert (counts["succeeded"], counts["total"]) == (ITEMS, ITEMS)
        types = [event["type"] for event in _events(states, arn)]
        assert types == [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded",
        ]
    finally:
        states.close()
    calls = Counter((tmp_path / "calls.txt").read_text().split())
    assert len(calls) == ITEMS
    # Only what was under way, or not yet committed (some milliseconds' worth), may have been called once more.
    assert sum(calls.values()) - ITEMS <= kills * ITEMS / 4


def _events(states: StepFunctions, arn: str) -> list[dict[str, Any]]:
    events = states.get_execution_history({"executionArn": arn, "maxResults": 1000})["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    return list(events)


def test_an_interrupted_execution_goes_on_in_the_state_where_it_stood(tmp_path: Path) -> None:
    """Variables, input and what was done before are kept; the interrupted task is called again."""
    definition = {
        "StartAt": "Keep",
        "States": {
            "Keep": {"Type": "Pass", "Assign": {"kept.$": "$.n"}, "Next": "Wait"},
            "Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Tell"},
            "Tell": {"Type": "Pass", "Parameters": {"kept.$": "$kept", "n.$": "$.n"}, "End": True},
        },
    }
    create(tmp_path, definition)
    states = StepFunctions(tmp_path / "states.sqlite", echo)
    machine = states.list_state_machines({})["stateMachines"][0]["stateMachineArn"]
    arn = states.start_execution({"stateMachineArn": machine, "input": '{"n": 7}'})["executionArn"]
    deadline = time.monotonic() + 10
    while len(_events(states, arn)) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    states.close()

    states = StepFunctions(tmp_path / "states.sqlite", echo, clock=VirtualClock(time.time()))
    running = states.core.running.get(arn)
    assert running is None or running.ended.wait(10)
    done = states.describe_execution({"executionArn": arn})
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"kept": 7, "n": 7})
    assert [event["type"] for event in _events(states, arn)] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "WaitStateEntered",
        "WaitStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    states.close()
