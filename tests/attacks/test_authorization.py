"""Malformed Authorization headers and presigned links: a 4xx in the client's protocol, whatever the route."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

import pytest

from embedded_aws.apigateway.routes import Route
from embedded_aws.endpoint import Endpoint, HttpApi
from embedded_aws.endpoint.router import Service
from embedded_aws.lambda_.config import InvokeResult
from embedded_aws.s3.buckets import Buckets, BucketService
from embedded_aws.wire import JsonService
from stepguard.webserver.site import Site

SCOPE = "/20261122/us-east-1/{}/aws4_request"
REST = "SignedHeaders=host, Signature=00"
MALFORMED = {
    "algorithm only": "AWS4-HMAC-SHA256",
    "blank": "AWS4-HMAC-SHA256 ",
    "unknown algorithm": "AWS4-X",
    "version 5": f"AWS4-HMAC-MD5 Credential=AKID{SCOPE.format('states')}, {REST}",
    "lower case": "aws4-hmac-sha256 credential=a",
    "nonsense": "AWS4-HMAC-SHA256 nonsense",
    "no key": f"AWS4-HMAC-SHA256 Credential={SCOPE.format('states')}, {REST}",
    "empty credential": f"AWS4-HMAC-SHA256 Credential=, {REST}",
    "key only": f"AWS4-HMAC-SHA256 Credential=AKID, {REST}",
    "no signature": f"AWS4-HMAC-SHA256 Credential=AKID{SCOPE.format('states')}, SignedHeaders=host",
    "no headers": f"AWS4-HMAC-SHA256 Credential=AKID{SCOPE.format('states')}, Signature=00",
    "credential alone": f"AWS4-HMAC-SHA256 Credential=AKID{SCOPE.format('states')}",
    "date": f"AWS4-HMAC-SHA256 Credential=AKID/2026/us-east-1/states/aws4_request, {REST}",
    "five parts and more": f"AWS4-HMAC-SHA256 Credential=A/B/C{SCOPE.format('states')}, {REST}",
    "end": f"AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/states/aws5_request, {REST}",
    "path as service": f"AWS4-HMAC-SHA256 Credential=AKID{SCOPE.format('..%2fs3')}, {REST}",
    "markup": f"AWS4-HMAC-SHA256 Credential=<script>{SCOPE.format('sqs')}, {REST}",
    "quotes": f"AWS4-HMAC-SHA256 Credential=A\"B'{SCOPE.format('sqs')}, {REST}",
    "colons": f"AWS4-HMAC-SHA256 Credential=a:b:c{SCOPE.format('execute-api')}, {REST}",
    "blank in the key": f"AWS4-HMAC-SHA256 Credential=A B{SCOPE.format('execute-api')}, {REST}",
    "long key": f"AWS4-HMAC-SHA256 Credential={'A' * 400}{SCOPE.format('execute-api')}, {REST}",
    "huge key": f"AWS4-HMAC-SHA256 Credential={'A' * 60_000}{SCOPE.format('execute-api')}, {REST}",
    "long region": f"AWS4-HMAC-SHA256 Credential=AKID/20261122/{'x' * 300}/sqs/aws4_request, {REST}",
    "latin-1 key": f"AWS4-HMAC-SHA256 Credential=\xe9\xff{SCOPE.format('execute-api')}, {REST}",
    "UTF-8 key": f"AWS4-HMAC-SHA256 Credential=ключ{SCOPE.format('execute-api')}, {REST}".encode().decode("latin-1"),
    "control character": f"AWS4-HMAC-SHA256 Credential=A\x07{SCOPE.format('execute-api')}, {REST}",
    "no ASCII at all": "\xff\xfe\x80",
    "no token": "Bearer",
    "empty token": "Bearer ",
    "latin-1 token": "Bearer \xe9\xff",
    "tab in the token": "Bearer a\tb",
    "two tokens": "Bearer a b",
    "huge token": "Bearer " + "t" * 9_000,
    "version 2 alone": "AWS",
    "version 2, nothing": "AWS :",
    "version 2, no signature": "AWS x",
    "version 2, no key": "AWS :x",
}
REQUESTS: dict[str, tuple[str, str, Mapping[str, str], bytes]] = {
    "chat API": ("POST", "/chat", {"Content-Type": "application/json"}, b'{"question": "hi"}'),
    "executions API": ("GET", "/executions", {}, b""),
    "our page": ("GET", "/ui/", {}, b""),
    "json": ("POST", "/", {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"}, b"{}"),
    "json of moto": ("POST", "/", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}, b"{}"),
    "rest-json": ("GET", "/guardrails", {}, b""),
    "query": ("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=ListUsers"),
    "cbor": ("POST", "/service/X/operation/ListMetrics", {"smithy-protocol": "rpc-v2-cbor"}, b"\xa0"),
    "s3, persistent": ("GET", "/kept/key", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b""),
    "s3 of moto": ("GET", "/bucket/key", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, b""),
}


class _Api:
    """The application's Lambda: it must not be reached."""

    def __init__(self) -> None:
        self.called = 0

    def invoke(self, name_or_arn: str, payload: bytes, timeout: float | None = None) -> InvokeResult:
        self.called += 1
        return InvokeResult(200, b'{"statusCode": 200, "body": "{}"}', None, "id")

    def routes(self, name_or_arn: str, timeout: float) -> Sequence[Route]:
        return [("POST", "/chat"), ("GET", "/executions")]


