"""Creates or updates a state machine from its definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client


def put_state_machine(arn: str, definition: str, role_arn: str, states: Any = None) -> str:
    """Create or update the STANDARD state machine of this ARN with this definition: "created", "updated" or
    "unchanged".

    Raises StepguardError.
    """
    states = states or client("stepfunctions")
    with aws_errors("DescribeStateMachine"):
        try:
            existing = states.describe_state_machine(stateMachineArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
                raise
            existing = None
    if existing is None:
        with aws_errors("CreateStateMachine"):
            states.create_state_machine(
                name=arn.rpartition(":")[2], definition=definition, roleArn=role_arn, type="STANDARD"
            )
        return "created"
    if existing["definition"] == definition:
        return "unchanged"
    with aws_errors("UpdateStateMachine"):
        states.update_state_machine(stateMachineArn=arn, definition=definition, roleArn=role_arn)
    return "updated"


def differing_states(deployed: Mapping[str, Any], project: Mapping[str, Any]) -> list[str]:
    """The names of the states that differ between two definitions, whatever the ARNs of their Lambdas are.

    `(definition)` is a difference outside the states.
    """
    one, two = _without_functions(deployed), _without_functions(project)
    first, second = one.pop("States", {}), two.pop("States", {})
    names = [*first, *(name for name in second if name not in first)]
    found = [name for name in names if first.get(name) != second.get(name)]
    return found if one == two else [*found, "(definition)"]


def _without_functions(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: "" if key == "FunctionName" else _without_functions(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_functions(item) for item in value]
    return value
