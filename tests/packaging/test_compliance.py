"""docs/operate/compliance.md is true to the template and to AWS's API."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from itertools import pairwise, takewhile

import boto3
import pytest
from botocore import xform_name
from botocore.model import ServiceModel

from tests.packaging.conftest import ROOT, Built

PAGE = (ROOT / "docs" / "operate" / "compliance.md").read_text(encoding="utf-8")
STORES = {
    "AWS::AppConfig::HostedConfigurationVersion",
    "AWS::Bedrock::Guardrail",
    "AWS::S3Vectors::VectorBucket",
    "AWS::DynamoDB::Table",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::StepFunctions::StateMachine",
}
"""Types of resources in which a text or an identifier can rest."""

NO_STORES = {
    "AWS::ApiGatewayV2::Api",  # keeps no message
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",  # no log of messages: tests/packaging/test_streaming.py
    "AWS::Bedrock::GuardrailVersion",  # in its guardrail's row
    "AWS::Bedrock::DataSource",  # names the bucket and the knowledge base
    "AWS::Bedrock::KnowledgeBase",  # its passages are in the vector bucket
    "AWS::S3Vectors::Index",  # in its bucket's row
    "AWS::AppConfig::Application",
    "AWS::AppConfig::ConfigurationProfile",  # its versions are the store
    "AWS::AppConfig::Deployment",
    "AWS::AppConfig::DeploymentStrategy",
    "AWS::AppConfig::Environment",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::Rule",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Serverless::Api",  # no cache, no log of bodies: tests/packaging/test_template.py
    "AWS::Serverless::Function",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",  # a definition
    "AWS::WAFv2::WebACL",
    "AWS::WAFv2::WebACLAssociation",
}
COLUMNS = ["place", "what text", "how long", "key", "who can read", "how to erase"]


def _rows() -> list[dict[str, str]]:
    lines = iter(PAGE.splitlines())
    header = f"| {' | '.join(COLUMNS)} |"
    assert header in lines, "the table of places"
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == len(COLUMNS), line
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows[1:]


ROWS = _rows()


def _row(resource: str) -> dict[str, str] | None:
    return next((row for row in ROWS if f"`{resource}`" in row["place"]), None)


def test_every_type_of_resource_is_a_store_or_not(built: Built) -> None:
    """A type that is new in the template needs a decision: STORES and a row, or NO_STORES."""
    assert {item["Type"] for item in built.template["Resources"].values()} == STORES | NO_STORES


def test_every_store_has_a_row(built: Built) -> None:
    """Log groups, buckets, tables, queues, state machines, guardrails: a new one without a row fails here."""
    stores = [name for kind in STORES for name in built.resources(kind)]
    assert [name for name in stores if _row(name) is None] == []


def test_no_row_names_a_store_that_is_gone(built: Built) -> None:
    """The names that look like logical ids are resources of the template."""
    named = {name for row in ROWS for name in re.findall(r"`([A-Z]\w+)`", row["place"])}
    assert named <= set(built.template["Resources"])


def test_the_rows_have_the_retention_and_the_key_of_the_template(built: Built) -> None:
    """The parameter that sets the days is in "how long"; KmsKeyArn is in "key" exactly if the resource uses it."""
    for kind in STORES:
        for name, properties in built.resources(kind).items():
            row = _row(name)
            assert row is not None, name
            text = json.dumps(properties)
            for parameter in ("LogRetentionDays", "ResultsDays", "AnswerHours"):
                assert f'"{parameter}"' not in text or f"`{parameter}`" in row["how long"], name
            assert ("`KmsKeyArn`" in row["key"]) == ('"KmsKeyArn"' in text), name


def test_the_queue_keeps_names_for_the_days_of_the_row(built: Built) -> None:
    """Fourteen days."""
    row = _row("FailedChats")
    assert row is not None
    assert (
        row["how long"]
        == f"{built.resources('AWS::SQS::Queue')['FailedChats']['MessageRetentionPeriod'] // 86400} days"
    )


def _commands() -> list[str]:
    """The `aws` commands of docs/operate, each up to a pipe or a redirection."""
    lines = []
    for page in sorted((ROOT / "docs" / "operate").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        lines += [line for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`(aws [^`\n]+)`", text)
    words = (
        list(takewhile(lambda word: word not in ("|", ">"), shlex.split(line))) for line in lines if line[:4] == "aws "
    )
    return sorted({shlex.join(command) for command in words})


AWS = _commands()
GENERAL = {"query", "output", "region", "profile"}
OF_THE_CLI = {"s3": {"ls", "cp", "rm"}, "cloudformation": {"deploy", "package"}}
"""Commands that the aws command line implements itself."""


@cache
def _model(service: str) -> ServiceModel:
    model: ServiceModel = boto3.client(service, region_name="us-east-1").meta.service_model
    return model


@pytest.mark.parametrize("command", AWS)
def test_the_aws_command_is_in_awss_api(command: str) -> None:
    """Service, operation, options and enumerated values are in botocore's model; required options are given."""
    _, service, operation, *words = shlex.split(command)
    if operation in OF_THE_CLI.get(service, ()):
        return
    model = _model("s3" if service == "s3api" else service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(operations[operation]).input_shape
    members = {xform_name(name, "-"): member for name, member in shape.members.items()} if shape else {}
    options = {word[2:]: following for word, following in pairwise([*words, ""]) if word.startswith("--")}
    assert set(options) - GENERAL <= set(members)
    for name in set(options) & set(members):
        values = getattr(members[name], "enum", None)
        assert not values or options[name] in values
    if options:  # without options it only names the operation
        assert {xform_name(name, "-") for name in (shape.required_members if shape else ())} <= set(options)


def test_the_page_has_aws_commands() -> None:
    """A pattern that matches nothing would prove nothing."""
    assert len(AWS) > 15
