"""A canary in every text, through every path of app.py: no log line ever holds it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client

import app
from functions import guard_passages
from functions.chat_api import ChatApi
from stepguard.aws import guardrails
from stepguard.aws.models import converse
from stepguard.guard.callers import Caller
from stepguard.guard.settings import read_settings
from tests.fakes import bedrock
from tests.fakes.aws import FakeClient, Reply, client_error
from tests.fakes.states import Clock, FakeStates

CANARY = "canary-3b9d"
ROOT = Path(__file__).parents[2]
REQUEST: dict[str, Any] = {"kind": "prompt", "text": f"Tell me about {CANARY}", "caller": CANARY}
REPLIES: dict[str, Reply] = {
    "passed": bedrock.passed(),
    "masked": bedrock.masked(f"{CANARY} {{EMAIL}}", bedrock.pii("EMAIL", match=CANARY)),
    "blocked": bedrock.blocked(bedrock.pii("!EMAIL", match=CANARY), message=CANARY),
    "throttled": client_error("ThrottlingException", f"slow down, '{CANARY}'"),
    "refused": client_error("ValidationException", f"the text '{CANARY}' is wrong"),
    "unreadable": bedrock.applied(outputs=[CANARY]) | {"action": "GUARDRAIL_INTERVENED"},
}


@pytest.fixture(name="client")
def _client(environment: pytest.MonkeyPatch) -> Iterator[Client]:
    """Chalice's router and Lambda context, with all layers on."""
    for layer in ("PREPROCESS", "PASSAGE", "BEDROCK", "POSTPROCESS"):
        environment.setenv(f"{layer}_GUARDRAIL_IDENTIFIER", "abc123abc123")
        environment.setenv(f"{layer}_GUARDRAIL_VERSION", "1")
    with Client(app.app, project_dir=str(ROOT)) as client:
        yield client


def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was written anywhere."""
    out, err = capfd.readouterr()
    return out + err + caplog.text


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("stage", ["guard_input", "guard_rewrite", "guard_passages", "guard_answer", "invoke_model"])
def test_no_stage_logs_a_text(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    stage: str,
    reply: str,
) -> None:
    """Whatever the guardrail says: each run is logged, with its outcome and metrics, and without a text."""
    fake = FakeClient("bedrock-runtime", apply_guardrail=REPLIES[reply])
    monkeypatch.setattr(guardrails, "client", lambda service: fake)
    monkeypatch.setattr(guard_passages, "_cache", {})
    given: dict[str, Any] = {"kind": "response", "completion": CANARY} if stage == "invoke_model" else {}
    request: dict[str, Any] = REQUEST | given
    events: dict[str, dict[str, Any]] = {
        "guard_input": {"request": request},
        "guard_rewrite": {"request": request, "text": CANARY, "rewrite": "rewritten"},
        "guard_passages": {"document": {"request": request | {"passages": [CANARY]}}},
        "invoke_model": {"request": request, "text": CANARY},
        "guard_answer": {"document": {"request": request, "input_guard": {"text": CANARY, "outcome": "passed"}}},
    }
    with caplog.at_level(logging.DEBUG), suppress(Exception):  # what it raises is the state machine's
        client.lambda_.invoke(stage, {"execution": "arn:x:chat-1", **events[stage]})
    text = logged(capfd, caplog)
    (line, *_) = [json.loads(row) for row in text.splitlines() if row.startswith("{")]

    assert CANARY not in text
    assert (line["execution"], line["message"]) == ("chat-1", "stage")
    assert line["Outcome"] in ("passed", "masked", "blocked", "dropped", "error")


def test_no_model_call_logs_a_text(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the question, nor the answer, nor what a refused call quotes."""
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": CANARY}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "metrics": {"latencyMs": 1},
    }
    for reply in (answer, client_error("ValidationException", f"bad '{CANARY}'"), client_error("ModelErrorException")):
        fake = FakeClient("bedrock-runtime", converse=reply)
        monkeypatch.setattr(converse, "client", lambda service, fake=fake: fake, raising=False)
        with caplog.at_level(logging.DEBUG), suppress(Exception):
            client.lambda_.invoke("invoke_model", {"request": REQUEST, "text": CANARY, "execution": "e"})
    text = logged(capfd, caplog)

    assert CANARY not in text
    assert text.count('"message":"stage"') == 3


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_no_route_logs_a_text_or_a_caller(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    status: str,
) -> None:
    """Answered, failed, refused, conflicting, unknown."""
    clock, states = Clock(), FakeStates(status=status)
    monkeypatch.setattr(app, "chat", ChatApi(states.executions, lambda: read_settings({}), clock, clock.sleep))
    monkeypatch.setattr("functions.routes.read_caller", lambda context: Caller(CANARY))
    headers = {"Content-Type": "application/json", "X-Canary": CANARY}
    bodies: list[object] = [
        {"question": CANARY},
        {"question": CANARY, "client_token": "t"},
        {"question": f"{CANARY}?", "client_token": "t"},
        {"question": CANARY, CANARY: 1},
        {"question": CANARY * 5_000},
        [CANARY],
    ]
    with caplog.at_level(logging.DEBUG):
        for body in bodies:
            client.http.post("/chat", body=json.dumps(body).encode(), headers=headers)
        client.http.get(f"/chat/{CANARY}")
    text = logged(capfd, caplog)

    assert CANARY not in text
    assert text.count('"message":"request"') == len(bodies) + 1
