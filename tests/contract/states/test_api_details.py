"""Details of the API that AWS was measured to have: versions, revisions, activities, TestState's inspection data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedded_aws.states.interpret.sdk_services import client_name, error_prefix, has_action
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.states.cloud import ROLE, Cloud

DEFINITION = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})


def test_a_version_has_its_description(cloud: Cloud) -> None:
    """DescribeStateMachine of the version's ARN; the state machine itself has none."""
    made = cloud.call(
        "CreateStateMachine", name="m", definition=DEFINITION, roleArn=ROLE, publish=True, versionDescription="first"
    )
    version = cloud.call("DescribeStateMachine", stateMachineArn=made["stateMachineVersionArn"])
    assert version["description"] == "first"
    assert "description" not in cloud.call("DescribeStateMachine", stateMachineArn=made["stateMachineArn"])


def test_new_settings_are_a_new_revision(cloud: Cloud) -> None:
    """Also when definition and role stay."""
    made = cloud.call("CreateStateMachine", name="m", definition=DEFINITION, roleArn=ROLE)
    arn = made["stateMachineArn"]
    first = cloud.call("UpdateStateMachine", stateMachineArn=arn, tracingConfiguration={"enabled": True})
    second = cloud.call("UpdateStateMachine", stateMachineArn=arn, tracingConfiguration={"enabled": False})
    same = cloud.call("UpdateStateMachine", stateMachineArn=arn, tracingConfiguration={"enabled": False})
    assert len({first["revisionId"], second["revisionId"]}) == 2
    assert same["revisionId"] == second["revisionId"]


def test_publishing_what_is_published_changes_its_description(cloud: Cloud) -> None:
    """Measured on AWS by moto's test_create_state_machine_with_version_description."""
    first = {"publish": True, "versionDescription": "first"}
    made = cloud.call("CreateStateMachine", name="m", definition=DEFINITION, roleArn=ROLE, **first)
    second = {"publish": True, "versionDescription": "second"}
    updated = cloud.call("UpdateStateMachine", stateMachineArn=made["stateMachineArn"], definition=DEFINITION, **second)
    assert updated["stateMachineVersionArn"] == made["stateMachineVersionArn"]
    version = cloud.call("DescribeStateMachine", stateMachineArn=updated["stateMachineVersionArn"])
    assert version["description"] == "second"


def test_a_new_state_machine_shows_no_revision_until_it_changes(cloud: Cloud) -> None:
    """Recorded on AWS: localstack/localstack, test_sfn_api_versioning.snapshot.json."""
    arn = cloud.call("CreateStateMachine", name="m", definition=DEFINITION, roleArn=ROLE)["stateMachineArn"]
    assert "revisionId" not in cloud.call("UpdateStateMachine", stateMachineArn=arn, definition=DEFINITION)
    assert "revisionId" not in cloud.call("DescribeStateMachine", stateMachineArn=arn)
    version = cloud.call("PublishStateMachineVersion", stateMachineArn=arn, revisionId="INITIAL")
    changed = cloud.call("UpdateStateMachine", stateMachineArn=arn, tracingConfiguration={"enabled": True})
    assert cloud.call("DescribeStateMachine", stateMachineArn=arn)["revisionId"] == changed["revisionId"]
    assert "revisionId" not in cloud.call("DescribeStateMachine", stateMachineArn=version["stateMachineVersionArn"])
    with pytest.raises(ServiceError, match="ConflictException"):
        cloud.call("PublishStateMachineVersion", stateMachineArn=arn, revisionId="INITIAL")


def test_a_page_token_is_for_its_own_request(cloud: Cloud) -> None:
    """Other filters need another list."""
    machine = cloud.machine({"S": {"Type": "Succeed"}})
    for _ in range(2):
        cloud.finish(machine)
    page = cloud.call("ListExecutions", stateMachineArn=machine, maxResults=1)
    more = {"stateMachineArn": machine, "nextToken": page["nextToken"]}
    assert len(cloud.call("ListExecutions", **more, maxResults=2)["executions"]) == 1
    with pytest.raises(ServiceError, match="Input inconsistent with page token"):
        cloud.call("ListExecutions", **more, statusFilter="FAILED")


@pytest.mark.parametrize("role", ["arn:aws:iam::1234:role/r", "arn:aws:iam::000000000000:user/u", "arn:x:iam:", "r"])
def test_a_role_is_the_arn_of_a_role(cloud: Cloud, role: str) -> None:
    """Of an account."""
    with pytest.raises(ServiceError, match="InvalidArn: Invalid Role Arn"):
        cloud.call("CreateStateMachine", name="m", definition=DEFINITION, roleArn=role)


def test_the_key_of_a_customer_has_a_name(cloud: Cloud) -> None:
    """Of state machines and activities."""
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsDataKeyReusePeriodSeconds": 123}
    with pytest.raises(ServiceError, match="InvalidEncryptionConfiguration"):
        cloud.call("CreateActivity", name="a", encryptionConfiguration=key)
    with pytest.raises(ServiceError, match="InvalidEncryptionConfiguration"):
        cloud.call("CreateStateMachine", name="m", definition=DEFINITION, roleArn=ROLE, encryptionConfiguration=key)


