"""moto's interpreter as a second opinion: on the common subset of the language both must agree."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.unit.embedded_aws.states.cloud import ROLE, Cloud

END = {"End": True}
DEFINITIONS: dict[str, tuple[dict[str, Any], Any]] = {
    "data flow": (
        {
            "A": {
                "Type": "Pass",
                "InputPath": "$.in",
                "Parameters": {"x.$": "$.v[1]", "all.$": "$.v[*]", "n.$": "States.ArrayLength($.v)"},
                "ResultPath": "$.made",
                "OutputPath": "$.made",
                **END,
            }
        },
        {"in": {"v": [1, {"a": 2}, None]}},
    ),
    "intrinsics": (
        {
            "A": {
                "Type": "Pass",
                "Parameters": {
                    "f.$": "States.Format('{} and {}', $.s, $.n)",
                    "p.$": "States.ArrayPartition(States.ArrayRange(1, 7, 2), 3)",
                    "m.$": "States.JsonMerge($.o, States.StringToJson('{\"b\": 2}'), false)",
                    "u.$": "States.ArrayUnique(States.StringSplit('a,b,a', ','))",
                    "h.$": "States.Hash($.s, 'SHA-256')",
                    "e.$": "States.Base64Decode(States.Base64Encode('abc'))",
                },
                **END,
            }
        },
        {"s": "héllo", "n": 3, "o": {"a": 1}},
    ),
    "choice": (
        {
            "C": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.n", "NumericGreaterThan": 1},
                            {"Not": {"Variable": "$.s", "StringMatches": "x*"}},
                        ],
                        "Next": "Yes",
                    }
                ],
                "Default": "No",
            },
            "Yes": {"Type": "Pass", "Result": {"r": "yes"}, **END},
            "No": {"Type": "Pass", "Result": {"r": "no"}, **END},
        },
        {"n": 2, "s": "abc"},
    ),
    "map and parallel": (
        {
            "M": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "MaxConcurrency": 1,
                "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"},
                "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "OutputPath": "$.v", **END}}},
                "Next": "B",
            },
            "B": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "L", "States": {"L": {"Type": "Pass", "OutputPath": "$[0]", **END}}},
                    {"StartAt": "R", "States": {"R": {"Type": "Succeed"}}},
                ],
                **END,
            },
        },
        {"items": ["a", "b"]},
    ),
    "caught failure": (
        {
            "P": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}}],
                "Catch": [{"ErrorEquals": ["E"], "ResultPath": "$.error", "Next": "D"}],
                **END,
            },
            "D": {"Type": "Pass", **END},
        },
        {"kept": True},
    ),
}


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """moto's Step Functions, with its interpreter on."""
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    config: Any = {"stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=config):
        yield boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_both_interpreters_agree(cloud: Cloud, moto: Any, name: str) -> None:
    """The same status and the same output."""
    states, data = DEFINITIONS[name]
    ours = cloud.finish(cloud.machine(states), data)
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    machine = moto.create_state_machine(name=name.replace(" ", "-"), definition=definition, roleArn=ROLE)
    arn = moto.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(data), name="e")
    deadline = time.monotonic() + 20
    while (theirs := moto.describe_execution(executionArn=arn["executionArn"]))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert ours["status"] == theirs["status"]
    assert json.loads(ours["output"]) == json.loads(theirs["output"])
