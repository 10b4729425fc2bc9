"""app.py through Chalice's own router: routes, content types, and the Lambdas as Lambda calls them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client

import app
from functions.chat_api import ChatApi
from stepguard.guard.errors import StepguardError
from stepguard.guard.settings import read_settings
from tests.fakes.states import Clock, FakeStates

JSON = {"Content-Type": "application/json"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(name="states")
def _states(monkeypatch: pytest.MonkeyPatch) -> FakeStates:
    """The executions behind the routes."""
    states = FakeStates()
    clock = Clock()
    monkeypatch.setattr(app, "chat", ChatApi(states.executions, lambda: read_settings({}), clock, clock.sleep))
    return states


@pytest.fixture(name="client")
def _client(environment: pytest.MonkeyPatch) -> Iterator[Client]:
    """Chalice's router and Lambda context."""
    with Client(app.app, project_dir=str(ROOT)) as client:
        yield client


def test_a_question_is_answered_over_http(client: Client, states: FakeStates) -> None:
    """POST /chat: 200, JSON, the answer."""
    response = client.http.post("/chat", body=b'{"question": "What\'s up?"}', headers=JSON)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json_body["answer"]["outcome"] == "answered"
    assert states.texts == ["What's up?"]


def test_an_execution_is_looked_at_over_http(client: Client, states: FakeStates) -> None:
    """202 with Location and Retry-After; the location leads to the answer."""
    states.looks = 1
    body = json.dumps({"question": "Why?", "wait_seconds": 0}).encode()
    accepted = client.http.post("/chat", body=body, headers=JSON)
    assert (accepted.status_code, accepted.headers["Retry-After"]) == (202, "1")

    done = client.http.get(accepted.headers["Location"])
    assert (done.status_code, done.json_body["execution"]) == (200, accepted.json_body["execution"])


def test_a_failed_execution_is_a_503_over_http(client: Client, states: FakeStates) -> None:
    """Q, through the router."""
    states.status = "ABORTED"

    assert client.http.post("/chat", body=b'{"question": "Why?"}', headers=JSON).status_code == 503


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "a/b/c"]
)
def test_other_content_types_are_a_415(client: Client, states: FakeStates, content_type: str) -> None:
    """Only JSON is a question."""
    response = client.http.post("/chat", body=b'{"question": "x"}', headers={"Content-Type": content_type})

    assert response.status_code == 415
    assert states.inputs == {}


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_json_with_a_charset_is_json(client: Client, states: FakeStates, content_type: str) -> None:
    """Browsers add it."""
    response = client.http.post("/chat", body='{"question": "é"}'.encode(), headers={"Content-Type": content_type})

    assert (response.status_code, states.texts) == (200, ["é"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe",
        b"{",
        b'{"question": "' + b"x" * 300_000 + b'"}',
        b"[" * 100_000,
        b'{"question": "\\ud800"}',
    ],
    ids=["empty", "binary", "truncated", "300 KB", "bomb", "lone surrogate"],
)
def test_a_bad_body_is_a_400_over_http(client: Client, states: FakeStates, body: bytes) -> None:
    """The router's own parsing must not get in the way with a 500."""
    response = client.http.post("/chat", body=body, headers=JSON)

    assert (response.status_code, response.json_body["error"]["code"]) == (400, "InvalidRequest")


def test_an_unknown_execution_is_a_404_over_http(client: Client, states: FakeStates) -> None:
    """With our error body."""
    response = client.http.get("/chat/nobody")

    assert (response.status_code, response.json_body["error"]["code"]) == (404, "UnknownExecution")


def test_health_over_http(client: Client, environment: pytest.MonkeyPatch) -> None:
    """GET /health."""
    environment.setenv("STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:x")
    environment.setenv("UNGUARDED", "yes")
    response = client.http.get("/health")

    assert (response.status_code, response.json_body["status"]) == (200, "ok")
    assert (response.json_body["layers"], response.json_body["unguarded"]) == ({}, True)


