"""The Lambda API in its wire shapes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.lambda_.functions import Functions
from embedded_aws.lambda_.service import LambdaBackend
from embedded_aws.wire import HttpRequest, HttpResponse, JsonService

pytestmark = pytest.mark.process

SIX_MEGABYTES = 6 * 1024 * 1024


@pytest.fixture(scope="module")
def service(functions: Functions) -> JsonService:
    """The service as the endpoint has it."""
    return JsonService("lambda", LambdaBackend(functions))


def invoke(service: JsonService, name: str, body: bytes = b"{}", **headers: str) -> HttpResponse:
    """POST an invocation; `invocation_type="Event"` is the header X-Amz-Invocation-Type."""
    named = {"x-amz-" + key.replace("_", "-"): value for key, value in headers.items()}
    return service.handle(HttpRequest("POST", f"/2015-03-31/functions/{name}/invocations", "", named, body))


def get(service: JsonService, path: str, query: str = "") -> Any:
    """GET and parse."""
    response = service.handle(HttpRequest("GET", f"/2015-03-31/functions{path}", query))
    assert response.status == 200, response.body
    return json.loads(response.body)


def test_invoke_answers_with_the_payload(service: JsonService) -> None:
    """The body is the function's JSON and nothing else; the headers have the version and no error."""
    response = invoke(service, "echo", b'{"a": [1]}')
    assert (response.status, response.body) == (200, b'{"a": [1]}')
    assert response.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert "X-Amz-Function-Error" not in response.headers


def test_a_function_that_fails_is_a_200_with_a_header(service: JsonService) -> None:
    """X-Amz-Function-Error distinguishes it from a result."""
    response = invoke(service, "throttled")
    assert (response.status, response.headers["X-Amz-Function-Error"]) == (200, "Unhandled")
    assert json.loads(response.body)["errorType"] == "GuardThrottled"


def test_the_log_tail_comes_on_request(service: JsonService) -> None:
    """LogType Tail gives the end of the log in base64."""
    response = invoke(service, "chatter", log_type="Tail")
    tail = base64.b64decode(response.headers["X-Amz-Log-Result"])
    assert b"REPORT RequestId: " in tail
    assert len(tail) <= 4096


def test_a_dry_run_runs_nothing(service: JsonService) -> None:
    """DryRun is 204 for a function that is there, 404 for one that is not."""
    assert invoke(service, "crash", invocation_type="DryRun").status == 204
    assert invoke(service, "nobody", invocation_type="DryRun").status == 404


def test_an_event_is_accepted_and_then_run(service: JsonService, tmp_path: Path) -> None:
    """Event is 202 at once; the function runs afterwards."""
    mark = tmp_path / "mark"
    body = json.dumps({"seconds": 0, "mark": str(mark)}).encode()
    assert invoke(service, "sleep", body, invocation_type="Event").status == 202
    invoke(service, "sleep", json.dumps({"seconds": 0.5}).encode())
    assert mark.read_text() == "finished"


@pytest.mark.parametrize(
    ("name", "body", "headers", "status", "code"),
    [
        ("nobody", b"{}", {}, 404, "ResourceNotFoundException"),
        ("echo", b"{", {}, 400, "InvalidRequestContentException"),
        ("echo", b"[" * 100_000, {}, 400, "InvalidRequestContentException"),
        ("echo", b"\xff\xfe", {}, 400, "InvalidRequestContentException"),
        ("echo", b"1" * (SIX_MEGABYTES + 1), {}, 413, "RequestTooLargeException"),
        ("echo", b"1" * (1024 * 1024 + 1), {"invocation_type": "Event"}, 413, "RequestTooLargeException"),
        ("echo", b"{}", {"client_context": "%%%"}, 400, "InvalidRequestContentException"),
        ("echo", b"{}", {"client_context": "WzFd"}, 400, "InvalidRequestContentException"),
        ("nobody", b"{}", {"invocation_type": "Event"}, 404, "ResourceNotFoundException"),
    ],
    ids=["unknown", "cut", "deep", "binary", "large", "large event", "context", "context list", "unknown event"],
)
def test_requests_that_lambda_refuses_are_refused(
    service: JsonService, name: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """Each with Lambda's error code and status, before anything runs."""
    response = invoke(service, name, body, **headers)
    assert (response.status, response.headers["x-amzn-ErrorType"]) == (status, code)


def test_functions_are_described(service: JsonService, functions: Functions, task_root: Path) -> None:
    """GetFunction, GetFunctionConfiguration and ListFunctions show the configuration, page by page."""
    configuration = get(service, "/echo/configuration")
    assert configuration["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:echo"
    assert (configuration["Handler"], configuration["Timeout"], configuration["MemorySize"]) == ("app.echo", 20, 256)
    assert configuration["State"] == "Active"
    described = get(service, "/echo")
    assert described["Configuration"] == configuration
    assert described["Code"]["Location"] == task_root.as_uri()
    names, marker = [], ""
    while True:
        page = get(service, "", f"MaxItems=5&Marker={marker}")
        names += [function["FunctionName"] for function in page["Functions"]]
        if "NextMarker" not in page:
            break
        marker = page["NextMarker"]
    assert names == [config.name for config in functions.configs()]


def test_functions_cannot_be_changed_through_the_api(service: JsonService) -> None:
    """The refusal says where they come from."""
    response = service.handle(HttpRequest("DELETE", "/2015-03-31/functions/echo"))
    assert response.status == 400
    assert "app.py" in json.loads(response.body)["message"]
