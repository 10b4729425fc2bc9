"""The readers of streams against the embedded Bedrock, by boto3: a stream is the answer of the whole call."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.aws.models import Models
from stepguard.guard.prompts import Question
from stepguard.guard.settings import GuardrailRef, ImportedBody, ModelApi, ModelSettings
from stepguard.guard.stages import Outcome
from tests.fakes.models import imported
from tests.unit.embedded_aws.bedrock.boto import Clients
from tests.unit.embedded_aws.bedrock.fakes import ScriptedModel, configuration, pii, words

LONG = "All is well today. " * 120
APIS = {
    "converse": ModelSettings(ModelApi.CONVERSE, "any.model"),
    "reasoning": ModelSettings(ModelApi.CONVERSE, "us.deepseek.r1-v1:0"),
    "deepseek": ModelSettings(ModelApi.DEEPSEEK, "us.deepseek.r1-v1:0"),
    **{str(body): imported(body) for body in ImportedBody},
}


@pytest.mark.parametrize("answer", ["Yes.", LONG, f"Alice says: {LONG}", f"{LONG} Alice. {LONG}", f"{LONG} forbidden"])
@pytest.mark.parametrize("name", APIS)
def test_a_stream_is_the_answer_of_the_whole_call(
    clients: Clients, model: ScriptedModel, name: str, answer: str
) -> None:
    """Whatever passes, is masked or is blocked, in each API and body; only text of a stream that passed is heard."""
    policies = {**pii("NAME"), **words("forbidden")}
    ref = GuardrailRef(clients.control.create_guardrail(**configuration(**policies))["guardrailId"], "DRAFT")
    model.answer = answer
    for question in ("Why?", "Is Alice here?", "a forbidden question"):
        for guardrail in (ref, None):
            heard: list[str] = []
            asked = Models(clients.runtime)
            streamed = asked.ask(Question(question), APIS[name], guardrail, hear=heard.append)
            whole = asked.ask(Question(question), APIS[name], guardrail)
            assert _said(streamed) == _said(whole)
            text = "".join(heard).strip()
            if guardrail is None:
                assert text == streamed.verdict.text
            elif streamed.verdict.outcome is not Outcome.BLOCKED and name != "reasoning":
                assert streamed.verdict.text.startswith(text)
            assert guardrail is None or "Alice" not in text


def _said(completion: Any) -> tuple[Any, ...]:
    verdict = completion.verdict
    return verdict.outcome, verdict.text, verdict.message, verdict.findings, completion.tokens, completion.stop_reason
