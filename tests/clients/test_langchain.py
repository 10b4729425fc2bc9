"""langchain-aws, unmodified: Converse and InvokeModel with a guardrail, its trace and its callback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.clients.configured import BLOCKED_INPUT, BLOCKED_OUTPUT, CARD, EMAIL, HARMLESS, MASKED_EMAIL
from tests.clients.conftest import Guardrails
from tests.e2e.product import Server

CALLS = Path(__file__).parent / "langchain_calls.py"
QUESTIONS = (HARMLESS, CARD, EMAIL)


def invoke(python: Path, server: Server, calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make the calls in the clients' environment; AWS_ENDPOINT_URL and credentials are its only settings."""
    ran = subprocess.run(
        [str(python), "-P", str(CALLS)], input=json.dumps(calls), env=dict(server.env), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers = json.loads(ran.stdout)
    assert isinstance(answers, list)
    return answers


def converse(guardrail: str, messages: object, version: str = "1", **options: object) -> dict[str, Any]:
    """A call of ChatBedrockConverse."""
    config = {"guardrailIdentifier": guardrail, "guardrailVersion": version, "trace": "enabled"}
    chosen = {"model": "any.echo", "provider": "amazon", "guardrails": config, **options}
    return {"model": "converse", "options": chosen, "messages": messages}


@pytest.fixture(name="answered", scope="module")
def _answered(python: Path, server: Server, guardrails: Guardrails) -> list[dict[str, Any]]:
    """A harmless question, one to block and one to mask, through ChatBedrockConverse."""
    return invoke(python, server, [converse(guardrails.both, question) for question in QUESTIONS])


def test_converse_answers_blocks_and_masks(answered: list[dict[str, Any]]) -> None:
    """A harmless question passes, a blocked one is the guardrail's message, personal data comes back masked."""
    assert [(call["text"], call["metadata"]["stopReason"]) for call in answered] == [
        (HARMLESS, "end_turn"),
        (BLOCKED_INPUT, "guardrail_intervened"),
        (MASKED_EMAIL, "guardrail_intervened"),
    ]


def test_converse_streams(python: Path, server: Server, guardrails: Guardrails) -> None:
    """`stream`: what a layer masks or blocks is in no piece, and the stop reason says so."""
    calls = [converse(guardrails.both, question, disable_streaming=False) for question in QUESTIONS]
    streamed = invoke(python, server, calls)
    assert ["".join(call["pieces"]) for call in streamed] == [HARMLESS, BLOCKED_INPUT, MASKED_EMAIL]
    assert [call["stops"] for call in streamed] == [["end_turn"], *[["guardrail_intervened"]] * 2]


def test_converse_counts_no_tokens_when_the_question_is_blocked(answered: list[dict[str, Any]]) -> None:
    """usage_metadata: the model was asked twice."""
    assert [call["usage"]["total_tokens"] > 0 for call in answered] == [True, False, True]


def test_converse_trace_is_readable(answered: list[dict[str, Any]], guardrails: Guardrails) -> None:
    """response_metadata["trace"] says which policy acted, on what, and the text units."""
    passed, blocked, masked = (call["metadata"]["trace"]["guardrail"] for call in answered)
    assert (blocked["actionReason"], masked["actionReason"]) == ("Guardrail blocked.", "Guardrail masked.")
    entity = blocked["inputAssessment"][guardrails.both]["sensitiveInformationPolicy"]["piiEntities"][0]
    assert (entity["type"], entity["action"]) == ("CREDIT_DEBIT_CARD_NUMBER", "BLOCKED")
    assert "outputAssessments" not in blocked
    entity = masked["inputAssessment"][guardrails.both]["sensitiveInformationPolicy"]["piiEntities"][0]
    assert (entity["type"], entity["action"], entity["match"]) == ("EMAIL", "ANONYMIZED", "jane.roe@example.com")
    assert masked["modelOutput"] == [MASKED_EMAIL]
    units = passed["outputAssessments"][guardrails.both][0]["invocationMetrics"]["usage"]
    assert (units["contentPolicyUnits"], units["topicPolicyUnits"], units["wordPolicyUnits"]) == (1, 1, 1)


def test_converse_answer_is_guarded(python: Path, server: Server, guardrails: Guardrails) -> None:
    """A guardrail that looks at answers alone blocks and masks what the model said."""
    blocked, masked = invoke(python, server, [converse(guardrails.answers, question) for question in (CARD, EMAIL)])
    assert (blocked["text"], masked["text"]) == (BLOCKED_OUTPUT, MASKED_EMAIL)
    assert blocked["usage"]["total_tokens"] > 0
    assert "outputAssessments" in blocked["metadata"]["trace"]["guardrail"]


def test_guard_last_turn_only(python: Path, server: Server, guardrails: Guardrails) -> None:
    """langchain-aws marks the last turn with guardContent: what was said earlier does not block."""
    turns = [["human", CARD], ["ai", "I see."], ["human", HARMLESS]]
    marked, whole = invoke(
        python, server,
        [converse(guardrails.both, turns, guard_last_turn_only=True), converse(guardrails.both, turns)],
    )  # fmt: skip
    assert (marked["text"], whole["text"]) == (HARMLESS, BLOCKED_INPUT)


def test_invoke_model_reports_the_callback(python: Path, server: Server, guardrails: Guardrails) -> None:
    """ChatBedrock and BedrockLLM, as their documentation says: GUARDRAIL_INTERVENED with the trace, else nothing."""
    config = {"guardrailIdentifier": guardrails.both, "guardrailVersion": "1", "trace": True}
    models = [
        ("chat", {"model_id": "anthropic.echo", "guardrails": config}),
        ("llm", {"model_id": "us.deepseek.echo", "provider": "deepseek", "guardrails": config}),
    ]
    answers = invoke(
        python, server,
        [{"model": name, "options": options, "messages": text} for name, options in models for text in QUESTIONS],
    )  # fmt: skip
    assert [answer["text"] for answer in answers] == [HARMLESS, BLOCKED_INPUT, MASKED_EMAIL] * 2
    assert [[error["reason"] for error in answer["errors"]] for answer in answers] == [
        [], ["GUARDRAIL_INTERVENED"], ["GUARDRAIL_INTERVENED"],
    ] * 2  # fmt: skip
    traced = answers[1]["errors"][0]["trace"]["guardrail"]["input"][guardrails.both]
    assert traced["sensitiveInformationPolicy"]["piiEntities"][0]["action"] == "BLOCKED"


def test_unknown_guardrail_is_a_client_error(python: Path, server: Server, guardrails: Guardrails) -> None:
    """AWS's code and message, and no answer."""
    refused = invoke(
        python, server, [converse("nobodyhasthis", HARMLESS), converse(guardrails.both, HARMLESS, version="7")]
    )  # fmt: skip
    assert [call["refused"]["Code"] for call in refused] == ["ValidationException"] * 2
    assert "does not exist" in refused[0]["refused"]["Message"]
