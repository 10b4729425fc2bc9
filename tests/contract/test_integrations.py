"""Service integrations of the engine, with real clients against the embedded AWS's own endpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session

from embedded_aws.cloud import EmbeddedCloud

GUARDRAIL = {
    "name": "words",
    "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "No.",
    "wordPolicyConfig": {"wordsConfig": [{"text": "forbidden"}]},
}


@pytest.fixture(name="cloud", scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(tmp_path_factory.mktemp("cloud"), workers=1) as cloud:
        cloud.register([])
        yield cloud


def client(cloud: EmbeddedCloud, service: str) -> Any:
    """A plain client of a service of the cloud."""
    return Session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=cloud.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False, s3={"addressing_style": "path"}),
    )


def run(cloud: EmbeddedCloud, resource: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The end of an execution with one Task."""
    states = client(cloud, "stepfunctions")
    definition = {
        "StartAt": "Call",
        "States": {"Call": {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}},
    }
    name = f"m{time.monotonic_ns()}"
    machine = states.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::000000000000:role/test"
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        ended: dict[str, Any] = states.describe_execution(executionArn=execution)
        if ended["status"] != "RUNNING":
            return ended
        time.sleep(0.02)
    raise TimeoutError(resource)


def test_dynamodb_item_is_written_and_read(cloud: EmbeddedCloud) -> None:
    """The optimised integration and the SDK integration see the same table."""
    client(cloud, "dynamodb").create_table(
        TableName="answers",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "1"}, "text": {"S": 'it\'s "quoted"'}}
    put = run(cloud, "arn:aws:states:::dynamodb:putItem", {"TableName": "answers", "Item": item})
    assert put["status"] == "SUCCEEDED"
    key = {"TableName": "answers", "Key": {"id": {"S": "1"}}}
    got = run(cloud, "arn:aws:states:::aws-sdk:dynamodb:getItem", key)
    assert json.loads(got["output"])["Item"] == item


def test_messages_reach_queue_and_topic(cloud: EmbeddedCloud) -> None:
    """sqs:sendMessage and sns:publish arrive in the queue."""
    sqs, sns = client(cloud, "sqs"), client(cloud, "sns")
    queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="topic")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    parameters = {"QueueUrl": queue, "MessageBody": {"from": "sqs"}}
    assert run(cloud, "arn:aws:states:::sqs:sendMessage", parameters)["status"] == "SUCCEEDED"
    parameters = {"TopicArn": topic, "Message": "from sns"}
    assert run(cloud, "arn:aws:states:::sns:publish", parameters)["status"] == "SUCCEEDED"
    received = [
        message["Body"]
        for _ in range(2)
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    ]
    assert any(json.loads(body) == {"from": "sqs"} for body in received)
    assert any(json.loads(body).get("Message") == "from sns" for body in received)


def test_s3_object_of_any_bucket_is_written_and_read(cloud: EmbeddedCloud) -> None:
    """Buckets that clients create are the engine's as well."""
    client(cloud, "s3").create_bucket(Bucket="a-bucket")
    parameters = {"Bucket": "a-bucket", "Key": "k", "Body": {"a": 1}}
    assert run(cloud, "arn:aws:states:::aws-sdk:s3:putObject", parameters)["status"] == "SUCCEEDED"
    got = run(cloud, "arn:aws:states:::aws-sdk:s3:getObject", {"Bucket": "a-bucket", "Key": "k"})
    assert json.loads(json.loads(got["output"])["Body"]) == {"a": 1}


@pytest.mark.process
def test_model_and_guardrail_are_called_without_a_lambda(cloud: EmbeddedCloud) -> None:
    """bedrock:invokeModel, and ApplyGuardrail through the SDK integration."""
    body = {"prompt": "Say nothing.", "max_gen_len": 10}
    asked = run(cloud, "arn:aws:states:::bedrock:invokeModel", {"ModelId": "meta.echo", "Body": body})
    assert "Say nothing." in json.dumps(json.loads(asked["output"])["Body"])
    guardrail = client(cloud, "bedrock").create_guardrail(**GUARDRAIL)["guardrailId"]
    parameters = {
        "GuardrailIdentifier": guardrail,
        "GuardrailVersion": "DRAFT",
        "Source": "INPUT",
        "Content": [{"Text": {"Text": "This is forbidden."}}],
    }
    applied = run(cloud, "arn:aws:states:::aws-sdk:bedrockruntime:applyGuardrail", parameters)
    assert json.loads(applied["output"])["Action"] == "GUARDRAIL_INTERVENED"


def test_a_refused_call_fails_with_the_services_own_error(cloud: EmbeddedCloud) -> None:
    """Named as on AWS, after the SDK for Java."""
    parameters = {"TableName": "nowhere", "Key": {"id": {"S": "1"}}}
    ended = run(cloud, "arn:aws:states:::dynamodb:getItem", parameters)
    assert (ended["status"], ended["error"]) == ("FAILED", "DynamoDB.ResourceNotFoundException")


def test_state_folder_is_as_documented(cloud: EmbeddedCloud) -> None:
    """Databases, logs and buckets, nothing else a person must know of."""
    assert {"bedrock.sqlite3", "states.sqlite3", "lock"} <= {file.name for file in Path(cloud.home).iterdir()}
