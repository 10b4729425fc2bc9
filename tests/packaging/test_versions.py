"""A deployed definition calls published Lambda versions: running executions keep their code, a rollback is whole."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from stepguard.deploy.versions import freeze
from tests.packaging.conftest import Built

STAGES = {
    "GuardInput", "RewriteQuestion", "GuardRewrite",
    "FindAnswer", "RetrievePassages", "GuardPassages", "InvokeModel", "GuardAnswer", "PrepareCorpus",
    "SummarizeCorpus", "NotifyListener", "JudgeShadow", "SelectReview",
}  # fmt: skip


@pytest.fixture(name="region", autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def frozen(built: Built, code: str = "a" * 64, **values: str) -> dict[str, Any]:
    """The resources after freezing and SAM's transform."""
    template = copy.deepcopy(built.template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://packages/{code}.zip"
    freeze(template, code, values)
    resources: dict[str, Any] = Translator({}, Parser()).translate(template, dict(values))["Resources"]
    return resources


def versions(resources: dict[str, Any]) -> dict[str, str]:
    """The logical id of each Lambda's version."""
    found = {name: item for name, item in resources.items() if item["Type"] == "AWS::Lambda::Version"}
    return {item["Properties"]["FunctionName"]["Ref"]: name for name, item in found.items()}


def test_every_state_machine_calls_versions(built: Built) -> None:
    """Of each Lambda that it calls and that uses no secret; a removed version stays for what still uses it."""
    resources = frozen(built)
    published = versions(resources)
    assert set(published) == STAGES
    for name in ("ChatStateMachine", "ChatExpressStateMachine", "EvaluateStateMachine", "AfterStateMachine"):
        called = resources[name]["Properties"]["DefinitionSubstitutions"]
        for key, value in called.items():
            if (function := key.removesuffix("FunctionArn")) in STAGES:
                assert value == {"Ref": published[function]}, (name, key)
    assert {resources[name]["DeletionPolicy"] for name in published.values()} == {"Retain"}


def test_a_role_may_invoke_the_versions(built: Built) -> None:
    """A version's ARN is the function's with a number behind it."""
    for role in ("ChatStateMachineRole", "EvaluateStateMachineRole", "AfterStateMachineRole"):
        statements = built.template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        (invoke,) = (item for item in statements if item.get("Sid") == "InvokeStages")
        functions = [item["Fn::GetAtt"][0] for item in invoke["Resource"] if "Fn::GetAtt" in item]
        assert functions
        for function in functions:
            assert {"Fn::Sub": f"${{{function}.Arn}}:*"} in invoke["Resource"]


@pytest.mark.parametrize("changed", [{"code": "b" * 64}, {"EmptyMessage": "Another."}, {"Alarms": "no"}])
def test_a_change_publishes_versions_and_changes_the_functions(built: Built, changed: dict[str, str]) -> None:
    """New code, and a changed parameter, whose value is in no text: Lambda refuses a version of what did not change."""
    before, after = frozen(built), frozen(built, **changed)
    assert not set(versions(before).values()) & set(versions(after).values())
    for function in STAGES:
        assert before[function]["Properties"]["Description"] != after[function]["Properties"]["Description"]


def test_no_change_publishes_nothing(built: Built) -> None:
    """The same code and values give the same template."""
    assert frozen(built, EmptyMessage="One.") == frozen(built, EmptyMessage="One.")


def test_a_secret_is_in_no_digest(built: Built) -> None:
    """CloudFormation returns `****` for it: what uses it is not frozen, or a second deployment would change all."""
    before, after = frozen(built, OtlpHeaders="x-api-key=1"), frozen(built, OtlpHeaders="****")
    assert before == after
    exporter = after["AfterStateMachine"]["Properties"]["DefinitionSubstitutions"]["ExportTraceFunctionArn"]
    assert exporter == {"Fn::GetAtt": ["ExportTrace", "Arn"]}


def test_chats_start_the_alias_and_a_new_version_can_begin_as_a_canary(built: Built) -> None:
    """The API starts `live`; the alias moves at once, or after CanaryMinutes, and an alarm moves it back."""
    resources = built.template["Resources"]
    api = resources["APIHandler"]["Properties"]["Environment"]["Variables"]["STATE_MACHINE_ARN"]
    assert api == {"Fn::If": ["VersionsOn", {"Ref": "ChatAlias"}, {"Ref": "ChatStateMachine"}]}
    assert resources["ChatVersion"]["UpdateReplacePolicy"] == "Retain"
    preference = resources["ChatAlias"]["Properties"]["DeploymentPreference"]
    assert preference["Type"] == {"Fn::If": ["CanaryOn", "CANARY", "ALL_AT_ONCE"]}
    assert preference["Alarms"]["Fn::If"][1] == [{"Ref": "ChatsFailedAlarm"}]