def test_an_activity_made_again_has_no_old_tags(cloud: Cloud) -> None:
    """Those of the deleted one are gone."""
    arn = cloud.call("CreateActivity", name="a", tags=[{"key": "k", "value": "v"}])["activityArn"]
    cloud.call("DeleteActivity", activityArn=arn)
    cloud.call("CreateActivity", name="a")
    assert cloud.call("ListTagsForResource", resourceArn=arn)["tags"] == []


def test_an_activity_keeps_its_encryption(cloud: Cloud) -> None:
    """It is shown, and another one is a conflict."""
    key = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/a"}
    arn = cloud.call("CreateActivity", name="a", encryptionConfiguration=key)["activityArn"]
    assert cloud.call("DescribeActivity", activityArn=arn)["encryptionConfiguration"] == key
    assert cloud.call("CreateActivity", name="a", encryptionConfiguration=key)["activityArn"] == arn
    with pytest.raises(ServiceError, match="ActivityAlreadyExists"):
        cloud.call("CreateActivity", name="a")


def test_an_unknown_token_is_found_before_a_bad_output(cloud: Cloud) -> None:
    """Both are wrong; the token decides."""
    with pytest.raises(ServiceError, match="InvalidToken"):
        cloud.call("SendTaskSuccess", taskToken="unknown", output="{")


@pytest.mark.parametrize("variables", ["[1]", "null", "1", '"text"', "{"])
def test_variables_that_are_no_object_are_refused(cloud: Cloud, variables: str) -> None:
    """A ValidationException, never an internal error."""
    state = json.dumps({"Type": "Pass", "End": True})
    with pytest.raises(ServiceError, match="ValidationException: Invalid variables"):
        cloud.call("TestState", definition=state, variables=variables)


def _inspected(cloud: Cloud, state: dict[str, Any], **params: Any) -> dict[str, Any]:
    answer = cloud.call("TestState", definition=json.dumps(state), inspectionLevel="TRACE", roleArn=ROLE, **params)
    return {
        key: json.loads(value) if isinstance(value, str) else value for key, value in answer["inspectionData"].items()
    }


def test_inspection_shows_the_variables_after_the_state(cloud: Cloud) -> None:
    """Those given, and those that the state assigned."""
    state = {"Type": "Pass", "Assign": {"b": 2}, "End": True}
    assert _inspected(cloud, state, variables='{"a": 1}')["variables"] == {"a": 1, "b": 2}


def test_inspection_shows_arguments_of_a_parallel(cloud: Cloud) -> None:
    """JSONata's Arguments."""
    branch = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    state = {"Type": "Parallel", "QueryLanguage": "JSONata", "Arguments": {"x": "{% 1 + 1 %}"}, "Branches": [branch]}
    seen = _inspected(cloud, {**state, "End": True}, mock={"result": "[1]"})
    assert seen["afterArguments"] == {"x": 2}