@pytest.fixture(name="api", scope="module")
def _api() -> _Api:
    return _Api()


@pytest.fixture(name="endpoint", scope="module")
def _endpoint(api: _Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    services: dict[str, list[Service]] = {
        "states": [JsonService("stepfunctions", object())],
        "bedrock": [JsonService("bedrock", object())],
        "s3": [BucketService(Buckets(tmp_path_factory.mktemp("buckets"), ("kept",)))],
    }
    endpoint = Endpoint(services, HttpApi("api"), port=0, threads=2, functions=api, site=Site())
    endpoint.start()
    yield endpoint
    endpoint.stop()


def _send(
    endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str], body: bytes, authorization: str | None
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)
    try:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        if authorization is not None:  # raw: http.client would refuse control characters itself
            connection._buffer.append(b"Authorization: " + authorization.encode("latin-1"))  # type: ignore[attr-defined]
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read()
    finally:
        connection.close()


def _code(kind: str, body: bytes) -> str:
    """The error's code, read as a client of the protocol reads it."""
    if kind == "application/cbor":
        assert body.startswith(b"\xa2\x79\x00\x06__type\x79")
        return body[13 : 13 + int.from_bytes(body[11:13])].decode()
    if "json" in kind:
        return str(json.loads(body)["__type"])
    return next(found.text or "" for found in ElementTree.fromstring(body).iter() if found.tag == "Code")


@pytest.mark.parametrize("authorization", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_header_is_refused_on_every_route(endpoint: Endpoint, api: _Api, authorization: str) -> None:
    """400 with AWS's code in the protocol of the request; the application and the services never see it."""
    for name, (method, path, headers, body) in REQUESTS.items():
        status, kind, answer = _send(endpoint, method, path, headers, body, authorization)
        if kind.startswith("text/plain"):  # the HTTP server refuses control characters before anything reads them
            assert status == 400
            continue
        assert status == 400, name
        assert _code(kind, answer) == "IncompleteSignatureException", name
        assert b"A" * 300 not in answer
        assert b"<script>" not in answer
    assert api.called == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [("json", "application/x-amz-json"), ("rest-json", "application/json"), ("query", "text/xml"),
     ("cbor", "application/cbor"), ("s3 of moto", "text/xml"), ("chat API", "application/json")],
)  # fmt: skip
def test_the_refusal_is_in_the_clients_protocol(endpoint: Endpoint, name: str, kind: str) -> None:
    """The content type that the client's parser expects."""
    method, path, headers, body = REQUESTS[name]
    assert _send(endpoint, method, path, headers, body, "AWS4-X")[1].startswith(kind)


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Credential=", "X-Amz-Credential=nonsense",
        "X-Amz-Credential=%3Cscript%3E%2F20261122%2Fa%2Fs3%2Faws4_request",
        "X-Amz-Credential=A%2F2026%2Fa%2Fs3%2Faws4_request", "AWSAccessKeyId=", "AWSAccessKeyId=%FF",
        "AWSAccessKeyId=a%20b",
        f"AWSAccessKeyId={'A' * 200}", "x-amz-credential=a", "X-Amz-Credential=%00",
    ],
)  # fmt: skip
def test_a_malformed_link_is_refused(endpoint: Endpoint, api: _Api, query: str) -> None:
    """A presigned link, for objects and for the application's routes."""
    for path in ("/kept/key", "/bucket/key", "/executions"):
        status, kind, body = _send(endpoint, "GET", f"{path}?{query}&X-Amz-Signature=00", {}, b"", None)
        assert (status, _code(kind, body)) == (400, "IncompleteSignatureException")
    assert api.called == 0


@pytest.mark.parametrize("authorization", ["Basic dXNlcjpwYXNz", "Digest x", "Negotiate abc", "Basic", "x"])
def test_a_scheme_that_aws_does_not_have_opens_no_service(endpoint: Endpoint, authorization: str) -> None:
    """403, as for an unsigned request; only the application's own routes may read such a header."""
    for name in ("json", "json of moto", "rest-json", "cbor", "s3, persistent", "s3 of moto"):
        method, path, headers, body = REQUESTS[name]
        status, kind, answer = _send(endpoint, method, path, headers, body, authorization)
        assert (status, _code(kind, answer)) == (403, "MissingAuthenticationTokenException"), name
    assert _send(endpoint, *REQUESTS["our page"], authorization)[0] == 200


@pytest.mark.parametrize("key", ["any", "AKIDEXAMPLE", "a-b_c.d", "me@example.com", "test+1=2", "A" * 128])
def test_every_ordinary_key_is_accepted(endpoint: Endpoint, key: str) -> None:
    """Use any credentials: the key may have the characters of IAM's names."""
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
    authorization = f"AWS4-HMAC-SHA256 Credential={key}{SCOPE.format('dynamodb')}, {REST}"
    assert _send(endpoint, "POST", "/", headers, b"{}", authorization)[0] == 200
