"""Services that only moto emulates, and services that are missing: never an empty success, a page or a traceback."""

from __future__ import annotations

import http.client
import logging
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from embedded_aws.endpoint import Endpoint, moto_app
from embedded_aws.endpoint.pretended import is_pretended
from embedded_aws.wire import HttpRequest, HttpResponse, JsonService
from embedded_aws.wire.caller import Caller
from embedded_aws.wire.services import known_services

SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"


@pytest.fixture(name="endpoint", scope="module")
def _endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint({"states": [JsonService("stepfunctions", object())]}, port=0, threads=4)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def _client(endpoint: Endpoint, service: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, parameter_validation=False),
    )  # fmt: skip


def _send(
    endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("kendra", "query", {}),  # json; moto has no such service
        ("translate", "translate_text", {}),
        ("healthlake", "list_fhir_datastores", {}),
        ("bedrock-agent-runtime", "retrieve_and_generate", {"input": {"text": "a"}}),  # rest-json
        ("lex-runtime", "post_text", {"botName": "a", "botAlias": "b", "userId": "c", "inputText": "d"}),
        ("cloudsearch", "describe_domains", {}),  # query
        ("arc-region-switch", "list_plans", {}),  # cbor or json
        ("ec2", "describe_verified_access_groups", {}),  # ec2; moto has the service
        ("iam", "generate_service_last_accessed_details", {}),
        ("cloudwatch", "get_metric_widget_image", {}),  # cbor
        ("cloudfront", "list_streaming_distributions", {}),  # rest-xml
        ("route53", "list_traffic_policies", {}),
        ("dynamodb", "list_imports", {}),  # json
        ("glue", "list_blueprints", {}),
        ("apigateway", "get_sdk_types", {}),  # rest-json
        ("mailmanager", "create_archive", {"ArchiveName": "a"}),  # signed like ses
        ("s3files", "list_file_systems", {}),  # moto takes it for S3
        ("kafka", "list_nodes", {"ClusterArn": "a"}),
        ("polly", "start_speech_synthesis_task", {}),  # its methods in moto have other names
        ("xray", "get_insight_summaries", {}),
        ("batch", "list_consumable_resources", {}),
        ("s3", "get_bucket_analytics_configuration", {"Bucket": "a", "Id": "b"}),
        ("s3", "put_bucket_abac", {"Bucket": "a", "AbacStatus": {"Status": "Enabled"}}),  # moto makes a bucket
        ("stepfunctions", "describe_map_run", {}),  # ours, without arguments
        ("stepfunctions", "send_task_success", {}),
    ],
)
def test_what_is_missing_is_named(
    endpoint: Endpoint, service: str, operation: str, arguments: Mapping[str, Any]
) -> None:
    """501 with the operation's name, as an error that the client of each protocol reads, whatever the arguments."""
    client = _client(endpoint, service)
    name = client.meta.method_to_api_mapping[operation]
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error["Error"]["Code"] in ("NotImplemented", "UnknownOperationException")
    assert f"does not implement {service}:{name}" in error["Error"]["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("comprehend", "detect_pii_entities", {"Text": "My name is Ann.", "LanguageCode": "en"}),
        ("comprehend", "detect_sentiment", {"Text": "Good.", "LanguageCode": "en"}),
        ("comprehend", "start_pii_entities_detection_job", {}),
        ("rekognition", "detect_labels", {"Image": {"Bytes": b"x"}}),
        ("rekognition", "detect_text", {"Image": {"Bytes": b"x"}}),
        ("textract", "detect_document_text", {"Document": {"Bytes": b"x"}}),
        ("transcribe", "start_transcription_job", {"TranscriptionJobName": "a", "Media": {"MediaFileUri": "s3://a/b"}}),
        ("polly", "synthesize_speech", {"OutputFormat": "mp3", "Text": "Hi", "VoiceId": "Joanna"}),
        ("athena", "start_query_execution", {"QueryString": "SELECT 1"}),
        ("rds-data", "execute_statement", {"resourceArn": "a" * 20, "secretArn": "a" * 20, "sql": "SELECT 1"}),
        ("redshift-data", "execute_statement", {"Sql": "SELECT 1", "ClusterIdentifier": "a"}),
        ("timestream-query", "query", {"QueryString": "SELECT 1"}),
        ("events", "test_event_pattern", {"EventPattern": "{}", "Event": "{}"}),
        ("ssm", "send_command", {"DocumentName": "AWS-RunShellScript"}),
        ("codebuild", "start_build", {"projectName": "a"}),
        ("glue", "start_job_run", {"JobName": "a"}),
        ("batch", "submit_job", {"jobName": "a", "jobQueue": "b", "jobDefinition": "c"}),
        ("sagemaker", "create_training_job", {"TrainingJobName": "a"}),
        ("inspector2", "list_findings", {}),
        ("xray", "get_service_graph", {"StartTime": 0, "EndTime": 1}),
        ("ecr", "describe_image_scan_findings", {"repositoryName": "a", "imageId": {"imageTag": "b"}}),
        ("ce", "get_cost_and_usage", {"TimePeriod": {"Start": "a", "End": "b"}, "Granularity": "DAILY", "Metrics": []}),
    ],
)
def test_what_moto_would_invent_is_refused(
    endpoint: Endpoint, service: str, operation: str, arguments: Mapping[str, Any]
) -> None:
    """An analysis, a query or a job that never ran is no success."""
    client = _client(endpoint, service)
    with pytest.raises(ClientError, match=r"does not implement .* invent the answer") as caught:
        getattr(client, operation)(**arguments)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_the_refused_operations_exist() -> None:
    """A name that botocore does not have would refuse nothing."""
    from embedded_aws.endpoint.pretended import _PRETENDED
    from embedded_aws.wire.models import service_model

    for service, operations in _PRETENDED.items():
        names = set(service_model(service).operation_names) | {"*"}
        assert operations <= names, service
    assert not is_pretended("comprehend", "ListFlywheels")
    assert is_pretended("textract", "AnalyzeID")


