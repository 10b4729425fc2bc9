"""Each field of a definition with each wrong type: a diagnostic in the language's words, never an exception."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from embedded_aws.states.api.machines import check_definition

INNER = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}


def _inner(name: str) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}


DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
INVOKE = "arn:aws:states:::lambda:invoke"
JSONPATH = {
    "Comment": "every field",
    "Version": "1.0",
    "TimeoutSeconds": 5,
    "QueryLanguage": "JSONPath",
    "StartAt": "P",
    "States": {
        "P": {
            "Type": "Pass", "InputPath": "$", "Parameters": {"a.$": "$"}, "ResultPath": "$.r", "OutputPath": "$",
            "Assign": {"v.$": "$"}, "Next": "T",
        },
        "T": {
            "Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}, "ResultSelector": {"x.$": "$"},
            "TimeoutSeconds": 5, "HeartbeatSeconds": 2, "Credentials": {"RoleArn": "arn:aws:iam::1:role/r"},
            "Retry": [
                {
                    "ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1.5,
                    "MaxDelaySeconds": 5, "JitterStrategy": "FULL",
                }
            ],
            "Catch": [{"ErrorEquals": ["A"], "Next": "C", "ResultPath": "$.e", "Assign": {"w": 1}}],
            "Next": "T2",
        },
        "T2": {"Type": "Task", "Resource": INVOKE, "TimeoutSecondsPath": "$.a", "Next": "C"},
        "C": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.a", "StringEquals": "x", "Next": "W", "Assign": {"z": 1}},
                {"And": [{"Variable": "$.a", "NumericEquals": 1}, {"Not": {"Variable": "$.a", "IsNull": True}}],
                 "Next": "W"},
                {"Variable": "$.t", "TimestampEquals": "2020-01-01T00:00:00Z", "Next": "W"},
            ],
            "Default": "W",
        },
        "W": {"Type": "Wait", "Seconds": 1, "Next": "M"},
        "M": {
            "Type": "Map", "ItemsPath": "$", "ItemSelector": {"a.$": "$$.Map.Item.Value"}, "MaxConcurrency": 2,
            "ItemProcessor": {**DISTRIBUTED, **_inner("I1")},
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {
                    "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "COMMA",
                    "MaxItems": 3,
                },
                "Parameters": {"Bucket": "b", "Key": "k"},
            },
            "ItemBatcher": {"MaxItemsPerBatch": 2, "MaxInputBytesPerBatch": 1000, "BatchInput": {"a": 1}},
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"},
                "WriterConfig": {"Transformation": "NONE", "OutputType": "JSON"},
            },
            "Label": "l", "ToleratedFailureCount": 1, "ToleratedFailurePercentage": 5, "Next": "L",
        },
        "L": {"Type": "Parallel", "Branches": [_inner("I2")], "ResultSelector": {"a.$": "$"}, "Next": "M2"},
        "M2": {"Type": "Map", "Iterator": _inner("I3"), "Parameters": {"a": 1}, "Next": "F"},
        "F": {"Type": "Fail", "Error": "e", "CausePath": "$.a"},
    },
}  # fmt: skip
JSONATA = {
    "QueryLanguage": "JSONata",
    "StartAt": "P",
    "States": {
        "P": {"Type": "Pass", "Output": "{% $states.input %}", "Assign": {"v": "{% 1 %}"}, "Next": "T"},
        "T": {
            "Type": "Task", "Resource": INVOKE, "Arguments": {"FunctionName": "f"}, "TimeoutSeconds": "{% 5 %}",
            "Output": {"a": 1}, "Retry": [{"ErrorEquals": ["A"]}], "Credentials": {"RoleArn": "{% 'a' %}"},
            "Catch": [{"ErrorEquals": ["A"], "Next": "C", "Output": "{% $states.errorOutput %}"}], "Next": "C",
        },
        "C": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "W", "Output": 1}], "Default": "W"},
        "W": {"Type": "Wait", "Timestamp": "{% $now() %}", "Next": "M"},
        "M": {
            "Type": "Map", "Items": "{% [1] %}", "ItemSelector": {"a": "{% 1 %}"}, "MaxConcurrency": "{% 1 %}",
            "ItemProcessor": {**DISTRIBUTED, **_inner("I1")},
            "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {"Bucket": "b"}},
            "ToleratedFailurePercentage": "{% 1 %}", "Next": "L",
        },
        "L": {"Type": "Parallel", "Branches": [_inner("I2")], "Arguments": {"a": 1}, "Next": "F"},
        "F": {"Type": "Fail", "Error": "{% 'a' %}", "Cause": "b"},
    },
}  # fmt: skip
WRONG: tuple[Any, ...] = (None, True, 1.5, "x", "{% 1 + %}", [], [{}], {})
PYTHON = re.compile(r"object has no|NoneType|not subscriptable|unhashable|required positional|is not iterable|KeyError")


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*at, key)
        yield from _places(member, (*at, key))


def _changed(definition: dict[str, Any], at: tuple[Any, ...], value: Any) -> str:
    changed = copy.deepcopy(definition)
    parent: Any = changed
    for key in at[:-1]:
        parent = parent[key]
    parent[at[-1]] = value
    return json.dumps(changed)


@pytest.mark.parametrize("definition", [JSONPATH, JSONATA], ids=["JSONPath", "JSONata"])
def test_a_wrong_type_anywhere_is_a_diagnostic(definition: dict[str, Any]) -> None:
    """The definition itself has none."""
    assert check_definition(json.dumps(definition), "STANDARD") == []
    for at in _places(definition):
        for value in WRONG:
            for finding in check_definition(_changed(definition, at, value), "STANDARD"):
                assert not PYTHON.search(finding.message), (at, value, finding)


@pytest.mark.parametrize(
    ("state", "diagnostic"),
    [
        ({"Retry": "x"}, "Expected value of type Array at /States/S/Retry"),
        ({"Retry": {}}, "Expected value of type Array at /States/S/Retry"),
        ({"Catch": 5}, "Expected value of type Array at /States/S/Catch"),
        ({"Catch": ["x"]}, "Expected value of type Object at /States/S/Catch[0]"),
        ({"Retry": [{"ErrorEquals": "A"}]}, "Expected value of type Array at /States/S/Retry[0]/ErrorEquals"),
        ({"TimeoutSeconds": "5"}, "Expected value of type Integer at /States/S/TimeoutSeconds"),
        ({"TimeoutSeconds": 1.5}, "Expected value of type Integer at /States/S/TimeoutSeconds"),
        ({"TimeoutSeconds": 0}, "Minimum value is 1 at /States/S/TimeoutSeconds"),
        ({"TimeoutSeconds": 100_000_000}, "Maximum value is 99999999 at /States/S/TimeoutSeconds"),
        ({"Comment": 7}, "Expected value of type String at /States/S/Comment"),
        ({"End": "true"}, "Expected value of type Boolean at /States/S/End"),
        ({"Iterator": INNER}, "Field 'Iterator' is not supported at /States/S"),
    ],
)
def test_a_task_with_a_wrong_field_is_refused_in_the_words_of_aws(state: dict[str, Any], diagnostic: str) -> None:
    """The type that was expected, at the field."""
    task = {"Type": "Task", "Resource": INVOKE, "End": True, **state}
    definition = {"StartAt": "S", "States": {"S": task}}
    found = [str(finding) for finding in check_definition(json.dumps(definition), "STANDARD")]
    assert found == [f"SCHEMA_VALIDATION_FAILED: {diagnostic}"]


def _map(**fields: Any) -> list[str]:
    state = {"Type": "Map", "ItemProcessor": {**DISTRIBUTED, **INNER}, "End": True, **fields}
    found = check_definition(json.dumps({"StartAt": "S", "States": {"S": state}}), "STANDARD")
    return [str(finding).removeprefix("SCHEMA_VALIDATION_FAILED: ") for finding in found]


READER = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}


@pytest.mark.parametrize(
    ("fields", "diagnostic"),
    [
        ({"ItemReader": {}}, "These fields are required: [Resource] at /States/S/ItemReader"),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"InputType": "XML"}}},
            "The field 'InputType' should have one of these values: [CSV, JSON, JSONL, PARQUET, MANIFEST] "
            "at /States/S/ItemReader/ReaderConfig/InputType",
        ),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"InputType": "JSON", "MaxItems": 1, "MaxItemsPath": "$.n"}}},
            "There should only be one of the following fields: [MaxItems, MaxItemsPath] "
            "at /States/S/ItemReader/ReaderConfig",
        ),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"InputType": "JSON", "MaxItems": 100_000_001}}},
            "Maximum value is 100000000 at /States/S/ItemReader/ReaderConfig/MaxItems",
        ),
        ({"ResultWriter": 5}, "Expected value of type Object at /States/S/ResultWriter"),
        (
            {"ResultWriter": {}},
            "At least one of these fields is required: [Resource, WriterConfig] at /States/S/ResultWriter",
        ),
        (
            {"ItemBatcher": {}},
            "At least one of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch] "
            "at /States/S/ItemBatcher",
        ),
        ({"ToleratedFailurePercentage": 101}, "Maximum value is 100.0 at /States/S/ToleratedFailurePercentage"),
        ({"ToleratedFailurePercentage": -0.5}, "Minimum value is 0.0 at /States/S/ToleratedFailurePercentage"),
        ({"MaxConcurrency": -1}, "Minimum value is 0 at /States/S/MaxConcurrency"),
        (
            {"Label": "a label"},
            "A label has 1 to 40 characters, none of them white space, wildcards, brackets or controls "
            "at /States/S/Label",
        ),
    ],
)
def test_a_distributed_map_with_a_wrong_field_is_refused(fields: dict[str, Any], diagnostic: str) -> None:
    """At the field."""
    assert _map(**fields) == [diagnostic]


@pytest.mark.parametrize(
    "fields",
    [
        {"MaxConcurrency": 9_223_372_036_854_775_807},
        {"Label": "a" * 40},
        {"ToleratedFailurePercentage": 100},
        {"ItemReader": {**READER, "ReaderConfig": {"ManifestType": "S3_INVENTORY"}}},
        {"ItemReader": {**READER, "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$limit"}}},
        {"ResultWriter": {"WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"}}},
        {"ItemBatcher": {"MaxItemsPerBatchPath": "$.n"}},
        {"QueryLanguage": "JSONata", "Items": {"a": 1}},
    ],
)
def test_the_neighbours_of_these_are_accepted(fields: dict[str, Any]) -> None:
    """A rule that refused them would refuse definitions that AWS accepts."""
    assert _map(**fields) == []
