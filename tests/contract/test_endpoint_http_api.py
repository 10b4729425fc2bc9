"""API Gateway's contract: the proxy event, the proxy response, its limits and its own answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_aws.apigateway.http_api import Gateway, HttpApi
from embedded_aws.apigateway.routes import Route
from embedded_aws.lambda_.config import FunctionConfig, InvokeResult
from embedded_aws.lambda_.functions import Functions
from embedded_aws.wire import Account, HttpRequest, HttpResponse, ServiceError
from embedded_aws.wire.caller import Caller

ROUTES = (
    ("POST", "/chat"),
    ("GET", "/chat/{execution}"),
    ("GET", "/chat/latest"),
    ("GET", "/files/{path+}"),
    ("GET", "/health"),
)


class FakeLambda:
    """Keeps the events and answers with a fixed result, or raises a fixed error."""

    def __init__(
        self, answer: object = None, error: Exception | None = None, function_error: str | None = None
    ) -> None:
        self.payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.error = error
        self.function_error = function_error
        self.events: list[dict[str, Any]] = []
        self.timeouts: list[float | None] = []

    def invoke(self, name_or_arn: str, payload: bytes, timeout: float | None = None) -> InvokeResult:
        self.events.append(json.loads(payload))
        self.timeouts.append(timeout)
        if self.error:
            raise self.error
        return InvokeResult(200, self.payload, self.function_error, "id")

    def routes(self, name_or_arn: str, timeout: float) -> list[Route]:
        return list(ROUTES)


OK = {"statusCode": 200, "headers": {}, "body": "{}"}


def call(
    functions: FakeLambda, method: str, path: str, query: str = "", body: bytes = b"", caller: Caller | None = None,
    **headers: str,
) -> HttpResponse:  # fmt: skip
    """One request through the gateway; `content_type="…"` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    gateway = Gateway(HttpApi("api_handler"), functions, Account())
    return gateway.handle(HttpRequest(method, path, query, named, body), caller or Caller(), "127.0.0.1")


def event_of(method: str, path: str, **request: Any) -> dict[str, Any]:
    """The event that a request becomes."""
    functions = FakeLambda(OK)
    assert call(functions, method, path, **request).status == 200
    return functions.events[0]


def test_the_event_is_a_proxy_event() -> None:
    """Every member that API Gateway's documentation lists is there."""
    event = event_of(
        "POST", "/chat", query="a=1&a=2&b=&c=%C3%A9+x", body=b'{"q": 1}', content_type="application/json",
        user_agent="test", host="localhost",
    )  # fmt: skip
    assert event["resource"] == event["requestContext"]["resourcePath"] == "/chat"
    assert (event["path"], event["requestContext"]["path"]) == ("/chat", "/api/chat")
    assert event["httpMethod"] == event["requestContext"]["httpMethod"] == "POST"
    assert event["headers"] == {"Content-Type": "application/json", "User-Agent": "test", "Host": "localhost"}
    assert event["multiValueHeaders"]["Content-Type"] == ["application/json"]
    assert event["queryStringParameters"] == {"a": "2", "b": "", "c": "é x"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [""], "c": ["é x"]}
    assert (event["pathParameters"], event["stageVariables"]) == (None, None)
    assert (event["body"], event["isBase64Encoded"]) == ('{"q": 1}', False)
    context = event["requestContext"]
    assert (context["accountId"], context["stage"], context["protocol"]) == ("000000000000", "api", "HTTP/1.1")
    assert context["requestId"]
    assert context["requestTimeEpoch"] > 1_700_000_000_000
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "test"
    assert context["identity"]["userArn"] is None


def test_what_is_absent_is_null() -> None:
    """No query and no body are null, as Chalice expects."""
    event = event_of("GET", "/health")
    names = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "body")
    assert [event[name] for name in names] == [None] * 4


