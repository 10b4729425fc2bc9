"""AWS's SDK for JavaScript over HTTP/1.1: guardrails, Converse, InvokeModel, Step Functions, exceptions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.clients.configured import BLOCKED_INPUT, CARD, EMAIL, HARMLESS, MASKED_EMAIL
from tests.clients.conftest import Guardrails
from tests.e2e.product import MACHINE, Server

SCRIPT = Path(__file__).parent / "javascript" / "calls.mjs"
Call = Callable[..., list[dict[str, Any]]]


@pytest.fixture(name="call", scope="module")
def _call(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Call:
    """Send (service, operation, input) one after the other; STEPGUARD_CLIENTS_JS is the folder with node_modules."""
    folder, node = os.environ.get("STEPGUARD_CLIENTS_JS"), shutil.which("node")
    if folder is None or node is None:
        pytest.skip("no AWS SDK for JavaScript here: make test-clients (needs node and npm)")
    # node looks for packages beside the script
    place = tmp_path_factory.mktemp("javascript")
    (place / "node_modules").symlink_to(Path(folder).absolute() / "node_modules")
    script = place / SCRIPT.name
    script.write_bytes(SCRIPT.read_bytes())
    environment = dict(server.env) | {"AWS_REGION": "us-east-1"}

    def call(*calls: tuple[str, str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        asked = [dict(zip(("service", "operation", "input"), one, strict=True)) for one in calls]
        ran = subprocess.run(
            [node, str(script)], input=json.dumps(asked), env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr[-2000:]
        replies = json.loads(ran.stdout)
        assert isinstance(replies, list)
        return replies

    return call


def apply(identifier: str, text: str) -> tuple[str, str, dict[str, Any]]:
    """An ApplyGuardrail call."""
    named = {"guardrailIdentifier": identifier, "guardrailVersion": "1", "source": "INPUT"}
    return "bedrock-runtime", "ApplyGuardrail", {**named, "content": [{"text": {"text": text}}]}


def test_apply_guardrail(call: Call, guardrails: Guardrails) -> None:
    """Passed, blocked and masked, with the assessment."""
    passed, blocked, masked = call(*(apply(guardrails.both, text) for text in (HARMLESS, CARD, EMAIL)))
    assert (passed["action"], passed["outputs"]) == ("NONE", [])
    assert (blocked["action"], blocked["outputs"]) == ("GUARDRAIL_INTERVENED", [{"text": BLOCKED_INPUT}])
    assert masked["outputs"] == [{"text": MASKED_EMAIL}]
    found = masked["assessments"][0]["sensitiveInformationPolicy"]["piiEntities"][0]
    assert (found["type"], found["action"], found["match"]) == ("EMAIL", "ANONYMIZED", "jane.roe@example.com")


def test_converse_and_invoke_model(call: Call, guardrails: Guardrails) -> None:
    """The guardrail inline, in both operations."""
    named = {"guardrailIdentifier": guardrails.both, "guardrailVersion": "1"}
    messages = [{"role": "user", "content": [{"text": CARD}]}]
    # Without a content type the SDK sends application/octet-stream, which AWS refuses beside a guardrail.
    asked = {"body": json.dumps({"prompt": CARD, "max_tokens": 10}), "contentType": "application/json"}
    conversed, invoked = call(
        ("bedrock-runtime", "Converse",
         {"modelId": "any.echo", "messages": messages, "guardrailConfig": {**named, "trace": "enabled"}}),
        ("bedrock-runtime", "InvokeModel", {"modelId": "any.echo", **asked, **named, "trace": "ENABLED"}),
    )  # fmt: skip
    assert conversed["stopReason"] == "guardrail_intervened"
    assert conversed["output"]["message"]["content"] == [{"text": BLOCKED_INPUT}]
    assert guardrails.both in conversed["trace"]["guardrail"]["inputAssessment"]
    assert json.loads(invoked["body"])["amazon-bedrock-guardrailAction"] == "INTERVENED"


def test_control_plane_and_states(call: Call, guardrails: Guardrails) -> None:
    """GetGuardrail with its dates, ListGuardrails, and the state machine of the application."""
    read, listed, machine = call(
        ("bedrock", "GetGuardrail", {"guardrailIdentifier": guardrails.both, "guardrailVersion": "1"}),
        ("bedrock", "ListGuardrails", {}),
        ("stepfunctions", "DescribeStateMachine", {"stateMachineArn": MACHINE}),
    )
    assert (read["name"], read["status"], read["createdAt"][:2]) == ("clients-both", "READY", "20")
    assert guardrails.both in [item["id"] for item in listed["guardrails"]]
    assert machine["status"] == "ACTIVE"


def test_errors_are_the_sdks_exceptions(call: Call, guardrails: Guardrails) -> None:
    """Names and messages as on AWS."""
    unknown, invalid = call(
        apply("nobodyhasthis", HARMLESS),
        ("bedrock", "CreateGuardrail",
         {"name": "a b", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no"}),
    )  # fmt: skip
    assert (unknown["error"], unknown["status"]) == ("ValidationException", 400)
    assert "does not exist" in unknown["message"]
    assert (invalid["error"], "'name' failed to satisfy constraint" in invalid["message"]) == (
        "ValidationException",
        True,
    )
