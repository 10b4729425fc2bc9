"""Whether the deployed roles may make their calls: IAM's policy simulation, which calls nothing.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html. It evaluates the role's own
policies and, for the caller's account, permissions boundaries; not service control policies of an organization's other
accounts, nor policies of keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import StepguardError


@dataclass(frozen=True, slots=True)
class Permission:
    """`ok` is None if the simulation is not permitted or failed."""

    ok: bool | None
    detail: str


def may_apply(role: str, guardrail: str, iam: Any = None) -> Permission:
    """Whether a Lambda's role may apply a guardrail, given by ARN."""
    return _simulate(role, "bedrock:ApplyGuardrail", [guardrail], iam)


def may_invoke(role: str, functions: Sequence[str], iam: Any = None) -> Permission:
    """Whether a state machine's role may invoke its Lambdas, given by ARN."""
    return _simulate(role, "lambda:InvokeFunction", list(functions), iam)


def _simulate(role: str, action: str, resources: list[str], iam: Any) -> Permission:
    name = role.rpartition("/")[2]
    try:
        with aws_errors("SimulatePrincipalPolicy"):
            response = (iam or client("iam")).simulate_principal_policy(
                PolicySourceArn=role, ActionNames=[action], ResourceArns=resources
            )
    except StepguardError as error:
        return Permission(None, f"{action} of role {name}: not checked: {error}")
    refused = [
        str(item.get("EvalResourceName", "*"))
        for item in response["EvaluationResults"]
        if item["EvalDecision"] != "allowed"
    ]
    if refused:
        return Permission(False, f"role {name} may not call {action} on {', '.join(refused)}")
    return Permission(True, f"role {name} may call {action} on {', '.join(resources)}")


def caller_arn() -> str:
    """Who the user's credentials are, as AWS names them. Raises StepguardError."""
    with aws_errors("GetCallerIdentity"):
        return str(client("sts").get_caller_identity()["Arn"])
