"""Who may take the roles of the packaged template."""

from __future__ import annotations

from tests.packaging.conftest import Built
from tests.packaging.expected.actions import KEY
from tests.packaging.test_policies import _actions, statements


def test_only_aws_services_of_this_account_take_the_roles(built: Built) -> None:
    """Lambda takes the Lambdas' roles, the other services take theirs, for this account only."""
    for name, role in built.resources("AWS::IAM::Role").items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        machine = name.endswith("StateMachineRole")
        service = "states.amazonaws.com" if machine else "lambda.amazonaws.com"
        others = {"KnowledgeRole": "bedrock", "SettingsAlarmRole": "appconfig", "AfterRuleRole": "events"}
        service = f"{others[name]}.amazonaws.com" if name in others else service
        assert trust["Principal"] == {"Service": service}
        assert trust["Action"] == "sts:AssumeRole"
        if name == "KnowledgeRole":
            assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        if machine or name == "AfterRuleRole":
            assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_key_is_used_only_through_its_services(built: Built) -> None:
    """No role can decrypt with the key directly."""
    # Bedrock itself uses the key with KnowledgeRole; no service of S3 Vectors is documented for kms:ViaService.
    using = [item for item in statements(built) if KEY & set(_actions(item[1])) and item[0] != "KnowledgeRole"]
    assert len(using) == 14
    for _, statement in using:
        assert statement["Resource"] == [{"Ref": "KmsKeyArn"}]
        assert list(statement["Condition"]["StringEquals"]) == ["kms:ViaService"]
    (api,) = [item for role, item in using if role == "ApiHandlerRole"]
    services = {value["Fn::Sub"].partition(".")[0] for value in api["Condition"]["StringEquals"]["kms:ViaService"]}
    assert services == {"states", "dynamodb", "s3"}  # histories, the caller's count, an evaluation's results
