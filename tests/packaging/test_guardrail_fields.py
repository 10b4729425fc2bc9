"""CreateGuardrail requests as CloudFormation, field by field: every policy, action and tier, by cfn-lint's schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from stepguard.deploy.guardrails import GuardrailFieldError, properties, resources
from stepguard.deploy.package import configurations
from stepguard.project.folder import Project
from tests.packaging.conftest import ROOT

ACTIONS = {"inputAction": "BLOCK", "outputAction": "NONE", "inputEnabled": True, "outputEnabled": False}
EVERY: dict[str, Any] = {
    "name": "every",
    "description": "Every field that CloudFormation has.",
    "topicPolicyConfig": {
        "topicsConfig": [{"name": "a", "definition": "b", "examples": ["c"], "type": "DENY"} | ACTIONS],
        "tierConfig": {"tierName": "STANDARD"},
    },
    "contentPolicyConfig": {
        "filtersConfig": [
            {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "LOW", "inputModalities": ["TEXT"]}
            | ACTIONS
            | {"outputModalities": ["TEXT", "IMAGE"]}
        ],
        "tierConfig": {"tierName": "STANDARD"},
    },
    "wordPolicyConfig": {
        "wordsConfig": [{"text": "w"} | ACTIONS],
        "managedWordListsConfig": [{"type": "PROFANITY"} | ACTIONS],
    },
    "sensitiveInformationPolicyConfig": {
        "piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"} | ACTIONS],
        "regexesConfig": [{"name": "r", "description": "d", "pattern": "x", "action": "BLOCK"} | ACTIONS],
    },
    "contextualGroundingPolicyConfig": {
        "filtersConfig": [{"type": "GROUNDING", "threshold": 0.7, "action": "BLOCK", "enabled": True}]
    },
    "automatedReasoningPolicyConfig": {
        "policies": ["arn:aws:bedrock:us-east-1:123456789012:automated-reasoning-policy/abcdefghijkl:1"],
        "confidenceThreshold": 0.9,
    },
    "crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"},
    "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "No.",
    "kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000",
    "tags": [{"key": "k", "value": "v"}],
}
"""One value for each field."""
UNKNOWN = {"clientRequestToken", "contextualGroundingPolicyConfig.tierConfig"}
"""Fields of the API that AWS::Bedrock::Guardrail does not have."""


def only(*policies: str, tier: str | None = None) -> dict[str, Any]:
    """A guardrail with these policies, in a tier."""
    given = {key: EVERY[key] for key in ("name", "blockedInputMessaging", "blockedOutputsMessaging", *policies)}
    guardrail: dict[str, Any] = json.loads(json.dumps(given))
    for policy in policies:
        if "tierConfig" in guardrail[policy]:
            guardrail[policy].pop("tierConfig") if tier is None else guardrail[policy].update(
                tierConfig={"tierName": tier}
            )
    if tier == "STANDARD":
        guardrail["crossRegionConfig"] = EVERY["crossRegionConfig"]
    return guardrail


CASES = {
    "every": EVERY,
    **{policy: only(policy) for policy in EVERY if policy.endswith("PolicyConfig")},
    **{
        f"{policy}-{tier}": only(policy, tier=tier)
        for policy in ("topicPolicyConfig", "contentPolicyConfig")
        for tier in ("CLASSIC", "STANDARD")
    },
    **{
        file.stem: json.loads(file.read_text("utf-8"))
        for file in sorted((ROOT / "tests" / "data" / "aws_samples").glob("*create_guardrail.json"))
    },
    **configurations(Project(ROOT, ROOT)),
}


def test_cfn_lint_knows_every_property(cfn_lint: Callable[[Path], str], tmp_path: Path) -> None:
    """One template with a guardrail for each case; nothing to say, with its informational checks."""
    made: dict[str, Any] = {}
    for number, request in enumerate(CASES.values()):
        (resource,) = (
            item for item in resources({"model": request}).values() if item["Type"] == "AWS::Bedrock::Guardrail"
        )
        del resource["Condition"]
        made[f"Guardrail{number}"] = resource
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}
    (tmp_path / "template.json").write_text(json.dumps(template))
    assert cfn_lint(tmp_path / "template.json") == ""


def _fields(shape: Any, path: str = "") -> set[str]:
    if shape.type_name == "list":
        return _fields(shape.member, path)
    if shape.type_name != "structure":
        return {path}
    return {field for name, inner in shape.members.items() for field in _fields(inner, f"{path}.{name}".lstrip("."))}


def _paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, list):
        return {field for item in value for field in _paths(item, path)}
    if not isinstance(value, dict):
        return {path}
    return {field for name, inner in value.items() for field in _paths(inner, f"{path}.{name}".lstrip("."))}


def test_every_field_of_the_api_is_mapped_or_refused() -> None:
    """By botocore's model: a new field of the API fails here, and never disappears."""
    shape = botocore.session.get_session().get_service_model("bedrock").operation_model("CreateGuardrail").input_shape
    fields = _fields(shape)
    refused = {field for field in fields if any(field.startswith(name) for name in UNKNOWN)}
    assert fields - refused == _paths(EVERY)


def test_every_property_of_cloudformation_is_used() -> None:
    """By cfn-lint's schema: what the resource can have, but for what AWS returns."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Bedrock::Guardrail").schema
    returned = {name.rpartition("/")[2] for name in schema["readOnlyProperties"]}
    assert set(properties(EVERY)) == set(schema["properties"]) - returned


@pytest.mark.parametrize(
    ("request_part", "field"),
    [
        ({"clientRequestToken": "t"}, "clientRequestToken"),
        ({"contextualGroundingPolicyConfig": {"tierConfig": {"tierName": "STANDARD"}}}, "PolicyConfig.tierConfig"),
        ({"topicPolicyConfig": {"topicsConfig": [{"colour": "red"}]}}, "topicPolicyConfig.topicsConfig.colour"),
        ({"kmsKeyId": "alias/key"}, "kmsKeyId"),
    ],
)
def test_what_cloudformation_does_not_know_is_named(request_part: dict[str, Any], field: str) -> None:
    """With the file, and with another way."""
    with pytest.raises(GuardrailFieldError, match=field) as refused:
        resources({"model": only() | request_part})
    assert str(refused.value).startswith("guardrails/model.yaml: ")


def test_identifiers_become_arns() -> None:
    """Of the stack's own partition, Region and account."""
    mapped = properties(EVERY | {"kmsKeyId": "00000000-0000-0000-0000-000000000000"})
    profile = "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:guardrail-profile/us.guardrail.v1:0"
    assert mapped["CrossRegionConfig"] == {"GuardrailProfileArn": {"Fn::Sub": profile}}
    assert mapped["KmsKeyArn"]["Fn::Sub"].endswith(":key/00000000-0000-0000-0000-000000000000")
    assert mapped["TopicPolicyConfig"]["TopicsTierConfig"] == {"TierName": "STANDARD"}
    assert mapped["ContentPolicyConfig"]["ContentFiltersTierConfig"] == {"TierName": "STANDARD"}
