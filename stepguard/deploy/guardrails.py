"""guardrails/*.yaml, each a CreateGuardrail request, as CloudFormation resources.

A guardrail's version is immutable and a copy of the draft at that moment
(https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-deploy.html), so a changed guardrail needs another
version resource: its logical id carries the digest of the configuration, and the versions before it are retained, so
that running executions and a rollback can still use them.
"""

from __future__ import annotations

import re
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


class GuardrailFieldError(Exception):
    """A field of a CreateGuardrail request that CloudFormation does not have."""


def properties(request: Mapping[str, Any]) -> dict[str, Any]:
    """A CreateGuardrail request as the properties of AWS::Bedrock::Guardrail.

    Each field is mapped by name, because some have another name in CloudFormation. Raises GuardrailFieldError that
    names a field without a property there.
    """
    mapped: dict[str, Any] = _mapped(request, _GUARDRAIL, "")
    return mapped


def _mapped(value: Any, fields: Fields, path: str) -> Any:
    if isinstance(value, list):
        return [_mapped(item, fields, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    found: dict[str, Any] = {}
    for name, item in value.items():
        where = f"{path}.{name}" if path else name
        if name not in fields:
            raise GuardrailFieldError(
                f"{where} is not a property of AWS::Bedrock::Guardrail, so a stack cannot create it. Remove it, or "
                "create the guardrail with `stepguard guardrail apply --aws` and deploy with Guardrails=given."
            )
        target, inner = fields[name]
        found[target] = inner(item, where) if callable(inner) else _mapped(item, inner, where) if inner else item
    return found


def _profile(value: Any, where: str) -> Any:
    """The API takes a profile's id or ARN, CloudFormation its ARN."""
    if str(value).startswith("arn:"):
        return value
    return {
        "Fn::Sub": f"arn:${{AWS::Partition}}:bedrock:${{AWS::Region}}:${{AWS::AccountId}}:guardrail-profile/{value}"
    }


def _key(value: Any, where: str) -> Any:
    """The API takes a key's id, alias or ARN, CloudFormation the ARN of a key."""
    if re.fullmatch(r"arn:[^:]+:kms:[^:]+:\d{12}:key/.+", str(value)):
        return value
    if re.fullmatch(r"(mrk-)?[0-9a-f-]{32,36}", str(value)):
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:kms:${{AWS::Region}}:${{AWS::AccountId}}:key/{value}"}
    raise GuardrailFieldError(f"{where} must be the id or the ARN of a key: CloudFormation takes no alias.")


Fields = Mapping[str, tuple[str, Any]]
"""By the request's name: the property's name, and the fields below it, a function of the value, or None."""


def _same(*names: str) -> dict[str, tuple[str, Any]]:
    return {name: (name[:1].upper() + name[1:], None) for name in names}


_ACTIONS = _same("inputAction", "outputAction", "inputEnabled", "outputEnabled")
_TIER = _same("tierName")
_GUARDRAIL: Fields = {
    **_same("name", "description", "blockedInputMessaging", "blockedOutputsMessaging"),
    "topicPolicyConfig": (
        "TopicPolicyConfig",
        {
            "topicsConfig": ("TopicsConfig", _same("name", "definition", "examples", "type") | _ACTIONS),
            "tierConfig": ("TopicsTierConfig", _TIER),
        },
    ),
    "contentPolicyConfig": (
        "ContentPolicyConfig",
        {
            "filtersConfig": (
                "FiltersConfig",
                _same("type", "inputStrength", "outputStrength", "inputModalities", "outputModalities") | _ACTIONS,
            ),
            "tierConfig": ("ContentFiltersTierConfig", _TIER),
        },
    ),
    "wordPolicyConfig": (
        "WordPolicyConfig",
        {
            "wordsConfig": ("WordsConfig", _same("text") | _ACTIONS),
            "managedWordListsConfig": ("ManagedWordListsConfig", _same("type") | _ACTIONS),
        },
    ),
    "sensitiveInformationPolicyConfig": (
        "SensitiveInformationPolicyConfig",
        {
            "piiEntitiesConfig": ("PiiEntitiesConfig", _same("type", "action") | _ACTIONS),
            "regexesConfig": ("RegexesConfig", _same("name", "description", "pattern", "action") | _ACTIONS),
        },
    ),
    "contextualGroundingPolicyConfig": (
        "ContextualGroundingPolicyConfig",
        {"filtersConfig": ("FiltersConfig", _same("type", "threshold", "action", "enabled"))},
    ),
    "automatedReasoningPolicyConfig": ("AutomatedReasoningPolicyConfig", _same("policies", "confidenceThreshold")),
    "crossRegionConfig": ("CrossRegionConfig", {"guardrailProfileIdentifier": ("GuardrailProfileArn", _profile)}),
    "kmsKeyId": ("KmsKeyArn", _key),
    "tags": ("Tags", _same("key", "value")),
}
"""By the schema of AWS::Bedrock::Guardrail; clientRequestToken and the tier of contextual grounding are not in it."""


def resources(configurations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """AWS::Bedrock::Guardrail and GuardrailVersion of each layer's CreateGuardrail request.

    Only the name differs from the file's: names are unique in an account and region, so it starts with the stack's.
    """
    made: dict[str, Any] = {}
    for layer, configuration in configurations.items():
        published = version_id(layer, configuration)
        try:
            mapped = properties(configuration)
        except GuardrailFieldError as error:
            raise GuardrailFieldError(f"guardrails/{layer}.yaml: {error}") from None
        made[guardrail_id(layer)] = {
            "Type": "AWS::Bedrock::Guardrail",
            "Condition": CONDITION,
            "Properties": {**mapped, "Name": {"Fn::Sub": f"${{AWS::StackName}}-{layer}"}},
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
