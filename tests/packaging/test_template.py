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

from stepguard.aws.stream.connections import ENDPOINT
from stepguard.evaluation.limits import VARIABLES, Limits
from stepguard.guard.settings import ImportedBody, ModelApi, read_settings
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
    lambdas, called = built.resources("AWS::Serverless::Function"), set()
    for machine in built.resources("AWS::StepFunctions::StateMachine").values():
        placeholders = set(re.findall(r"\$\{(\w+)\}", json.dumps(machine["Definition"])))
        reviews = {"Fn::If": ["ReviewOn", {"Ref": "ReviewStateMachine"}, "none"]}
        others = {"AnswerTableName": {"Ref": "AnswerTable"}, "ReviewStateMachineArn": reviews}
        tables = {name: value for name, value in others.items() if name in placeholders}
        lambdas_called = {name.removesuffix("FunctionArn") for name in placeholders - set(tables)}
        expected = {f"{name}FunctionArn": {"Fn::GetAtt": [name, "Arn"]} for name in lambdas_called}
        assert machine["DefinitionSubstitutions"] == expected | tables
        called |= lambdas_called
    called.add("Stream")  # API Gateway calls it
    assert called == set(lambdas) - {"APIHandler"}


def test_the_definitions_are_the_files(built: Built) -> None:
    """The chat's, twice, and the evaluation's; with Assistant=yes those with the box."""
    chat, assistant, evaluate, evaluate_assistant = (
        json.loads((built.root / "statemachine" / f"{name}.asl.json").read_text(encoding="utf-8"))
        for name in ("chat", "assistant", "evaluate", "evaluate_assistant")
    )
    machines = built.resources("AWS::StepFunctions::StateMachine")
    for name in ("ChatStateMachine", "ChatExpressStateMachine"):
        assert machines[name]["Definition"] == {"Fn::If": ["AssistantOn", assistant, chat]}
    assert machines["EvaluateStateMachine"]["Definition"] == {"Fn::If": ["AssistantOn", evaluate_assistant, evaluate]}


