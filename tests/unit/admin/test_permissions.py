"""The deployed roles' permissions are simulated; nothing is called."""

from __future__ import annotations

import pytest

from stepguard.admin.permissions import may_apply, may_invoke
from tests.fakes.aws import FakeClient, client_error

ROLE = "arn:aws:iam::123456789012:role/stack-GuardInput"
ARN = "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc123abc123"


def decided(decision: str) -> FakeClient:
    """IAM that decides so."""
    row = {"EvalActionName": "bedrock:ApplyGuardrail", "EvalResourceName": ARN, "EvalDecision": decision}
    return FakeClient("iam", simulate_principal_policy={"EvaluationResults": [row]})


@pytest.mark.parametrize(("decision", "ok"), [("allowed", True), ("implicitDeny", False), ("explicitDeny", False)])
def test_the_decision_of_iam_counts(decision: str, ok: bool) -> None:
    """A refusal names role, action and resource."""
    fake = decided(decision)
    permission = may_apply(ROLE, ARN, fake.client)

    assert permission.ok is ok
    assert all(part in permission.detail for part in ("stack-GuardInput", "bedrock:ApplyGuardrail", ARN))
    assert fake.bodies("simulate_principal_policy") == [
        {"PolicySourceArn": ROLE, "ActionNames": ["bedrock:ApplyGuardrail"], "ResourceArns": [ARN]}
    ]


def test_what_cannot_be_simulated_is_said() -> None:
    """Neither allowed nor refused."""
    denied = FakeClient("iam", simulate_principal_policy=client_error("AccessDenied", "no"))
    permission = may_invoke(ROLE, ["f"], denied.client)

    assert permission.ok is None
    assert "not checked: SimulatePrincipalPolicy: AccessDenied" in permission.detail