def test_a_signed_request_names_its_sender() -> None:
    """The identity has the access key and an ARN made of it."""
    identity = event_of("GET", "/health", caller=Caller("AKIDEXAMPLE", "us-east-1", "execute-api"))["requestContext"][
        "identity"
    ]
    assert identity["caller"] == identity["accessKey"] == "AKIDEXAMPLE"
    assert identity["userArn"] == "arn:aws:iam::000000000000:user/AKIDEXAMPLE"


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/chat/e1", "/chat/{execution}", {"execution": "e1"}),
        ("/chat/arn%3Aaws%3Ax", "/chat/{execution}", {"execution": "arn%3Aaws%3Ax"}),
        ("/chat/latest", "/chat/latest", None),
        ("/files/a/b%2Fc/d", "/files/{path+}", {"path": "a/b%2Fc/d"}),
        ("/health/", "/health", None),
    ],
)
def test_the_resource_is_the_routes_pattern(path: str, resource: str, parameters: dict[str, str] | None) -> None:
    """Literal segments go first; parameters stay percent-encoded, as a REST API passes them."""
    event = event_of("GET", path)
    assert (event["resource"], event["pathParameters"]) == (resource, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/chat"),
        ("POST", "/chat/e1"),
        ("GET", "/chat/"),
        ("GET", "/chat/a/b"),
        ("GET", "/files/"),
        ("PUT", "/x"),
    ],
)
def test_an_unknown_route_is_a_missing_token(method: str, path: str) -> None:
    """API Gateway's odd answer, and the Lambda is not called."""
    functions = FakeLambda(OK)
    response = call(functions, method, path)
    assert (response.status, json.loads(response.body)) == (403, {"message": "Missing Authentication Token"})
    assert not functions.events


@pytest.mark.parametrize(
    ("content_type", "binary"),
    [("application/octet-stream", True), ("image/png; q=1", True), ("application/json", False), ("text/plain", False)],
)
def test_only_binary_types_are_base64(content_type: str, binary: bool) -> None:
    """Any other body is text."""
    body = "\u00e9\x00".encode()
    event = event_of("POST", "/chat", body=body, content_type=content_type)
    assert event["isBase64Encoded"] == binary
    assert event["body"] == (base64.b64encode(body).decode() if binary else "\u00e9\x00")


def test_text_that_is_not_utf8_is_refused() -> None:
    """Not repaired: the question would be another one. Binary types carry any bytes."""
    functions = FakeLambda(OK)
    response = call(functions, "POST", "/chat", body=b'{"question": "\xff"}', content_type="application/json")
    assert (response.status, json.loads(response.body)) == (
        400,
        {"message": "Invalid request body: not UTF-8 at byte 14"},
    )
    assert not functions.events
    assert event_of("POST", "/chat", body=b"\xff", content_type="image/png")["body"] == "/w=="


def test_the_response_is_the_lambdas() -> None:
    """Status, headers of both kinds and the body arrive; the connection's own headers do not."""
    answer = {
        "statusCode": 201,
        "headers": {"X-One": "1", "Content-Type": "text/plain", "Content-Length": "999", "Connection": "close"},
        "multiValueHeaders": {"X-Two": ["a", "b"]},
        "body": "naïve",
    }
    response = call(FakeLambda(answer), "GET", "/health")
    assert (response.status, response.body) == (201, "naïve".encode())
    assert response.headers["X-One"] == "1"
    assert response.headers["X-Two"] == "a, b"
    assert response.headers["Content-Type"] == "text/plain"
    assert not {"Content-Length", "Connection"} & response.headers.keys()


def test_a_base64_response_is_decoded() -> None:
    """isBase64Encoded gives bytes."""
    answer = {"statusCode": 200, "body": base64.b64encode(b"\x89PNG").decode(), "isBase64Encoded": True}
    assert call(FakeLambda(answer), "GET", "/health").body == b"\x89PNG"


