"""One running endpoint, called by boto3 and by raw requests."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from requests.structures import CaseInsensitiveDict

from embedded_aws.endpoint import Endpoint, HttpApi
from embedded_aws.endpoint.connections import Connection
from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.lambda_.service import LambdaBackend
from embedded_aws.wire import Account, HttpRequest, HttpResponse, JsonService, ServiceError
from tests.fakes.waiting import until

ACCOUNT = Account(account_id="210987654321")
SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"
SECRET_TEXT = "violets are blue"


class FakeStates:
    """Step Functions that knows nothing."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.meeting = Barrier(20)

    def start_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        return {"executionArn": f"{request['stateMachineArn']}:1", "startDate": datetime.now(UTC)}

    def start_sync_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {"executionArn": "arn", "startDate": now, "stopDate": now, "status": "SUCCEEDED", "output": "{}"}

    def describe_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("ExecutionDoesNotExist", "Execution Does Not Exist", 400)

    def list_activities(self, request: dict[str, Any]) -> dict[str, Any]:
        self.meeting.wait(10)
        return {"activities": []}


class FakeBedrock:
    """Both Bedrock services."""

    def list_guardrails(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"guardrails": []}

    def converse(self, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": request["modelId"]}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
            "metrics": {"latencyMs": 1},
        }


class BrokenService(JsonService):
    """A service with a fault that nothing in it catches."""

    def handle(self, request: HttpRequest) -> HttpResponse:
        raise KeyError(request.body.decode())


APP = """
def hello(event, context):
    return {"hello": event}

def api(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": event["body"] or ""}
"""


class KnownRoutes(Functions):
    """Functions whose routes are known without a worker."""

    def routes(self, name_or_arn: str, timeout: float) -> list[tuple[str, str]]:
        """The routes of the API."""
        return [("POST", "/chat"), ("GET", "/health")]


@pytest.fixture(scope="module")
def states() -> FakeStates:
    """The fake behind the endpoint."""
    return FakeStates()


