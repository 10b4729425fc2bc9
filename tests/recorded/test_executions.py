"""Executions recorded on AWS, run through the embedded Step Functions' API."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bench.conformance_adapter import run
from tests.recorded.compare import difference
from tests.recorded.corpus import EXECUTIONS, HIDDEN, cases


def ours(case: dict[str, Any]) -> dict[str, Any]:
    """The case run by the embedded Step Functions, which does not see what AWS answered."""
    seen = {key: value for key, value in case.items() if key not in HIDDEN}
    result: dict[str, Any] = json.loads(
        json.dumps(run(case["definition"], case["input"], case["task_outcomes"], seen), default=str)
    )
    return result


@pytest.mark.parametrize("name", EXECUTIONS)
def test_every_execution_ends_as_on_aws(name: str) -> None:
    """Status, output, error and cause are equal; where a history was recorded, so is every event with its details."""
    assert cases(name)
    found = {case["id"]: difference(case, ours(case)) for case in cases(name)}
    assert {key: value for key, value in found.items() if value} == {}


@pytest.mark.parametrize("change", ["status", "output", "type", "previousEventId", "missing event", "details"])
def test_a_wrong_execution_is_noticed(change: str) -> None:
    """The comparison is no rubber stamp: any one change of a right result is a difference."""
    case = next(case for case in cases("jsonpath") if case["area"] == "retry" and case["expected"].get("events"))
    result = ours(case)
    assert difference(case, copy.deepcopy(result)) is None
    event = result["events"][2]
    if change == "status":
        result["status"] = "ABORTED"
    elif change == "output":
        result["output"] = {"other": 1}
        result["status"] = "SUCCEEDED"
    elif change == "type":
        event["type"] = "TaskSubmitted"
    elif change == "previousEventId":
        event["previousEventId"] += 1
    elif change == "missing event":
        del result["events"][2]
    else:
        (details,) = (value for key, value in event.items() if key.endswith("EventDetails"))
        details["resource"] = "other"
    assert difference(case, result)
