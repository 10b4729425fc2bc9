"""A state machine is made what its definition says, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult
from embedded_aws.wire import ServiceError
from stepguard.admin.state_machine import differing_states, put_state_machine, put_version
from stepguard.guard.errors import AccessDenied, InvalidRequest
from tests.fakes.aws import FakeClient, Request, client_error
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


def test_an_alias_names_a_version_of_the_definition(tmp_path: Path) -> None:
    """The state machine may have another definition afterwards; the same one again changes nothing, and an older
    version goes."""
    states = StepFunctions(tmp_path / "states.sqlite3", _no_lambda)
    names = (
        "create_state_machine", "describe_state_machine", "update_state_machine", "publish_state_machine_version",
        "create_state_machine_alias", "describe_state_machine_alias", "update_state_machine_alias",
        "delete_state_machine_version",
    )  # fmt: skip
    client = FakeClient("stepfunctions", **{name: _operation(getattr(states, name)) for name in names}).client
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:chat"
    one, other, third = (
        json.dumps({"StartAt": name, "States": {name: {"Type": "Succeed"}}}) for name in ("A", "B", "C")
    )
    try:
        for definition, result in ((one, "updated"), (one, "unchanged"), (other, "updated"), (other, "unchanged")):
            assert put_version(f"{machine}:turns", definition, ROLE, client) == result
            put_state_machine(machine, third, ROLE, client)
            (route,) = client.describe_state_machine_alias(stateMachineAliasArn=f"{machine}:turns")[
                "routingConfiguration"
            ]
            version = client.describe_state_machine(stateMachineArn=route["stateMachineVersionArn"])
            assert version["definition"] == definition
            assert client.describe_state_machine(stateMachineArn=machine)["definition"] == third
        assert len(states.list_state_machine_versions({"stateMachineArn": machine})["stateMachineVersions"]) == 1
    finally:
        states.close()


def _operation(method: Any) -> Callable[[Request], Any]:
    def call(request: Request) -> Any:
        try:
            return method(request)
        except ServiceError as error:
            raise client_error(error.code, error.message) from None

    return call


def _no_lambda(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
    raise AssertionError(function)
