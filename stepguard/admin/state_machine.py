"""Creates or updates a state machine from its definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import ConfigurationError


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


def answer_table(definition: Mapping[str, Any]) -> str:
    """The table of answers that a definition of the chat writes to. Raises ConfigurationError."""
    table = definition.get("States", {}).get("RecordAnswer", {}).get("Parameters", {}).get("TableName")
    if not isinstance(table, str):
        raise ConfigurationError("The deployed workflow writes its answers to no table; this command needs it.")
    return table


def put_version(alias: str, definition: str, role_arn: str, states: Any = None) -> str:
    """Publish a version of this definition and let the alias of this ARN name it: "updated" or "unchanged".

    Afterwards the state machine itself has the same definition if it was not "unchanged". Raises StepguardError.
    """
    states = states or client("stepfunctions")
    machine, _, name = alias.rpartition(":")
    before: str | None = None
    with aws_errors("DescribeStateMachineAlias"):
        try:
            (route,) = states.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"]
            before = str(route["stateMachineVersionArn"])
            if states.describe_state_machine(stateMachineArn=before)["definition"] == definition:
                return "unchanged"
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ResourceNotFound", "StateMachineDoesNotExist"):
                raise
    put_state_machine(machine, definition, role_arn, states)
    with aws_errors("PublishStateMachineVersion"):
        version = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    with aws_errors("CreateStateMachineAlias"):
        if before is None:
            states.create_state_machine_alias(name=name, routingConfiguration=routing)
        else:
            states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routing)
            states.delete_state_machine_version(stateMachineVersionArn=before)  # what runs it goes on
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
