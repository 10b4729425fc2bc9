"""A state machine is made what its definition says, once."""

from __future__ import annotations

import pytest

from stepguard.admin.state_machine import differing_states, put_state_machine
from stepguard.guard.errors import AccessDenied, InvalidRequest
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.states import BEGIN, MACHINE

ROLE = "arn:aws:iam::123456789012:role/states"
MISSING = client_error("StateMachineDoesNotExist", "State Machine Does Not Exist")


def existing(definition: str) -> dict[str, object]:
    """DescribeStateMachine's answer."""
    return {
        "stateMachineArn": MACHINE,
        "name": "stepguard-chat",
        "definition": definition,
        "roleArn": ROLE,
        "type": "STANDARD",
        "creationDate": BEGIN,
    }


def test_a_missing_state_machine_is_created() -> None:
    """STANDARD, so that its histories can be read; named as its ARN says."""
    fake = FakeClient(
        "stepfunctions",
        describe_state_machine=MISSING,
        create_state_machine={"stateMachineArn": MACHINE, "creationDate": BEGIN},
    )

    assert put_state_machine(MACHINE, "{}", ROLE, fake.client) == "created"
    assert fake.bodies("create_state_machine") == [
        {"name": "stepguard-chat", "definition": "{}", "roleArn": ROLE, "type": "STANDARD"}
    ]


def test_an_unchanged_state_machine_is_left_alone() -> None:
    """No new revision for the same definition."""
    fake = FakeClient("stepfunctions", describe_state_machine=existing("{}"))

    assert put_state_machine(MACHINE, "{}", ROLE, fake.client) == "unchanged"


def test_a_changed_state_machine_is_updated() -> None:
    """Its executions and their histories stay."""
    fake = FakeClient(
        "stepfunctions", describe_state_machine=existing("{}"), update_state_machine={"updateDate": BEGIN}
    )

    assert put_state_machine(MACHINE, '{"StartAt": "A"}', ROLE, fake.client) == "updated"
    assert fake.bodies("update_state_machine") == [
        {"stateMachineArn": MACHINE, "definition": '{"StartAt": "A"}', "roleArn": ROLE}
    ]


@pytest.mark.parametrize(
    ("operation", "code", "kind"),
    [
        ("describe_state_machine", "AccessDeniedException", AccessDenied),
        ("create_state_machine", "InvalidDefinition", InvalidRequest),
    ],
)
def test_errors_are_reported_by_kind(operation: str, code: str, kind: type[Exception]) -> None:
    """A definition that AWS refuses is reported in AWS's words."""
    replies = {"describe_state_machine": MISSING} | {operation: client_error(code, "SCHEMA_VALIDATION_FAILED")}
    with pytest.raises(kind, match="SCHEMA_VALIDATION_FAILED"):
        put_state_machine(MACHINE, "{}", ROLE, FakeClient("stepfunctions", **replies).client)


def test_definitions_are_compared_state_by_state() -> None:
    """The ARNs of Lambdas differ by account and count for nothing."""
    task = {"Type": "Task", "Parameters": {"FunctionName": "arn:one"}, "Next": "B"}
    ours = {"StartAt": "A", "States": {"A": task, "B": {"Type": "Succeed"}}}
    other = {**ours, "States": {"A": {**task, "Parameters": {"FunctionName": "arn:two"}}, "B": {"Type": "Succeed"}}}

    assert differing_states(other, ours) == []
    assert differing_states({**other, "TimeoutSeconds": 1}, ours) == ["(definition)"]
    changed = {**ours, "States": {"A": {**task, "Next": "C"}, "C": {"Type": "Succeed"}}}
    assert differing_states(changed, ours) == ["A", "C", "B"]