def test_the_state_machine_keeps_a_history_and_logs_no_text(built: Built) -> None:
    """STANDARD, so that GetExecutionHistory works; the log has errors without the execution's data."""
    machines = built.resources("AWS::StepFunctions::StateMachine")
    group = built.resources("AWS::Logs::LogGroup")["ChatLogGroup"]
    for name in ("ChatStateMachine", "EvaluateStateMachine"):
        machine = machines[name]
        logging = machine["LoggingConfiguration"]
        assert machine["StateMachineType"] == "STANDARD"
        assert machine["TracingConfiguration"] == {"Enabled": True}
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
    destinations = machines["ChatStateMachine"]["LoggingConfiguration"]["Destinations"]
    assert destinations == [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["ChatLogGroup", "Arn"]}}}]
    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_the_express_twin_is_the_one_that_logs_texts(built: Built) -> None:
    """It is off by default; its log group is encrypted with the customer's key, if any, and expires."""
    twin = built.template["Resources"]["ChatExpressStateMachine"]
    group = built.template["Resources"]["ChatExpressLogGroup"]
    logging = twin["Properties"]["LoggingConfiguration"]
    assert built.template["Parameters"]["Express"]["Default"] == "no"
    assert twin["Condition"] == group["Condition"] == "ExpressOn"
    assert twin["Properties"]["StateMachineType"] == "EXPRESS"
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", True)
    assert logging["Destinations"][0]["CloudWatchLogsLogGroup"]["LogGroupArn"] == {
        "Fn::GetAtt": ["ChatExpressLogGroup", "Arn"]
    }
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_with_a_customers_key_everything_that_rests_is_under_it(built: Built) -> None:
    """Histories, log groups, buckets and table; the queue holds names of executions only."""
    key = {"Ref": "KmsKeyArn"}
    for machine in built.resources("AWS::StepFunctions::StateMachine").values():
        condition, given, _ = machine["EncryptionConfiguration"]["Fn::If"]
        assert (condition, given["KmsKeyId"]) == ("CustomerKey", key)
    for group in built.resources("AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == {"Fn::If": ["CustomerKey", key, {"Ref": "AWS::NoValue"}]}
    for bucket in built.resources("AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        condition, given, otherwise = rule["ServerSideEncryptionByDefault"]["Fn::If"]
        assert (condition, given["KMSMasterKeyID"], otherwise) == ("CustomerKey", key, {"SSEAlgorithm": "AES256"})
    for table in built.resources("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"]["Fn::If"][1]["KMSMasterKeyId"] == key


def test_buckets_are_private_and_speak_tls_only(built: Built) -> None:
    """Public access is blocked four times over, and a policy denies plain HTTP to everybody."""
    policies = built.resources("AWS::S3::BucketPolicy")
    for name, bucket in built.resources("AWS::S3::Bucket").items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        (statement,) = policies[f"{name}Policy"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"] == [{"Fn::GetAtt": [name, "Arn"]}, {"Fn::Sub": f"${{{name}.Arn}}/*"}]


def test_failed_chats_are_queued_without_their_texts(built: Built) -> None:
    """The event carries the execution's input and output; only its name, status and time go on."""
    rule = built.resources("AWS::Events::Rule")["FailedChatsRule"]
    (target,) = rule["Targets"]
    paths = target["InputTransformer"]["InputPathsMap"]
    assert paths == {"execution": "$.detail.executionArn", "status": "$.detail.status", "time": "$.time"}
    assert set(target) == {"Id", "Arn", "InputTransformer"}  # no dead-letter queue that would get the whole event
    assert json.loads(target["InputTransformer"]["InputTemplate"]) == {name: f"<{name}>" for name in paths}


def test_every_alarm_is_in_the_runbook(built: Built) -> None:
    """docs/operate/operations.md describes each alarm: what it means, where to look first, how to mend it."""
    text = (ROOT / "docs" / "operate" / "operations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\w+Alarm)$", text, re.MULTILINE)) == set(built.resources("AWS::CloudWatch::Alarm"))


def test_the_dashboard_is_json(built: Built) -> None:
    """And looks at the metrics that the Lambdas write."""
    body = built.resources("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert len(widgets) == 10
    assert {"Runs", "Interventions", "Milliseconds", "TextUnits", "Answers", "Feedback"} <= set(
        re.findall(r'MetricName=\\"(\w+)\\"', body)
    )


def test_the_stage_is_throttled(built: Built) -> None:
    """All callers together; one caller is counted by the API's Lambda. Bodies are never traced."""
    (setting,) = built.resources("AWS::Serverless::Api")["RestAPI"]["MethodSettings"]
    assert (setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"]) == (
        {"Ref": "ThrottlingRate"},
        {"Ref": "ThrottlingBurst"},
    )
    assert setting["DataTraceEnabled"] is False
    assert built.template["Parameters"]["CallerQuestionsPerMinute"]["Default"] > 0


def test_the_runtime_is_this_python(built: Built) -> None:
    """Chalice takes the runtime from the Python that packages; 3.11 to 3.13 are Lambda runtimes."""
    runtimes = {item["Runtime"] for item in built.resources("AWS::Serverless::Function").values()}
    assert runtimes == {f"python{sys.version_info.major}.{sys.version_info.minor}"}


def test_the_template_names_no_account_and_no_region(built: Built) -> None:
    """One template for every account, region and partition."""
    resources = {name: dict(item) for name, item in built.template["Resources"].items()}
    for item in resources.values():  # a Task's Resource names an integration, which is the same in all of them
        item["Properties"] = {key: value for key, value in item["Properties"].items() if key != "Definition"}
    fixed = [text for text in strings(resources) if re.search(r"\b\d{12}\b|us-east-1|arn:aws:", text)]
    assert fixed == []


def test_every_lambda_logs_into_a_group_with_a_retention(built: Built) -> None:
    """Lambda's own log groups are kept for ever; these are not."""
    groups = built.resources("AWS::Logs::LogGroup")
    for item in built.resources("AWS::Serverless::Function").values():
        group = groups[item["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


class Recorder(dict[str, str]):
    """An environment that remembers which variables were read."""

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


def test_the_lambdas_get_every_setting_and_no_other(built: Built) -> None:
    """The template sets exactly the variables that settings.py reads, and by default to what is the default there."""
    variables = dict(built.template["Globals"]["Function"]["Environment"]["Variables"])
    parameters = built.template["Parameters"]
    assert variables.pop("STEPGUARD_STACK") == {"Ref": "AWS::StackName"}
    elsewhere = variables.pop("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")  # botocore reads it, not the settings
    assert elsewhere == {"Fn::If": ["BedrockElsewhere", {"Ref": "BedrockEndpointUrl"}, {"Ref": "AWS::NoValue"}]}
    endpoint = variables.pop(ENDPOINT)["Fn::If"]  # the adapter of frames reads it, not the settings
    assert (endpoint[0], endpoint[2]) == ("StreamingOn", {"Ref": "AWS::NoValue"})
    environment = Recorder({name: given(value, parameters) for name, value in variables.items()})
    assert read_settings(environment) == read_settings({})
    assert environment.asked == set(variables)


_BY_ROUTE_TABLE = {"dynamodb", "s3"}
"""Services with gateway endpoints, which are in route tables that the stack does not know."""


def test_every_service_that_a_lambda_calls_has_an_endpoint(built: Built) -> None:
    """In a VPC without a way out a call of another service hangs until its time-out. An endpoint for execute-api leads
    to private APIs only, so it would turn every frame of a WebSocket API into a 403: frames need a NAT gateway."""
    sources = [*(ROOT / "stepguard" / "aws").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    called = {name for text in texts for name in re.findall(r"""\bclient\(["']([a-z-]+)["']""", text)}
    called |= {"sync-states", "states"} if "stepfunctions" in called else set()
    called = {name.replace("sagemaker-runtime", "sagemaker.runtime") for name in called}
    endpoints = built.resources("AWS::EC2::VPCEndpoint").values()
    served = {item["ServiceName"]["Fn::Sub"].removeprefix("com.amazonaws.${AWS::Region}.") for item in endpoints}
    assert served == called - {"stepfunctions", "apigatewaymanagementapi"} - _BY_ROUTE_TABLE


def test_only_the_api_knows_the_state_machines(built: Built) -> None:
    """STATE_MACHINE_ARN in a stage's Lambda would be a circle: the state machine needs that Lambda first."""
    variables = {
        name: item["Environment"]["Variables"]
        for name, item in built.resources("AWS::Serverless::Function").items()
        if "Environment" in item
    }
    nothing = {"Ref": "AWS::NoValue"}
    table = {"Fn::If": ["CallersAreCounted", {"Ref": "CallerTable"}, nothing]}
    items = {"Fn::If": ["ItemsAreLimited", {"Ref": "CallerItemsPerDay"}, nothing]}
    runtime = {
        "RUNTIME_SETTINGS": {"Fn::If": ["RuntimeSettingsOn", {"Fn::Sub": "${AWS::StackName}/live/settings"}, nothing]}
    }
    assert variables == {
        "GuardInput": runtime,
        "APIHandler": runtime
        | {
            "STATE_MACHINE_ARN": {"Fn::If": ["VersionsOn", {"Ref": "ChatAlias"}, {"Ref": "ChatStateMachine"}]},
            "EXPRESS_STATE_MACHINE_ARN": {"Fn::If": ["ExpressOn", {"Ref": "ChatExpressStateMachine"}, nothing]},
            "ANSWER_TABLE": {"Ref": "AnswerTable"},
            "REVIEW_STATE_MACHINE_ARN": {"Fn::If": ["ReviewOn", {"Ref": "ReviewStateMachine"}, nothing]},
            "CHAT_OPERATORS": {"Ref": "Operators"},
            "CALLER_GROUPS": {"Ref": "CallerGroups"},
            "CALLER_TABLE": table,
            "CALLER_QUESTIONS_PER_MINUTE": {
                "Fn::If": ["QuestionsAreLimited", {"Ref": "CallerQuestionsPerMinute"}, nothing]
            },
            "CALLER_ITEMS_PER_DAY": items,
            "EVALUATION_STATE_MACHINE_ARN": {"Ref": "EvaluateStateMachine"},
            "EVALUATION_BUCKET": {"Ref": "ResultsBucket"},
            "EVALUATION_CORPUS_BUCKET": {"Ref": "CorpusBucket"},
        },
        "FindAnswer": {
            "ANSWER_BANK": {"Fn::If": ["AssistantOn", {"Fn::Sub": "s3://${AnswerBankBucket}/answers/"}, nothing]}
        },
        "Stream": runtime
        | {
            "STATE_MACHINE_ARN": {"Fn::If": ["VersionsOn", {"Ref": "ChatAlias"}, {"Ref": "ChatStateMachine"}]},
            "ANSWER_TABLE": {"Ref": "AnswerTable"},
            "CALLER_TABLE": table,
            "CALLER_QUESTIONS_PER_MINUTE": {
                "Fn::If": ["QuestionsAreLimited", {"Ref": "CallerQuestionsPerMinute"}, nothing]
            },
            "CALLER_ITEMS_PER_DAY": items,
            "STREAM_ORIGINS": {"Ref": "StreamOrigins"},
        },
        "ExportTrace": {
            "OTEL_EXPORTER_OTLP_ENDPOINT": {"Ref": "OtlpEndpoint"},
            "OTEL_EXPORTER_OTLP_HEADERS": {"Ref": "OtlpHeaders"},
        },
        "NotifyListener": runtime
        | {
            "STATE_MACHINE_ARN": {"Fn::If": ["VersionsOn", {"Ref": "ChatAlias"}, {"Ref": "ChatStateMachine"}]},
            "ANSWER_TABLE": {"Ref": "AnswerTable"},
        },
        "PrepareCorpus": {
            "CALLER_TABLE": table,
            "CALLER_ITEMS_PER_DAY": items,
            "EVALUATION_MAX_COST": {"Ref": "EvaluationMaxCost"},
            "EVALUATION_MAX_BYTES": {"Ref": "EvaluationMaxBytes"},
            "EVALUATION_MAX_ITEMS": {"Ref": "EvaluationMaxItems"},
            "EVALUATION_MAX_TEXT_UNITS": {"Ref": "EvaluationMaxTextUnits"},
        },
    }


def test_the_limits_of_a_corpus_are_those_of_the_command(built: Built) -> None:
    """One default for both, and a variable for each limit."""
    names = {"cost": "Cost", "bytes": "Bytes", "items": "Items", "text_units": "TextUnits"}
    defaults = {name: built.template["Parameters"][f"EvaluationMax{word}"]["Default"] for name, word in names.items()}
    assert defaults == Limits().to_document()
    variables = built.resources("AWS::Serverless::Function")["PrepareCorpus"]["Environment"]["Variables"]
    assert set(variables) >= set(VARIABLES.values())


@pytest.mark.parametrize(("parameter", "choices"), [("ModelApi", ModelApi), ("ImportedBody", ImportedBody)])
def test_parameters_offer_what_the_settings_know(built: Built, parameter: str, choices: type[ModelApi]) -> None:
    """A choice that the code has can be deployed, and no other."""
    assert built.template["Parameters"][parameter]["AllowedValues"] == [str(choice) for choice in choices]


def test_every_parameter_is_documented(built: Built) -> None:
    """docs/operate/packaging.md lists each parameter and invents none."""
    text = (ROOT / "docs" / "operate" / "packaging.md").read_text(encoding="utf-8")
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
    assert {("/chat", "post"), ("/chat/{execution}", "get"), ("/health", "get")} <= set(routes)
    closed = {"Fn::If": ["CallersAreCognitoUsers", [{"UserPool": []}], [{"Signature": []}]]}
    assert all(security == closed for security in routes.values())
    assert body["securityDefinitions"]["Signature"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    pool = body["securityDefinitions"]["UserPool"]["Fn::If"][1]["x-amazon-apigateway-authorizer"]
    assert pool == {"type": "cognito_user_pools", "providerARNs": [{"Ref": "CognitoUserPoolArn"}]}
    stages = [
        item["Properties"]["StageName"] for item in resources.values() if item["Type"] == "AWS::ApiGateway::Stage"
    ]
    assert stages == ["v1"]
