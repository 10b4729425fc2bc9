"""guardrails/*.yaml is the one source of the deployed guardrails."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.staging import GUARDRAIL_PARAMETERS
from stepguard.deploy import guardrails
from stepguard.deploy.package import configurations
from stepguard.project.folder import Project
from tests.packaging.conftest import ROOT, Built

LAYERS = {"preprocess": "GuardrailPreprocess", "model": "GuardrailModel", "postprocess": "GuardrailPostprocess"} | {
    "passages": "GuardrailPassages"
}


def request_of(properties: Any) -> Any:
    """Resource properties in the spelling of the CreateGuardrail request."""
    if isinstance(properties, dict):
        return {key[0].lower() + key[1:]: request_of(value) for key, value in properties.items()}
    return [request_of(item) for item in properties] if isinstance(properties, list) else properties


@pytest.mark.parametrize("layer", LAYERS)
def test_the_template_holds_the_file_and_nothing_else(built: Built, layer: str) -> None:
    """Spelled back, a layer's guardrail is its file, but for the name that starts with the stack's."""
    expected = dict(configurations(Project(ROOT, ROOT))[layer])
    assert expected.pop("name")
    actual = request_of(built.resources("AWS::Bedrock::Guardrail")[LAYERS[layer]])
    assert actual.pop("name") == {"fn::Sub": f"${{AWS::StackName}}-{layer}"}
    assert actual == expected


def test_there_is_one_guardrail_and_one_version_for_each_layer(built: Built) -> None:
    """Nothing else is made, and all of it only when the stack is to make guardrails."""
    versions = {guardrails.version_id(layer, item) for layer, item in configurations(Project(ROOT, ROOT)).items()}
    assert set(built.resources("AWS::Bedrock::Guardrail")) == set(LAYERS.values())
    assert set(built.resources("AWS::Bedrock::GuardrailVersion")) == versions
    made = [built.template["Resources"][name] for name in versions | set(LAYERS.values())]
    assert {item["Condition"] for item in made} == {"CreateGuardrails"}


def test_versions_are_retained(built: Built) -> None:
    """A replaced version stays: running executions and a rollback still need it."""
    for name in built.resources("AWS::Bedrock::GuardrailVersion"):
        resource = built.template["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_changed_guardrail_is_another_version() -> None:
    """The version's logical id follows every value of the configuration, and not the order of its members."""
    original = {"name": "a", "topicPolicyConfig": {"topicsConfig": [{"name": "x", "type": "DENY"}]}}
    changed = {"name": "a", "topicPolicyConfig": {"topicsConfig": [{"name": "y", "type": "DENY"}]}}
    reordered = {"topicPolicyConfig": {"topicsConfig": [{"type": "DENY", "name": "x"}]}, "name": "a"}
    assert guardrails.version_id("model", original) == guardrails.version_id("model", reordered)
    assert guardrails.version_id("model", original) != guardrails.version_id("model", changed)
    assert guardrails.version_id("model", original).isalnum()


def test_references_follow_the_version() -> None:
    """Only references to a layer's version are changed, wherever they stand."""
    layers: dict[str, dict[str, Any]] = {"model": {"name": "a"}}
    published = guardrails.version_id("model", {"name": "a"})
    template = {
        "A": [{"Fn::GetAtt": ["GuardrailModelVersion", "Version"]}, {"Fn::GetAtt": ["GuardrailModel", "GuardrailId"]}],
        "B": {"Ref": "GuardrailModelVersion"},
    }
    assert guardrails.point_at_versions(template, layers) == {
        "A": [{"Fn::GetAtt": [published, "Version"]}, {"Fn::GetAtt": ["GuardrailModel", "GuardrailId"]}],
        "B": {"Ref": "GuardrailModelVersion"},
    }


def test_the_staging_area_has_parameters_for_each_guardrail_file(built: Built) -> None:
    """It gives the stack the guardrails of the embedded Bedrock, whose identifiers are not known before."""
    assert set(GUARDRAIL_PARAMETERS) == {file.stem for file in (ROOT / "guardrails").glob("*.yaml")}
    names = {f"{name}Guardrail{part}" for name in GUARDRAIL_PARAMETERS.values() for part in ("Identifier", "Version")}
    assert names <= set(built.template["Parameters"])