def test_inspection_shows_the_items_of_a_distributed_map(cloud: Cloud) -> None:
    """After ItemsPointer, ItemSelector and ItemBatcher."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
        "States": {"I": {"Type": "Pass", "End": True}},
    }
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/rows"},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    state = {
        "Type": "Map",
        "ItemReader": reader,
        "ItemSelector": {"n.$": "$$.Map.Item.Value"},
        "ItemBatcher": {"MaxItemsPerBatch": 2},
        "ItemProcessor": processor,
        "End": True,
    }
    data = {"mapItemReaderData": '{"rows": [1, 2, 3]}'}
    seen = _inspected(cloud, state, mock={"result": "[]"}, stateConfiguration=data)
    assert seen["afterItemsPointer"] == [1, 2, 3]
    assert seen["afterItemSelector"] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert seen["afterItemBatcher"] == [{"Items": [{"n": 1}, {"n": 2}]}, {"Items": [{"n": 3}]}]


@pytest.mark.parametrize(
    ("service", "name", "prefix"),
    [
        ("dynamodb", "dynamodb", "DynamoDb"),
        ("s3", "s3", "S3"),
        ("sfn", "stepfunctions", "Sfn"),
        ("sns", "sns", "Sns"),
        ("cloudwatchlogs", "logs", "CloudWatchLogs"),
        ("eventbridge", "events", "EventBridge"),
        ("bedrockagentruntime", "bedrock-agent-runtime", "BedrockAgentRuntime"),
        ("cognitoidentityprovider", "cognito-idp", "CognitoIdentityProvider"),
        ("config", "config", "Config"),
        ("elasticloadbalancingv2", "elbv2", "ElasticLoadBalancingV2"),
    ],
)
def test_services_have_the_names_of_the_sdk_for_java(service: str, name: str, prefix: str) -> None:
    """In integrations, and in front of their errors."""
    assert client_name(service) == name
    assert error_prefix(service, optimised=False) == prefix


@pytest.mark.parametrize(
    ("service", "action", "known"),
    [
        ("s3", "getObject", True),
        ("s3", "GetObject", False),
        ("s3", "foo", False),
        ("nosuch", "foo", False),
        ("sfn", "startExecution", True),
        ("lookoutvision", "startModel", True),
    ],
)
def test_an_action_that_no_service_has_is_not_recognized(service: str, action: str, known: bool) -> None:
    """The definition is refused when it is created."""
    assert has_action(service, action) is known


def test_max_items_is_the_limit_of_the_items_of_a_test(cloud: Cloud) -> None:
    """As in an execution."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
        "States": {"I": {"Type": "Pass", "End": True}},
    }
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/a", "MaxItems": 2},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    state = {"Type": "Map", "ItemProcessor": processor, "ItemReader": reader, "End": True}
    data = {"mapItemReaderData": '{"a": [1, 2, 3]}'}
    seen = _inspected(cloud, state, mock={"result": "[]"}, stateConfiguration=data)
    assert seen["afterItemsPointer"] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Unexpected end-of-input"),
        ("", "Invalid execution input."),
        ("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate entries"),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ("{} {}", "Unexpected character ('{' (code 123)): was expecting end of input"),
        ("[1,]", "Unexpected character (']' (code 93)): was expecting a valid value (JSON String"),
        ("nope", "Unrecognized token 'nope': was expecting (JSON String"),
        ("\ud800", "the text is not UTF-8"),
    ],
)
def test_text_that_is_no_json_is_explained_in_the_words_of_awss_parser(cloud: Cloud, text: str, message: str) -> None:
    """Three of them are recorded on AWS: localstack/localstack, test_sfn_api.snapshot.json."""
    machine = cloud.machine({"S": {"Type": "Succeed"}})
    with pytest.raises(ServiceError) as refused:
        cloud.call("StartExecution", stateMachineArn=machine, input=text)
    assert f"Invalid State Machine Execution Input: '{message}" in refused.value.message


@pytest.mark.parametrize("field", ["Assign", "Credentials"])
def test_a_field_that_is_null_is_no_field(cloud: Cloud, field: str) -> None:
    """AWS accepts it."""
    resource = "arn:aws:lambda:us-east-1:000000000000:function:echo"
    done = cloud.finish(cloud.machine({"S": {"Type": "Task", "Resource": resource, field: None, "End": True}}))
    assert done["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("resource", "arguments", "fault"),
    [
        ("lambda:invoke", {}, "The field 'FunctionName' is required but was missing"),
        ("states:startExecution", {}, "The field 'StateMachineArn' is required but was missing"),
        ("states:startExecution", {"StateMachineArn": "a", "Name": 1}, "The value for the field 'Name' is not valid"),
    ],
)
def test_parameters_that_a_service_cannot_take_fail_the_state(
    cloud: Cloud, resource: str, arguments: dict[str, Any], fault: str
) -> None:
    """In AWS's words."""
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": arguments, "End": True}
    done = cloud.finish(cloud.machine({"S": state}))
    assert done["error"] == "States.Runtime"
    assert done["cause"].endswith(f"could not be used to start the Task: [{fault}]")


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ([(":1", 70), (":2", 29)], "Sum of routing configuration weights must equal 100. Received: [70, 29]"),
        ([(":1", 50), (":1", 50)], "Routing configuration must contain distinct state machine version ARNs. Received:"),
        ([("", 100)], "Routing configuration must contain state machine version ARNs. Received: [{arn}]"),
        ([("", 50), (":2", 50)], "must contain state machine version ARNs. Received: [{arn}, {arn}:2]"),
    ],
)
def test_a_routing_that_aws_refuses_is_refused_in_its_words(
    cloud: Cloud, routes: list[tuple[str, int]], message: str
) -> None:
    """Recorded on AWS: localstack/localstack, test_sfn_api_aliasing.snapshot.json."""
    arn = cloud.machine({"S": {"Type": "Succeed"}})
    routing = [{"stateMachineVersionArn": f"{arn}{end}", "weight": weight} for end, weight in routes]
    with pytest.raises(ServiceError) as refused:
        cloud.call("CreateStateMachineAlias", name="a", routingConfiguration=routing)
    assert refused.value.code == "ValidationException"
    assert message.format(arn=arn) in refused.value.message


@pytest.mark.parametrize("name", ["123", "a b", "!a", "a@", "A" * 81])
def test_a_name_that_no_alias_may_have_is_refused(cloud: Cloud, name: str) -> None:
    """Before its routing is looked at."""
    routing = [{"stateMachineVersionArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m:1", "weight": 100}]
    with pytest.raises(ServiceError, match=r"1 validation error detected: Value '.*' at 'name' failed to satisfy"):
        cloud.call("CreateStateMachineAlias", name=name, routingConfiguration=routing)
