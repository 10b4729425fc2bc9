"""guardrails/*.yaml, each a CreateGuardrail request, as CloudFormation resources.

A guardrail's version is immutable and a copy of the draft at that moment
(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-deploy.html), so a changed guardrail needs another
version resource: its logical id carries the digest of the configuration, and the versions before it are retained, so
that running executions and a rollback can still use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.admin.guardrails import DIGEST_CHARACTERS, PUBLISHED_FROM, digest_of

CONDITION = "CreateGuardrails"
"""The template's condition for creating guardrails."""


def guardrail_id(layer: str) -> str:
    """The logical id of a layer's guardrail, e.g. `GuardrailPreprocess`."""
    return f"Guardrail{layer.capitalize()}"


def version_id(layer: str, configuration: Mapping[str, Any]) -> str:
    """The logical id of the version published from a configuration, e.g. `GuardrailPreprocessVersion1f0a9c…`."""
    return f"{guardrail_id(layer)}Version{digest_of(configuration)[:DIGEST_CHARACTERS]}"


def properties(value: Any) -> Any:
    """A request as resource properties: CloudFormation spells the same members in PascalCase."""
    if isinstance(value, Mapping):
        return {key[:1].upper() + key[1:]: properties(item) for key, item in value.items()}
    if isinstance(value, list):
        return [properties(item) for item in value]
    return value


def resources(configurations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """AWS::Bedrock::Guardrail and GuardrailVersion of each layer's CreateGuardrail request.

    Only the name differs from the file's: names are unique in an account and region, so it starts with the stack's.
    """
    made: dict[str, Any] = {}
    for layer, configuration in configurations.items():
        published = version_id(layer, configuration)
        made[guardrail_id(layer)] = {
            "Type": "AWS::Bedrock::Guardrail",
            "Condition": CONDITION,
            "Properties": {**properties(configuration), "Name": {"Fn::Sub": f"${{AWS::StackName}}-{layer}"}},
        }
        made[published] = {
            "Type": "AWS::Bedrock::GuardrailVersion",
            "Condition": CONDITION,
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "GuardrailIdentifier": {"Fn::GetAtt": [guardrail_id(layer), "GuardrailId"]},
                "Description": f"{PUBLISHED_FROM}{published[-DIGEST_CHARACTERS:]}",
            },
        }
    return made


def point_at_versions(template: Any, configurations: Mapping[str, Mapping[str, Any]]) -> Any:
    """The template with each `GetAtt GuardrailPreprocessVersion.…` that names the version of the current
    configuration."""
    if isinstance(template, Mapping):
        if list(template) == ["Fn::GetAtt"]:
            current = {
                f"{guardrail_id(layer)}Version": version_id(layer, item) for layer, item in configurations.items()
            }
            resource, attribute = template["Fn::GetAtt"]
            return {"Fn::GetAtt": [current.get(resource, resource), attribute]}
        return {key: point_at_versions(value, configurations) for key, value in template.items()}
    if isinstance(template, list):
        return [point_at_versions(item, configurations) for item in template]
    return template