@pytest.mark.parametrize(
    "answer",
    [
        None, 7, "text", [], {}, b"not JSON", {"statusCode": "two hundred"}, {"statusCode": 99}, {"statusCode": 1000},
        {"statusCode": 200, "body": {"an": "object"}}, {"statusCode": 200, "headers": "none"},
        {"statusCode": 200, "headers": {"X-Split": "a\r\nSet-Cookie: b"}}, {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"X": "🙂"}}, {"statusCode": 200, "multiValueHeaders": {"X": 1}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True}, {"statusCode": 200, "body": "\ud800"},
    ],
)  # fmt: skip
def test_a_malformed_response_is_a_502(answer: object) -> None:
    """No part of it reaches the client."""
    response = call(FakeLambda(answer), "GET", "/health")
    assert (response.status, json.loads(response.body)) == (502, {"message": "Internal server error"})


MEMBERS = st.sampled_from(["statusCode", "headers", "body", "isBase64Encoded", "multiValueHeaders"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text()
ANSWERS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(MEMBERS | st.text(), inner))


@given(ANSWERS)
@settings(max_examples=60)
def test_no_answer_of_a_lambda_breaks_the_gateway(answer: object) -> None:
    """Whatever JSON a Lambda returns, the client gets a response."""
    assert 100 <= call(FakeLambda(answer), "GET", "/health").status <= 599


@pytest.mark.parametrize(
    ("functions", "status", "message"),
    [
        (FakeLambda({"errorType": "ValueError"}, function_error="Unhandled"), 502, "Internal server error"),
        (FakeLambda(error=TimeoutError()), 504, "Endpoint request timed out"),
        (FakeLambda(error=ServiceError("TooManyRequestsException", "", 429)), 502, "Internal server error"),
        (FakeLambda(error=ServiceError("RequestTooLargeException", "", 413)), 413, "Request Too Long"),
    ],
    ids=["function error", "time-out", "throttled", "over the Lambda's limit"],
)
def test_failures_are_the_gateways_answers(functions: FakeLambda, status: int, message: str) -> None:
    """The text of a function's error never reaches the client."""
    response = call(functions, "GET", "/health")
    assert (response.status, json.loads(response.body)) == (status, {"message": message})


def test_the_lambda_has_29_seconds() -> None:
    """The integration's time-out is what the Lambda is given."""
    functions = FakeLambda(OK)
    call(functions, "GET", "/health")
    assert functions.timeouts == [pytest.approx(29.0, abs=0.5)]


class SlowLambda(FakeLambda):
    """Answers when it is allowed to."""

    def __init__(self) -> None:
        super().__init__(OK)
        self.go = Event()
        self.most = 0
        self.running = 0

    def invoke(self, name_or_arn: str, payload: bytes, timeout: float | None = None) -> InvokeResult:
        self.running += 1
        self.most = max(self.most, self.running)
        self.go.wait(10)
        self.running -= 1
        return super().invoke(name_or_arn, payload, timeout)


def test_requests_queue_and_are_then_throttled() -> None:
    """So many run, three times as many wait, the next gets 429; those that waited are answered."""
    functions = SlowLambda()
    gateway = Gateway(HttpApi("api_handler", concurrency=2), functions, Account())

    def ask() -> int:
        return gateway.handle(HttpRequest("GET", "/health"), Caller(), "127.0.0.1").status

    with ThreadPoolExecutor(9) as threads:
        waiting = [threads.submit(ask) for _ in range(9)]
        throttled, _ = wait(waiting, 10, FIRST_COMPLETED)
        assert [future.result() for future in throttled] == [429]
        functions.go.set()
        assert sorted(future.result(10) for future in waiting) == [200] * 8 + [429]
    assert functions.most == 2


def test_waiting_for_a_turn_counts() -> None:
    """A request that never got its turn within the integration's time is a 504."""
    functions = SlowLambda()
    gateway = Gateway(HttpApi("api_handler", seconds=0.2, concurrency=1), functions, Account())
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(gateway.handle, HttpRequest("GET", "/health"), Caller(), "127.0.0.1")
        while not functions.running:
            pass
        assert gateway.handle(HttpRequest("GET", "/health"), Caller(), "127.0.0.1").status == 504
        functions.go.set()
        assert first.result(10).status == 200


def test_a_body_over_ten_megabytes_is_refused() -> None:
    """10 MB pass the gateway, one byte more does not."""
    functions = FakeLambda(OK)
    assert call(functions, "POST", "/chat", body=b"x" * (10 * 1024 * 1024)).status == 200
    response = call(functions, "POST", "/chat", body=b"x" * (10 * 1024 * 1024 + 1))
    assert (response.status, json.loads(response.body)) == (413, {"message": "Request Too Long"})
    assert len(functions.events) == 1


class DeclaringLambda(FakeLambda):
    """Declares `declared`, or raises `broken`; counts the questions for its routes."""

    def __init__(self, declared: Sequence[Route], broken: Exception | None = None) -> None:
        super().__init__(OK)
        self.declared = declared
        self.broken = broken
        self.questions: list[tuple[str, float]] = []

    def routes(self, name_or_arn: str, timeout: float) -> list[Route]:
        self.questions.append((name_or_arn, timeout))
        if self.broken:
            raise self.broken
        return list(self.declared)


def test_the_function_declares_the_routes() -> None:
    """They are read at the first request and only once."""
    functions = DeclaringLambda([("GET", "/health")])
    gateway = Gateway(HttpApi("api_handler"), functions, Account())
    assert functions.questions == []
    statuses = [
        gateway.handle(HttpRequest(method, "/health"), Caller(), "127.0.0.1").status for method in ("GET", "POST")
    ]
    assert statuses == [200, 403]
    assert functions.questions == [("api_handler", 29.0)]


@pytest.mark.parametrize("broken", [ServiceError("ServiceException", "cannot be loaded", 502), TimeoutError()])
def test_routes_that_cannot_be_read_are_a_502(broken: Exception) -> None:
    """As for a function that fails; the next request tries again."""
    functions = DeclaringLambda([("GET", "/health")], broken)
    gateway = Gateway(HttpApi("api_handler"), functions, Account())
    assert gateway.handle(HttpRequest("GET", "/health"), Caller(), "127.0.0.1").status == 502
    functions.broken = None
    assert gateway.handle(HttpRequest("GET", "/health"), Caller(), "127.0.0.1").status == 200


CHALICE = """
from chalice import BadRequestError, Chalice, Response

app = Chalice(app_name="small")

@app.route("/chat", methods=["POST"])
def ask():
    request = app.current_request
    if "question" not in request.json_body:
        raise BadRequestError("no question")
    return Response({"asked": request.json_body["question"], "from": request.context["identity"]["sourceIp"],
                     "tags": request.query_params.getlist("tag") if request.query_params else []}, status_code=202)

@app.route("/chat/{execution}")
def look(execution):
    return {"execution": execution}
"""


@pytest.mark.process
def test_chalice_answers_through_the_gateway(tmp_path: Path) -> None:
    """A real Chalice application in a real worker understands the event, and its answers come back."""
    (tmp_path / "app.py").write_text(CHALICE, encoding="utf-8")
    functions = Functions(Account(), tmp_path / "logs", workers=1)
    functions.register(FunctionConfig("api_handler", "app.app", tmp_path, timeout=30.0))
    gateway = Gateway(HttpApi("api_handler"), functions, Account())

    def ask(method: str, path: str, query: str = "", body: bytes = b"") -> tuple[int, Any]:
        headers = {"content-type": "application/json", "accept": "*/*"}
        response = gateway.handle(HttpRequest(method, path, query, headers, body), Caller(), "127.0.0.1")
        return response.status, json.loads(response.body)

    try:
        assert ask("POST", "/chat", "tag=a&tag=b", '{"question": "¿qué?"}'.encode()) == (
            202, {"asked": "¿qué?", "from": "127.0.0.1", "tags": ["a", "b"]},
        )  # fmt: skip
        assert ask("GET", "/chat/e1") == (200, {"execution": "e1"})
        assert ask("POST", "/chat", body=b"{}")[0] == 400
        assert ask("POST", "/chat", body=b"{not json")[0] == 400
        assert ask("PUT", "/chat")[0] == 403
        assert gateway.routes is not None
        assert gateway.routes.patterns == ["/chat", "/chat/{execution}"]
    finally:
        functions.close()
