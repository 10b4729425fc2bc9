"""Strands, Pydantic AI and Anthropic's client for Bedrock, unmodified: streams with a guardrail."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.configured import BLOCKED_INPUT, CARD, EMAIL, HARMLESS, MASKED_EMAIL
from tests.clients.conftest import Guardrails
from tests.e2e.product import Server

CALLS = Path(__file__).parent / "agents_calls.py"
QUESTIONS = [HARMLESS, CARD, EMAIL]
STREAMED = [HARMLESS, BLOCKED_INPUT, MASKED_EMAIL]
PYTHON = os.environ.get("STEPGUARD_AGENTS", "")
"""The Python whose environment has them; they cannot share one with LiteLLM's proxy."""


def _stream(python: Path, server: Server, guardrails: Guardrails, *clients: str) -> dict[str, Any]:
    wanted = {"clients": clients, "guardrail": guardrails.both, "questions": QUESTIONS}
    ran = subprocess.run(
        [str(python), "-P", str(CALLS)], input=json.dumps(wanted), env=dict(server.env),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers = json.loads(ran.stdout)
    assert isinstance(answers, dict)
    return answers


@pytest.fixture(name="streamed", scope="module")
def _streamed(server: Server, guardrails: Guardrails) -> dict[str, Any]:
    if not PYTHON:
        pytest.skip("no Strands, Pydantic AI and Anthropic here: make test-clients")
    return _stream(Path(PYTHON).absolute(), server, guardrails, "strands", "pydantic", "anthropic")


@pytest.mark.parametrize("client", ["strands", "pydantic", "anthropic"])
def test_a_stream_has_what_the_guardrail_lets_pass(streamed: dict[str, Any], client: str) -> None:
    """The answer, the guardrail's message in place of one, and an answer with a mask."""
    assert [answer["text"] for answer in streamed[client]["answers"]] == STREAMED


def test_litellm_streams(python: Path, server: Server, guardrails: Guardrails) -> None:
    """The same through LiteLLM, whose reason for both interventions is its content filter's."""
    answers = _stream(python, server, guardrails, "litellm")["litellm"]["answers"]
    assert [answer["text"] for answer in answers] == STREAMED
    assert [answer["stop"] for answer in answers] == ["stop", "content_filter", "content_filter"]


def test_strands_learns_of_an_intervention_and_redacts(streamed: dict[str, Any]) -> None:
    """It reads `detected` and the action in the trace; a question that was blocked is not in its memory, so that it
    blocks no later one."""
    strands = streamed["strands"]
    stops = [answer["stop"] for answer in strands["answers"]]
    assert stops == ["end_turn", "guardrail_intervened", "guardrail_intervened"]
    assert CARD not in strands["remembered"]


def test_anthropics_stream_ends_with_a_reason(streamed: dict[str, Any]) -> None:
    """A block is one, in the spelling that AWS sends."""
    stops = [answer["stop"] for answer in streamed["anthropic"]["answers"]]
    assert stops == ["end_turn", "guardrail_intervened", "end_turn"]