@pytest.fixture(scope="module")
def endpoint(states: FakeStates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint with all kinds of services behind it."""
    root = tmp_path_factory.mktemp("project")
    (root / "app.py").write_text(APP, encoding="utf-8")
    functions = KnownRoutes(ACCOUNT, root / "logs", workers=1)
    functions.register(FunctionConfig("hello", "app.hello", root, timeout=10.0))
    functions.register(FunctionConfig("api_handler", "app.api", root, timeout=10.0))
    bedrock = FakeBedrock()
    endpoint = Endpoint(
        {
            "states": [JsonService("stepfunctions", states)],
            "bedrock": [JsonService("bedrock", bedrock), JsonService("bedrock-runtime", bedrock)],
            "lambda": [JsonService("lambda", LambdaBackend(functions))],
            "sagemaker": [BrokenService("sagemaker-runtime", object())],
        },
        HttpApi("api_handler"),
        port=0,
        functions=functions,
        account=ACCOUNT,
    )
    endpoint.start()
    yield endpoint
    endpoint.stop()
    functions.close()


def client(endpoint: Endpoint, service: str, **config: Any) -> Any:
    """A boto3 client that knows nothing but the endpoint's address."""
    return boto3.client(
        service, endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="AKID",
        aws_secret_access_key="secret", config=Config(retries={"total_max_attempts": 1}, **config),
    )  # fmt: skip


def ask(
    endpoint: Endpoint, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None,
    *, chunked: bool = False,
) -> tuple[int, bytes, Mapping[str, str]]:  # fmt: skip
    """One request by hand: status, body, headers."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)
    try:
        connection.request(method, path, body, dict(headers or {}), encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read(), CaseInsensitiveDict(response.getheaders())
    finally:
        connection.close()


MACHINE = "arn:aws:states:us-east-1:210987654321:stateMachine:chat"


def test_states_are_ours(endpoint: Endpoint, states: FakeStates) -> None:
    """boto3's call arrives with its parameters, and an error comes back as the modelled exception."""
    sfn = client(endpoint, "stepfunctions")
    assert sfn.start_execution(stateMachineArn=MACHINE, input='{"a": "é"}')["executionArn"] == f"{MACHINE}:1"
    assert states.asked[-1]["input"] == '{"a": "é"}'
    with pytest.raises(sfn.exceptions.ExecutionDoesNotExist, match="Execution Does Not Exist"):
        sfn.describe_execution(executionArn=f"{MACHINE}:2")


def test_the_sync_prefix_of_the_host_is_tolerated(endpoint: Endpoint) -> None:
    """StartSyncExecution works with botocore's host prefix and without."""
    sfn = client(endpoint, "stepfunctions", inject_host_prefix=False)
    assert sfn.start_sync_execution(stateMachineArn=MACHINE)["status"] == "SUCCEEDED"
    headers = {
        "Host": f"sync-localhost:{endpoint.port}",
        "Authorization": SIGNED.format("states"),
        "X-Amz-Target": "AWSStepFunctions.StartSyncExecution",
    }
    assert ask(endpoint, "POST", "/", json.dumps({"stateMachineArn": MACHINE}), headers)[0] == 200


def test_both_bedrock_services_share_a_signing_name(endpoint: Endpoint) -> None:
    """The path distinguishes them, also with an ARN as model id."""
    assert client(endpoint, "bedrock").list_guardrails()["guardrails"] == []
    model = "arn:aws:bedrock:us-east-1:210987654321:imported-model/abcdefghijkl"
    answer = client(endpoint, "bedrock-runtime").converse(
        modelId=model, messages=[{"role": "user", "content": [{"text": "hi"}]}]
    )
    assert answer["output"]["message"]["content"] == [{"text": model}]


def test_bedrock_takes_an_api_key(endpoint: Endpoint) -> None:
    """A bearer token has no credential scope; the operation decides. (boto3 sends tokens over TLS only.)"""
    status, body, _ = ask(endpoint, "GET", "/guardrails", headers={"Authorization": "Bearer bedrock-api-key-x"})
    assert (status, json.loads(body)) == (200, {"guardrails": []})


@pytest.mark.process
def test_lambdas_are_invoked(endpoint: Endpoint) -> None:
    """boto3's invoke runs the project's handler, called by name or by ARN."""
    arn = "arn:aws:lambda:us-east-1:210987654321:function:hello"
    for name in ("hello", arn, f"{arn}:$LATEST"):
        answer = client(endpoint, "lambda").invoke(FunctionName=name, Payload=b'"you"')
        assert json.loads(answer["Payload"].read()) == {"hello": "you"}


def test_other_services_are_motos(endpoint: Endpoint) -> None:
    """S3 takes and gives objects of any name and size, by presigned URLs as well, in the endpoint's account."""
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket="corpus")
    large = bytes(range(256)) * 8192
    s3.put_object(Bucket="corpus", Key="a b/ü+%.txt", Body=large, Metadata={"kind": "test"})
    answer = s3.get_object(Bucket="corpus", Key="a b/ü+%.txt")
    assert answer["Body"].read() == large
    assert answer["Metadata"] == {"kind": "test"}
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="corpus")["Contents"]] == ["a b/ü+%.txt"]
    with urlopen(s3.generate_presigned_url("get_object", {"Bucket": "corpus", "Key": "a b/ü+%.txt"})) as response:
        assert response.read() == large
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="corpus", Key="gone")
    assert client(endpoint, "sts").get_caller_identity()["Account"] == "210987654321"
    sqs = client(endpoint, "sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "m"


def test_a_service_that_nobody_has_is_an_error(endpoint: Endpoint, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither moto nor we: 501, and nothing on stdout."""
    with pytest.raises(ClientError, match="does not implement"):
        client(endpoint, "kendra").list_indices()
    with pytest.raises(ClientError, match="embedded AWS does not implement stepfunctions:DescribeActivity"):
        client(endpoint, "stepfunctions").describe_activity(
            activityArn="arn:aws:states:us-east-1:210987654321:activity:a"
        )
    assert capfd.readouterr() == ("", "")


@pytest.mark.process
def test_chunked_bodies_arrive(endpoint: Endpoint) -> None:
    """Transfer-Encoding: chunked works for our services and, with AWS's own chunks, for S3."""
    headers = {"Authorization": SIGNED.format("lambda"), "Transfer-Encoding": "chunked"}
    path = "/2015-03-31/functions/hello/invocations"
    status, body, _ = ask(endpoint, "POST", path, [b'{"a"', b": 1}"], headers, chunked=True)
    assert (status, json.loads(body)) == (200, {"hello": {"a": 1}})
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket="chunks")
    headers = {
        "Authorization": SIGNED.format("s3"),
        "Content-Encoding": "aws-chunked",
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "X-Amz-Decoded-Content-Length": "5",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        "Transfer-Encoding": "chunked",
    }
    chunks = [b"5\r\nhel", b"lo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"]
    assert ask(endpoint, "PUT", "/chunks/key", chunks, headers, chunked=True)[0] == 200
    assert s3.get_object(Bucket="chunks", Key="key")["Body"].read() == b"hello"


@pytest.mark.process
def test_the_http_api_is_reached_unsigned_and_signed(endpoint: Endpoint) -> None:
    """Its paths go to the Lambda behind it; a path beside its routes gets the gateway's answer."""
    for headers in ({}, {"Authorization": SIGNED.format("execute-api")}):
        status, body, answered = ask(endpoint, "POST", "/chat?x=1", "naïve".encode(), headers)
        assert (status, body, answered["Content-Type"]) == (200, "naïve".encode(), "text/plain")
    assert ask(endpoint, "GET", "/chat/nothing")[0] == 403


def test_a_bucket_may_be_called_like_a_route(endpoint: Endpoint) -> None:
    """What is signed for S3 is S3's, whatever its path."""
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket="health")
    s3.put_object(Bucket="health", Key="k", Body=b"v")
    assert s3.get_object(Bucket="health", Key="k")["Body"].read() == b"v"


