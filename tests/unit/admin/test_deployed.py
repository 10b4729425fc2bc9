"""What is in use is what the Lambdas' variables name, whatever the files and the newest versions are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepguard.admin.deployed import LayerInUse, deployed_layers, differences, layers_in_use, newest_layers
from stepguard.admin.guardrails import PUBLISHED_FROM, GuardrailAdmin, digest_of
from stepguard.aws.executions import Executions
from stepguard.guard.errors import AccessDenied, ConfigurationError, InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import STAGES, Layer
from tests.fakes.aws import FakeClient, Request, client_error
from tests.fakes.states import BEGIN, MACHINE

ID = "abc123abc123"
OLD, NEW = {"name": "ours", "wordPolicyConfig": {}}, {"name": "ours", "topicPolicyConfig": {}}
FILE = Path("guardrails/preprocess.yaml")


def executions(states: dict[str, Any] | None = None) -> Executions:
    """A deployment whose stages have one Lambda each."""
    functions = {
        stage.state: {
            "Type": "Task",
            "Parameters": {"FunctionName": f"arn:aws:lambda:us-east-1:123456789012:function:{stage.key}"},
        }
        for stage in STAGES
    }
    described = {
        "stateMachineArn": MACHINE, "name": "chat", "roleArn": "arn:aws:iam::123456789012:role/r", "type": "STANDARD",
        "creationDate": BEGIN, "definition": json.dumps({"States": functions if states is None else states}),
    }  # fmt: skip
    return Executions(MACHINE, FakeClient("stepfunctions", describe_state_machine=described).client)


def lambdas(version: str = "1") -> FakeClient:
    """Only the first layer is on; every Lambda has the variables, as the template gives them."""
    variables = {"PREPROCESS_GUARDRAIL_IDENTIFIER": ID, "PREPROCESS_GUARDRAIL_VERSION": version}
    return FakeClient("lambda", get_function_configuration={"Environment": {"Variables": variables}})


def bedrock(*versions: str, origin: dict[str, Any] = OLD) -> GuardrailAdmin:
    """One guardrail with these versions; the one in use was published from `origin`."""

    def row(version: str) -> dict[str, Any]:
        return {
            "id": ID, "arn": f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{ID}", "name": "ours",
            "status": "READY", "version": version, "createdAt": BEGIN, "updatedAt": BEGIN,
        }  # fmt: skip

    def get(request: Request) -> dict[str, Any]:
        return {
            "name": "ours", "guardrailId": ID, "version": request["guardrailVersion"], "status": "READY",
            "guardrailArn": f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{ID}", "createdAt": BEGIN,
            "updatedAt": BEGIN, "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.",
            "description": f"{PUBLISHED_FROM}{digest_of(origin)[:12]}",
        }  # fmt: skip

    listed = {"guardrails": [row(version) for version in ("DRAFT", *versions)]}
    return GuardrailAdmin(FakeClient("bedrock", list_guardrails=listed, get_guardrail=get).client)


def test_the_lambdas_variables_are_what_is_in_use() -> None:
    """A layer without variables is off."""
    assert deployed_layers(executions(), lambdas("3").client) == {Layer.PREPROCESS: GuardrailRef(ID, "3")}


@pytest.mark.parametrize(
    ("file", "versions", "said"),
    [
        (OLD, ("1",), []),
        (NEW, ("1",), ["guardrails/preprocess.yaml differs from the version in use: ours (abc123abc123) version 1."]),
        (OLD, ("1", "2", "10"), ["The preprocess layer uses ours (abc123abc123) version 1; version 10 is newer."]),
    ],
)
def test_a_changed_file_and_a_newer_version_are_reported(
    file: dict[str, Any], versions: tuple[str, ...], said: list[str]
) -> None:
    """By the digest that the version was published from, and by number, not by text."""
    rows = layers_in_use(executions(), {FILE: file}, bedrock(*versions), lambdas().client)

    assert differences(rows) == said
    assert newest_layers(rows) == {Layer.PREPROCESS: GuardrailRef(ID, versions[-1])}
    assert [row.label for row in rows] == ["ours (abc123abc123) version 1", "off", "off"]


def test_a_version_that_others_published_is_not_compared() -> None:
    """Its origin is unknown, so neither 'same' nor 'differs' would be true."""
    admin = GuardrailAdmin(
        FakeClient(
            "bedrock",
            list_guardrails={"guardrails": []},
            get_guardrail={
                "name": "theirs", "guardrailId": ID, "version": "1", "status": "READY", "createdAt": BEGIN,
                "guardrailArn": f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{ID}", "updatedAt": BEGIN,
                "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No.",
            },
        ).client
    )  # fmt: skip
    rows = layers_in_use(executions(), {FILE: NEW}, admin, lambdas().client)

    assert (rows[0].same, differences(rows)) == (None, [])


def test_a_guardrail_that_cannot_be_read_is_a_problem_of_its_layer() -> None:
    """The other layers are still reported; a replay with the newest version is refused."""
    denied = client_error("AccessDeniedException", "no")
    admin = GuardrailAdmin(FakeClient("bedrock", list_guardrails=denied).client)
    rows = layers_in_use(executions(), {}, admin, lambdas().client)

    assert rows[0].problem is not None
    assert "AccessDeniedException" in rows[0].problem
    assert rows[1] == LayerInUse(Layer.MODEL, "model")
    with pytest.raises(InvalidRequest, match="the preprocess layer cannot be read"):
        newest_layers(rows)


def test_a_deployment_that_cannot_be_read_is_an_error() -> None:
    """Never taken for one without guardrails."""
    denied = FakeClient("lambda", get_function_configuration=client_error("AccessDeniedException", "no"))
    with pytest.raises(AccessDenied, match="GetFunctionConfiguration"):
        deployed_layers(executions(), denied.client)
    with pytest.raises(ConfigurationError, match="no Lambda in a state GuardInput"):
        deployed_layers(executions({}), lambdas().client)
