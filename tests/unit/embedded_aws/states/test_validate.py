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
        (TASK, {"Version": "2.0"}, "The value of the field 'Version' must be '1.0' at /Version"),
        (TASK, {"Version": 1.0}, "The value of the field 'Version' must be '1.0' at /Version"),
        (
            {"Type": "Map", "ItemProcessor": PASS, "Iterator": PASS, "End": True},
            {},
            "Only one of these fields is allowed: ['Iterator', 'ItemProcessor'] at /States/S",
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