def test_unsigned_requests_to_our_services_are_refused(endpoint: Endpoint) -> None:
    """As on AWS: 403 MissingAuthenticationToken, before the body is looked at."""
    status, body, _ = ask(endpoint, "POST", "/2015-03-31/functions/hello/invocations", b"{}")
    assert (status, json.loads(body)["__type"]) == (403, "MissingAuthenticationTokenException")
    assert ask(endpoint, "POST", "/", b"{}", {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"})[0] == 403


def test_web_pages_of_others_are_refused(endpoint: Endpoint) -> None:
    """A post from another origin and a rebound name get 403, and no answer ever allows cross-origin reading."""
    assert ask(endpoint, "POST", "/chat", b"{}", {"Origin": "https://evil.example"})[0] == 403
    assert ask(endpoint, "GET", "/health", headers={"Host": "evil.example"})[0] == 403
    for path in ("/", "/health", "/corpus"):
        headers = {"Authorization": SIGNED.format("s3")} if path == "/corpus" else {}
        assert not any(
            name.lower().startswith("access-control") for name in ask(endpoint, "GET", path, None, headers)[2]
        )


def test_strangers_get_a_short_help(endpoint: Endpoint) -> None:
    """`GET /` says what this is; any other request that is not for AWS is a 404 with the same text."""
    status, body, _ = ask(endpoint, "GET", "/")
    assert status == 200
    assert json.loads(body)["http api"] == ["/chat", "/health"]
    for method, path in (
        ("GET", "/favicon.ico"),
        ("POST", "/x/y"),
        ("GET", "//"),
        ("OPTIONS", "*"),
        ("GET", "http://localhost"),
    ):
        assert ask(endpoint, method, path)[0] in (200, 404)
    assert ask(endpoint, "HEAD", "/")[:2] == (200, b"")


def test_a_service_that_fails_is_a_500_without_traceback(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The client gets an AWS error, the log the place, and neither has the request's text."""
    sagemaker = client(endpoint, "sagemaker-runtime")
    with pytest.raises(ClientError, match="InternalFailure") as caught:
        sagemaker.invoke_endpoint(EndpointName="e", Body=SECRET_TEXT.encode())
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert "KeyError while answering a request, at test_endpoint_routing.py:" in caplog.text
    assert SECRET_TEXT not in caplog.text + "".join(capfd.readouterr()) + str(caught.value)


def test_a_body_beyond_all_services_is_refused(endpoint: Endpoint) -> None:
    """33 MB to an embedded service is a 413."""
    headers = {"Authorization": SIGNED.format("lambda")}
    path = "/2015-03-31/functions/hello/invocations"
    assert ask(endpoint, "POST", path, b"x" * (33 * 1024 * 1024), headers)[0] == 413


@pytest.mark.process
def test_an_answer_is_one_write_without_delay(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Header and body leave together, and TCP_NODELAY is set: no client waits for a delayed acknowledgement."""
    sent: list[tuple[int, bytes]] = []
    made = Connection.connection_made

    def watched(self: Connection, transport: Any) -> None:
        write = transport.write

        def record(data: bytes) -> None:
            connected = transport.get_extra_info("socket")
            sent.append((connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), data))
            write(data)

        transport.write = record
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", watched)
    ask(endpoint, "GET", "/")
    ask(endpoint, "POST", "/chat", b"text")
    assert len(sent) == 2
    assert all(nodelay and data.startswith(b"HTTP/1.1 200 OK\r\n") for nodelay, data in sent)
    assert sent[1][1].endswith(b"\r\n\r\ntext")


def test_many_requests_wait_at_the_same_time(endpoint: Endpoint) -> None:
    """Twenty calls that all wait for each other are answered."""
    sfn = client(endpoint, "stepfunctions", max_pool_connections=20)
    with ThreadPoolExecutor(20) as threads:
        assert [answer["activities"] for answer in threads.map(lambda _: sfn.list_activities(), range(20))] == [[]] * 20


@pytest.mark.process
def test_stop_does_not_wait_for_requests_for_long(tmp_path: Path) -> None:
    """A request under way is given a second, then the connection is closed."""
    fake = FakeStates()
    endpoint = Endpoint({"states": [JsonService("stepfunctions", fake)]}, port=0, threads=2)
    endpoint.start()
    sfn = client(endpoint, "stepfunctions")
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(sfn.list_activities)
        while not fake.meeting.n_waiting:
            pass
        endpoint.stop()
        error = waiting.exception(5)
        fake.meeting.abort()
    assert error is not None


@pytest.mark.process
def test_stop_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Requests that nobody has taken up yet are dropped without a warning on the terminal."""
    fake = FakeStates()
    endpoint = Endpoint({"states": [JsonService("stepfunctions", fake)]}, port=0, threads=1)
    endpoint.start()
    sfn = client(endpoint, "stepfunctions", max_pool_connections=3)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(sfn.list_activities) for _ in range(3)]
        while not fake.meeting.n_waiting:
            pass
        # a caller cannot see that its request is queued
        assert until(lambda: endpoint._threads.waiting == 2)
        endpoint.stop()
        errors = [answer.exception(5) for answer in asked]
        fake.meeting.abort()
    assert None not in errors
    assert not [
        record for record in caplog.records if record.name.startswith(("uvicorn", "asyncio", "embedded_aws.endpoint"))
    ]
