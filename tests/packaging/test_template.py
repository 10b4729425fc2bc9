"""The CloudFormation template: valid, wired, and closed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.core.settings import ImportedBody, ModelApi, read_settings
from tests.packaging.conftest import ROOT, Built


def strings(value: Any) -> Iterator[str]:
    """Every string in a part of the template."""
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_cfn_lint_has_nothing_to_say(built: Built, cfn_lint: Callable[[Path], str]) -> None:
    """No error, no warning, no hint, and no rule switched off."""
    assert cfn_lint(built.folder / "sam.yaml") == ""
    assert "Metadata" not in built.template


def test_cfn_lint_checks_the_guardrails(built: Built, cfn_lint: Callable[[Path], str], tmp_path: Path) -> None:
    """A guardrail that CloudFormation would refuse is found: the schema check is not idle."""
    spoilt = yaml.safe_load((built.folder / "sam.yaml").read_text(encoding="utf-8"))
    guardrail = spoilt["Resources"]["GuardrailModel"]["Properties"]
    guardrail["TopicPolicyConfig"]["TopicsConfig"][0]["Type"] = "ALLOW"
    guardrail["wordPolicyConfig"] = guardrail.pop("WordPolicyConfig")
    template = tmp_path / "sam.yaml"
    template.write_text(yaml.safe_dump(spoilt), encoding="utf-8")
    findings = cfn_lint(template)
    assert "'ALLOW' is not one of" in findings
    assert "wordPolicyConfig" in findings


def test_every_placeholder_of_the_definition_is_substituted(built: Built) -> None:
    """`${GuardInputFunctionArn}` is the Lambda GuardInput's ARN, and so on; none is missing or idle."""
    definition = (built.folder / "chat.asl.json").read_text(encoding="utf-8")
    machine = built.resources("AWS::Serverless::StateMachine")["ChatStateMachine"]
    lambdas = built.resources("AWS::Serverless::Function")
    placeholders = set(re.findall(r"\$\{(\w+)\}", definition))
    expected = {name: {"Fn::GetAtt": [name.removesuffix("FunctionArn"), "Arn"]} for name in placeholders}
    assert machine["DefinitionSubstitutions"] == expected
    assert {target["Fn::GetAtt"][0] for target in expected.values()} == set(lambdas) - {"APIHandler"}
    states = json.loads(definition)["States"]
    assert {name for name, state in states.items() if state["Type"] == "Task"} == set(lambdas) - {"APIHandler"}


def test_the_state_machine_keeps_a_history_and_logs_no_text(built: Built) -> None:
    """STANDARD, so that GetExecutionHistory works; the log has errors without the execution's data."""
    machine = built.resources("AWS::Serverless::StateMachine")["ChatStateMachine"]
    group = built.resources("AWS::Logs::LogGroup")["ChatLogGroup"]
    assert machine["Type"] == "STANDARD"
    assert machine["Tracing"] == {"Enabled": True}
    assert (machine["Logging"]["Level"], machine["Logging"]["IncludeExecutionData"]) == ("ERROR", False)
    destinations = machine["Logging"]["Destinations"]
    assert destinations == [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["ChatLogGroup", "Arn"]}}}]
    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_runtime_is_this_python(built: Built) -> None:
    """Chalice takes the runtime from the Python that packages; 3.11 to 3.13 are Lambda runtimes."""
    runtimes = {item["Runtime"] for item in built.resources("AWS::Serverless::Function").values()}
    assert runtimes == {f"python{sys.version_info.major}.{sys.version_info.minor}"}


def test_the_template_names_no_account_and_no_region(built: Built) -> None:
    """One template for every account, region and partition."""
    fixed = [text for text in strings(built.template["Resources"]) if re.search(r"\b\d{12}\b|us-east-1|arn:aws:", text)]
    assert fixed == []


