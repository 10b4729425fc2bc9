"""Who may take the roles of the packaged template."""

from __future__ import annotations

from tests.packaging.conftest import Built


def test_only_aws_services_of_this_account_take_the_roles(built: Built) -> None:
    """Lambda takes the Lambdas' roles, Step Functions and Bedrock take theirs, for this account only."""
    for name, role in built.resources("AWS::IAM::Role").items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        machine = name.endswith("StateMachineRole")
        service = "states.amazonaws.com" if machine else "lambda.amazonaws.com"
        service = "bedrock.amazonaws.com" if name == "KnowledgeRole" else service
        assert trust["Principal"] == {"Service": service}
        assert trust["Action"] == "sts:AssumeRole"
        if name == "KnowledgeRole":
            assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        if machine:
            assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