def test_what_moto_has_still_works(endpoint: Endpoint) -> None:
    """One service of each protocol; nothing that exists is refused. All tests of a process share moto's state."""
    sqs = _client(endpoint, "sqs")
    url = sqs.create_queue(QueueName="other")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "m"
    table = {"AttributeName": "id", "KeyType": "HASH"}
    _client(endpoint, "dynamodb").create_table(
        TableName="other", KeySchema=[table], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    assert _client(endpoint, "dynamodb").list_tables()["TableNames"].count("other") == 1
    assert (
        _client(endpoint, "iam").create_role(RoleName="other", AssumeRolePolicyDocument="{}")["Role"]["RoleName"]
        == "other"
    )
    assert _client(endpoint, "ec2").describe_vpcs()["Vpcs"]
    assert _client(endpoint, "route53").list_hosted_zones()["MaxItems"]
    assert _client(endpoint, "apigateway").create_rest_api(name="a")["name"] == "a"
    cloudwatch = _client(endpoint, "cloudwatch")
    cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert "m" in [metric["MetricName"] for metric in cloudwatch.list_metrics(Namespace="n")["Metrics"]]
    s3 = _client(endpoint, "s3")
    s3.create_bucket(Bucket="other-bucket")
    s3.put_bucket_versioning(Bucket="other-bucket", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="other-bucket")["Status"] == "Enabled"
    s3.put_bucket_tagging(Bucket="other-bucket", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    with pytest.raises(ClientError) as caught:
        s3.head_bucket(Bucket="no-such-bucket")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    page = b"<!doctype html><html>hello</html>"
    s3.put_object(Bucket="other-bucket", Key="a.html", Body=page)
    assert s3.get_object(Bucket="other-bucket", Key="a.html")["Body"].read() == page
    assert _client(endpoint, "polly").describe_voices()["Voices"]
    assert _client(endpoint, "elbv2").describe_load_balancers()["LoadBalancers"] is not None
    assert _client(endpoint, "batch").describe_job_queues()["jobQueues"] is not None


def test_where_moto_fails_the_operation_is_named(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A gap that raises an exception in moto: 501, the place in the log, and no user text anywhere."""
    secret = "violets are blue"
    with caplog.at_level(logging.ERROR), pytest.raises(ClientError, match="moto raised ") as caught:
        _client(endpoint, "dynamodb").create_table(TableName=secret)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "dynamodb:CreateTable" in caught.value.response["Error"]["Message"]
    assert "moto failed at dynamodb:CreateTable: " in caplog.text
    assert secret not in caplog.text + str(caught.value) + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("apigateway", "GET", "/no/such/path"),
        ("apigateway", "PATCH", "/restapis"),
        ("route53", "GET", "/2013-04-01/nothing"),
        ("bedrock", "GET", "/nothing"),
        ("kendra", "GET", "/"),
        ("lambda", "GET", "/2015-03-31/nothing"),
        ("states", "GET", "/"),
        ("made-up", "GET", "/a"),
        ("execute-api", "GET", "/a"),
        ("iam", "GET", "/%00/<script>"),
        ("es", "GET", "/x"),
        ("mediastore", "POST", "/x"),
        ("dynamodb", "GET", "/"),
        ("sqs", "DELETE", "/a/b/c"),
        ("cognito-idp", "GET", "/oauth2/token"),
    ],
)
def test_a_path_of_no_operation_is_an_error(endpoint: Endpoint, service: str, method: str, path: str) -> None:
    """Never a page, and never a 500."""
    status, kind, body = _send(endpoint, method, path, {"Authorization": SIGNED.format(service)})
    assert status in (400, 403, 404, 405, 501), body
    assert "html" not in kind
    assert b"<html" not in body.lower()
    assert body


def test_motos_copies_of_our_services_never_answer(endpoint: Endpoint) -> None:
    """What our Step Functions does not have is not taken from moto's, whichever way the request names it."""
    body = b'{"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:x"}'
    headers = {"X-Amz-Target": "AWSStepFunctions.NoSuchOperation", "Authorization": SIGNED.format("states")}
    assert _send(endpoint, "POST", "/", headers, body)[0] in (400, 404, 501)
    for service, path in (("lambda", "/2015-03-31/functions/"), ("bedrock", "/guardrails")):
        status, _, answer = _send(endpoint, "GET", path, {"Authorization": SIGNED.format(service)})
        assert (status, b"does not implement" in answer) == (501, True)
    headers = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines", "Authorization": SIGNED.format("sqs")}
    assert _send(endpoint, "POST", "/", headers, b"{}")[0] in (400, 404, 501)


def test_every_service_of_botocore_is_known() -> None:
    """By its signing name and protocol, read without loading the models."""
    known = known_services()
    assert set(boto3.Session().get_available_services()) == set(known)
    assert known["stepfunctions"].signing_name == "states"
    assert known["ec2"].protocol == "ec2"
    assert known["dynamodb"].target_prefix == "DynamoDB_20120810"
    assert {service.name for service in known.values() if service.signing_name == "bedrock"} >= {
        "bedrock", "bedrock-runtime", "bedrock-agent",
    }  # fmt: skip


def test_requests_of_motos_dynamodb_run_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its conditional writes and transactions are not atomic: two at once would pass the same condition."""
    running = most = 0

    def call(_: object, __: object) -> HttpResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1
        return HttpResponse(200, {}, b"{}")

    monkeypatch.setattr(moto_app, "_call", call)
    moto = moto_app.MotoApp("123456789012")
    application = SimpleNamespace(service="dynamodb")
    monkeypatch.setattr(moto, "_loaded", lambda: SimpleNamespace(get_application=lambda _: application))
    request = HttpRequest("POST", "/", "", {"x-amz-target": "DynamoDB_20120810.TransactWriteItems"}, b"{}")

    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: moto.handle({"PATH_INFO": "/"}, request, Caller()), range(4)))

    assert ([reply.status for reply in replies], most) == ([200] * 4, 1)