def test_a_deployment_without_layers_is_not_healthy(client: Client, states: FakeStates) -> None:
    """No layer is on, and nothing says that this is meant."""
    assert client.http.get("/health").status_code == 500


def test_the_deployed_api_reads_its_environment(client: Client, environment: pytest.MonkeyPatch) -> None:
    """As Lambda runs it: nothing injected, the state machine and the layers from the environment."""
    environment.setenv("STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:x")
    environment.setenv("PREPROCESS_GUARDRAIL_IDENTIFIER", "abc")
    environment.setenv("PREPROCESS_GUARDRAIL_VERSION", "7")

    assert client.http.get("/health").json_body["layers"] == {"preprocess": "version 7"}


def logged(text: str, member: str) -> list[str]:
    """The values of a member in the log lines that have it."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line[member] for line in lines if member in line]


def test_each_request_is_logged_under_its_route(
    client: Client, states: FakeStates, capfd: pytest.CaptureFixture[str]
) -> None:
    """By method and path, as app.py declares them; requests for /health are not logged."""
    for pattern, methods in app.app.routes.items():
        path = pattern.translate(str.maketrans("", "", "{}"))
        for method in methods:
            client.http.request(method, path, headers=JSON, body=b"{}" if method in ("POST", "PUT") else b"")
    declared = [f"{method} {pattern}" for pattern, methods in app.app.routes.items() for method in methods]
    declared.remove("GET /health")
    declared[declared.index("GET /chat/{execution}")] = "GET /chat"
    assert logged(capfd.readouterr().out, "Route") == declared
    assert len(declared) == 25


def test_each_lambda_is_logged_under_its_state(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    """Also when it fails, as each does on an empty event."""
    for name in [entry.name for entry in app.app.pure_lambda_functions]:
        with pytest.raises((KeyError, StepguardError)):
            client.lambda_.invoke(name, {})
    names = [
        "GuardInput", "RewriteQuestion", "GuardRewrite", "FindAnswer", "RetrievePassages", "GuardPassages",
        "InvokeModel", "GuardAnswer", "PrepareCorpus", "SummarizeCorpus", "NotifyListener",
        "JudgeShadow", "SelectReview", "ExportTrace",
    ]  # fmt: skip
    assert logged(capfd.readouterr().out, "Stage") == names


def test_debug_is_off() -> None:
    """A traceback is no answer."""
    assert app.app.debug is False


REQUEST = {"kind": "response", "text": "", "query": "Why?", "completion": "Because.", "caller": "test"}


def invoke(client: Client, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """A Lambda's result, as Step Functions gets it."""
    payload = client.lambda_.invoke(name, event).payload
    result: dict[str, Any] = json.loads(json.dumps(payload))
    return result


def test_the_lambdas_make_an_answer_together(client: Client, environment: pytest.MonkeyPatch) -> None:
    """The three stages in a row, with every layer off: each result holds what its ResultSelector takes."""
    environment.setenv("UNGUARDED", "yes")
    states = json.loads((ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8"))["States"]

    def run(state: str, name: str, event: dict[str, Any]) -> dict[str, Any]:
        result = invoke(client, name, event)
        taken = json.dumps(states[state]["ResultSelector"])
        assert set(re.findall(r"\$\.Payload\.(\w+)", taken)) <= set(result)
        assert {key.removesuffix(".$") for key in states[state]["Parameters"]["Payload"]} - {"name"} == {
            "execution",
            *event,
        }
        return result

    document: dict[str, Any] = {"request": REQUEST}
    document["input_guard"] = run("GuardInput", "guard_input", {"request": REQUEST})
    document["model"] = run("InvokeModel", "invoke_model", {"document": document, "retries": 0})
    document["answer_guard"] = run("GuardAnswer", "guard_answer", {"document": document})

    assert document["answer_guard"]["answer"] == {
        "text": "Because.",
        "outcome": "passed",
        "source": "RESPONSE",
        "got_hits": 1,
        "citations": [],
    }