def test_every_lambda_logs_into_a_group_with_a_retention(built: Built) -> None:
    """Lambda's own log groups are kept for ever; these are not."""
    groups = built.resources("AWS::Logs::LogGroup")
    for item in built.resources("AWS::Serverless::Function").values():
        group = groups[item["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


class Recorder(dict[str, str]):
    """An environment that remembers which variables were asked for."""

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """As dict.get."""
        self.asked.add(name)
        return super().get(name, default)


def given(value: Any, parameters: dict[str, Any]) -> str:
    """A variable's value with default parameters, where guardrails are given and the model is no imported one."""
    if "Fn::If" in value:
        return given(value["Fn::If"][2], parameters)
    return str(parameters[value["Ref"]]["Default"])


def test_the_lambdas_are_told_every_setting_and_no_other(built: Built) -> None:
    """The template sets exactly the variables that settings.py reads, and by default to what is the default there."""
    variables = dict(built.template["Globals"]["Function"]["Environment"]["Variables"])
    parameters = built.template["Parameters"]
    elsewhere = variables.pop("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")  # botocore reads it, not the settings
    assert elsewhere == {"Fn::If": ["BedrockElsewhere", {"Ref": "BedrockEndpointUrl"}, {"Ref": "AWS::NoValue"}]}
    environment = Recorder({name: given(value, parameters) for name, value in variables.items()})
    assert read_settings(environment) == read_settings({})
    assert environment.asked == set(variables)


def test_only_the_api_knows_the_state_machine(built: Built) -> None:
    """STATE_MACHINE_ARN in a stage's Lambda would be a circle: the state machine needs that Lambda first."""
    variables = {
        name: item["Environment"]["Variables"]
        for name, item in built.resources("AWS::Serverless::Function").items()
        if "Environment" in item
    }
    assert variables == {"APIHandler": {"STATE_MACHINE_ARN": {"Ref": "ChatStateMachine"}}}


@pytest.mark.parametrize(("parameter", "choices"), [("ModelApi", ModelApi), ("ImportedBody", ImportedBody)])
def test_parameters_offer_what_the_settings_know(built: Built, parameter: str, choices: type[ModelApi]) -> None:
    """A choice that the code has can be deployed, and no other."""
    assert built.template["Parameters"][parameter]["AllowedValues"] == [str(choice) for choice in choices]


def test_every_parameter_is_documented(built: Built) -> None:
    """docs/packaging.md tells each parameter and invents none."""
    text = (ROOT / "docs" / "packaging.md").read_text(encoding="utf-8")
    table = text.partition("## Parameters")[2].partition("##")[0]
    names = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    documented = set(re.findall(r"`(\w+)`", " ".join(names)))
    assert documented == set(built.template["Parameters"])


def test_after_sam_the_template_is_valid_and_the_api_closed(
    built: Built, cfn_lint: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What CloudFormation sees after the SAM transform: no finding, one stage, and every route asks for a signature."""
    translator = pytest.importorskip("samtranslator.translator.translator", reason="needs aws-sam-translator")
    parser = pytest.importorskip("samtranslator.parser.parser", reason="needs aws-sam-translator")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    source = yaml.safe_load((built.folder / "sam.yaml").read_text(encoding="utf-8"))
    for resource in source["Resources"].values():
        for name in {"CodeUri", "DefinitionUri"} & set(resource.get("Properties", {})):
            resource["Properties"][name] = "s3://bucket/key"  # as `aws cloudformation package` writes it
    transformed = json.loads(json.dumps(translator.Translator({}, parser.Parser()).translate(source, {}), default=dict))
    template = tmp_path / "cloudformation.json"
    template.write_text(json.dumps(transformed), encoding="utf-8")
    assert cfn_lint(template) == ""
    resources = transformed["Resources"]
    body = resources["RestAPI"]["Properties"]["Body"]
    routes = {
        (path, method): route["security"] for path, item in body["paths"].items() for method, route in item.items()
    }
    assert set(routes) == {("/chat", "post"), ("/chat/{execution}", "get"), ("/health", "get")}
    assert all(security == [{"AWS_IAM": []}] for security in routes.values())
    assert body["securityDefinitions"]["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    stages = [
        item["Properties"]["StageName"] for item in resources.values() if item["Type"] == "AWS::ApiGateway::Stage"
    ]
    assert stages == ["v1"]
