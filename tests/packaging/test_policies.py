"""Who may do what: every IAM policy of the packaged template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.packaging.conftest import Built

ACTIONS = {
    "ApiHandlerRole": {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "states:DescribeExecution",
        "states:StartExecution",
    },
    "GuardInputRole": {"bedrock:ApplyGuardrail", "logs:CreateLogStream", "logs:PutLogEvents"},
    "InvokeModelRole": {
        "bedrock:ApplyGuardrail",
        "bedrock:InvokeModel",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sagemaker:InvokeEndpoint",
    },
    "GuardAnswerRole": {"bedrock:ApplyGuardrail", "logs:CreateLogStream", "logs:PutLogEvents"},
    "ChatStateMachineRole": {
        "lambda:InvokeFunction",
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    },
}
"""Everything that any role of the stack may do."""

EXPLAINED = {
    ("ChatStateMachineRole", "DeliverLogs", "*"): "AWS: these actions know no resource (Step Functions guide, cw-logs)",
    ("ChatStateMachineRole", "WriteTraces", "*"): "AWS: X-Ray knows no resource for these actions",
    (
        "ApiHandlerRole",
        "ReadChats",
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${ChatStateMachine.Name}:*",
    ): "the executions of this one state machine; their names are made at run time",
    (
        "InvokeModelRole",
        "InvokeModelBehindProfile",
        "arn:${AWS::Partition}:bedrock:*::foundation-model/${FoundationModelId}",
    ): "one model in every region, because the inference profile chooses the region; only through that profile",
}
"""The wildcards, each with its reason."""


def statements(built: Built) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role, whichever branch of a condition it stands in."""
    for role, properties in built.resources("AWS::IAM::Role").items():
        for policy in properties["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for branch in statement["Fn::If"][1:] if "Fn::If" in statement else [statement]:
                    if branch != {"Ref": "AWS::NoValue"}:
                        yield role, branch


def resources(value: Any) -> Iterator[str]:
    """The texts in a statement's Resource; a reference to one resource of the stack is given as its logical id."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from resources(item)
    elif "Fn::If" in value:
        yield from resources(value["Fn::If"][1:])
    elif "Fn::Sub" in value:
        yield value["Fn::Sub"]
    elif "Fn::GetAtt" in value:
        yield ".".join(value["Fn::GetAtt"])
    else:
        yield value["Ref"]


def test_each_role_may_do_exactly_this(built: Built) -> None:
    """No action beyond the table, none with a wildcard, and nothing denied that would hide a grant."""
    granted: dict[str, set[str]] = {}
    for role, statement in statements(built):
        assert statement["Effect"] == "Allow"
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        granted.setdefault(role, set()).update(statement["Action"])
    assert granted == ACTIONS
    assert not [action for actions in granted.values() for action in actions if "*" in action]


def test_every_wildcard_resource_is_explained(built: Built) -> None:
    """A resource with a wildcard is on the short list with its reason, and the list holds nothing else."""
    found = {
        (role, statement["Sid"], text)
        for role, statement in statements(built)
        for text in resources(statement["Resource"])
        if "*" in text
    }
    assert found == set(EXPLAINED)


def test_the_model_behind_a_profile_is_called_only_through_it(built: Built) -> None:
    """The wide statement has the condition that narrows it."""
    conditions = {
        statement["Sid"]: statement["Condition"] for _, statement in statements(built) if "Condition" in statement
    }
    profile = "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:inference-profile/${ModelId}"
    assert conditions == {
        "InvokeModelBehindProfile": {"StringEquals": {"bedrock:InferenceProfileArn": {"Fn::Sub": profile}}}
    }


def test_each_guard_may_use_only_its_own_guardrail(built: Built) -> None:
    """A layer's role names that layer's guardrail, made or given, and those that the operator allows to evaluate."""
    used = {
        role: [text for _, statement in group for text in resources(statement["Resource"])]
        for role in ("GuardInputRole", "InvokeModelRole", "GuardAnswerRole")
        if (
            group := [
                item for item in statements(built) if item[0] == role and "bedrock:ApplyGuardrail" in item[1]["Action"]
            ]
        )
    }
    arn = "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:guardrail/${%sGuardrailIdentifier}"
    assert used == {
        "GuardInputRole": ["GuardrailPreprocess.GuardrailArn", arn % "Preprocess", "OtherGuardrailArns"],
        "InvokeModelRole": ["GuardrailModel.GuardrailArn", arn % "Bedrock", "OtherGuardrailArns"],
        "GuardAnswerRole": ["GuardrailPostprocess.GuardrailArn", arn % "Postprocess", "OtherGuardrailArns"],
    }


def test_each_lambda_has_its_own_role_and_log_group(built: Built) -> None:
    """No two Lambdas share a role, no role has a managed policy, and each writes only its own log."""
    lambdas = built.resources("AWS::Serverless::Function")
    roles = {name: item["Role"]["Fn::GetAtt"][0] for name, item in lambdas.items()}
    assert len(set(roles.values())) == len(lambdas)
    assert not [role for role in built.resources("AWS::IAM::Role").values() if "ManagedPolicyArns" in role]
    written = {
        role: list(resources(statement["Resource"]))
        for role, statement in statements(built)
        if "logs:PutLogEvents" in statement["Action"]
    }
    assert written == {
        roles[name]: [f"{item['LoggingConfig']['LogGroup']['Ref']}.Arn"] for name, item in lambdas.items()
    }


def test_only_aws_services_of_this_account_take_the_roles(built: Built) -> None:
    """Lambda takes the Lambdas' roles; Step Functions takes its own, for this account only."""
    for name, role in built.resources("AWS::IAM::Role").items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        service = "states.amazonaws.com" if name == "ChatStateMachineRole" else "lambda.amazonaws.com"
        assert trust["Principal"] == {"Service": service}
        assert trust["Action"] == "sts:AssumeRole"
        if name == "ChatStateMachineRole":
            assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
