"""What is wrong with a definition."""

from __future__ import annotations

from typing import Any

import pytest

from embedded_aws.states.language.validate import validate

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
TASK = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True}
RULE = {"Variable": "$.a", "IsPresent": True}


def _findings(state: dict[str, Any], **machine: Any) -> list[str]:
    states = {"S": state, "T": {"Type": "Succeed"}} if state["Type"] == "Choice" else {"S": state}
    return [str(finding) for finding in validate({"StartAt": "S", "States": states, **machine})]


@pytest.mark.parametrize(
    ("state", "machine", "finding"),
    [
        (
            {"Type": "Choice", "Choices": [RULE], "Default": "T"},
            {},
            "These fields are required: [Next] at /States/S/Choices[0]",
        ),
        (
            {**TASK, "Catch": [{"ErrorEquals": ["States.ALL"]}]},
            {},
            "These fields are required: [Next] at /States/S/Catch[0]",
        ),
        (TASK, {"Version": "2.0"}, "The field 'Version' should have one of these values: [1.0] at /Version"),
        (TASK, {"Version": 1.0}, "Expected value of type String at /Version"),
        (
            {"Type": "Map", "ItemProcessor": PASS, "Iterator": PASS, "End": True},
            {},
            "There should only be one of the following fields: [Iterator, ItemProcessor] at /States/S",
        ),
        (
            {**TASK, "HeartbeatSeconds": 10, "TimeoutSeconds": 10},
            {},
            "HeartbeatSeconds must be smaller than TimeoutSeconds at /States/S/HeartbeatSeconds",
        ),
    ],
)
def test_a_defect_is_found_where_it_is(state: dict[str, Any], machine: dict[str, Any], finding: str) -> None:
    """One finding, that names the field and its place."""
    assert _findings(state, **machine) == [f"SCHEMA_VALIDATION_FAILED: {finding}"]


@pytest.mark.parametrize(
    ("state", "machine"),
    [
        ({"Type": "Choice", "Choices": [{**RULE, "Next": "T"}]}, {}),
        (TASK, {"Version": "1.0"}),
        ({"Type": "Map", "Iterator": PASS, "End": True}, {}),
        ({**TASK, "HeartbeatSeconds": 9, "TimeoutSeconds": 10}, {}),
        ({**TASK, "HeartbeatSeconds": 90}, {}),
        ({**TASK, "HeartbeatSecondsPath": "$.h", "TimeoutSeconds": 10}, {}),
    ],
)
def test_a_sound_definition_has_no_findings(state: dict[str, Any], machine: dict[str, Any]) -> None:
    """The neighbours of the defects."""
    assert _findings(state, **machine) == []


def test_a_rule_that_leads_nowhere_is_a_missing_target() -> None:
    """Next is there, its state is not."""
    state = {"Type": "Choice", "Choices": [{**RULE, "Next": "Gone"}], "Default": "T"}
    assert _findings(state) == [
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/S/Choices[0]/Next",
    ]


END = {"Type": "Pass", "End": True}


@pytest.mark.parametrize(
    ("definition", "diagnostics"),
    [
        (
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}},
            ["MISSING_END_STATE: Workflow has no terminal state at null"],
        ),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}, "X": {"Type": "Pass", "Next": "A"}}},
            ["MISSING_END_STATE: Workflow has no terminal state at null"],
        ),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}, "C": END}},
            ['MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C'],
        ),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "NOPE"}}},
            [
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next",
                "MISSING_END_STATE: Workflow has no terminal state at null",
            ],
        ),
        (
            {"StartAt": "A", "States": {"A": {**END, "TimeoutSeconds": 5}}},
            ["SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/A"],
        ),
        (
            {"StartAt": "A", "States": {"A": {**END, "Output": {}}}},
            [
                "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only "
                "supported for the 'JSONata' QueryLanguage at /States/A"
            ],
        ),
        (
            {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {**END, "Result": {}}}},
            [
                "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'Result' is only "
                "supported for the 'JSONPath' QueryLanguage at /States/A"
            ],
        ),
        (
            # the states inside do not inherit the language of the Map around them
            {
                "StartAt": "M",
                "States": {
                    "M": {
                        "Type": "Map", "QueryLanguage": "JSONata", "End": True,
                        "ItemProcessor": {"StartAt": "P", "States": {"P": {**END, "Output": 1}}},
                    }
                },
            },
            [
                "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only "
                "supported for the 'JSONata' QueryLanguage at /States/M/ItemProcessor/States/P"
            ],
        ),
        (
            {
                "StartAt": "M",
                "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {**PASS, "QueryLanguage": "JSONata"}}},
            },
            ["SCHEMA_VALIDATION_FAILED: Field 'QueryLanguage' is not supported at /States/M/ItemProcessor"],
        ),
        (
            {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [PASS], "End": True}}},
            ["DUPLICATE_STATE_NAME: Duplicate State name: P at /States/P/Branches[0]/States/P"],
        ),
        (
            {"StartAt": [], "States": {"A": END}},
            ["SCHEMA_VALIDATION_FAILED: Expected value of type String at /StartAt"],
        ),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_refused_with_its_diagnostics(definition: dict[str, Any], diagnostics: list[str]) -> None:
    """Measured on AWS by the reports floci-io/floci 2735, 2786 and 2968, and aws-cloudformation/cfn-lint 3616."""
    assert [str(finding) for finding in validate(definition)] == diagnostics


@pytest.mark.parametrize(
    ("resource", "known"),
    [
        ("lambda:invoke", True),
        ("lambda:invoke.waitForTaskToken", True),
        ("lambda:invoke.sync", False),
        ("sns:publish.sync", False),
        ("dynamodb:getItem.waitForTaskToken", False),
        ("states:startExecution.sync:2", True),
        ("ecs:runTask.sync:2", False),
        ("aws-sdk:s3:getObject", True),
        ("aws-sdk:s3:getObject.sync", False),
    ],
)
def test_an_integration_has_only_the_patterns_that_it_offers(resource: str, known: bool) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html"""
    found = _findings({**TASK, "Resource": f"arn:aws:states:::{resource}"})
    assert (found == []) is known, found
