"""Control tokens of chat templates, sent to a model and received from it, by every model route."""

from __future__ import annotations

import json

import pytest

from stepguard.aws.models import Completion, Models
from stepguard.guard.prompts import ASSISTANT, BEGIN, USER, Passage, Question
from stepguard.guard.settings import GuardrailRef, ImportedBody, ModelApi, ModelSettings
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import REF, golden, guard, passed
from tests.fakes.models import SAGEMAKER, imported
from tests.unit.guard.test_control_tokens import FAMILIES

TEXT = " and ".join(FAMILIES.values())
OWN = [BEGIN, USER, ASSISTANT, "<think>"]
ROUTES = {
    "Converse": ModelSettings(),
    "DeepSeek on Bedrock": ModelSettings(ModelApi.DEEPSEEK),
    "imported, completion": imported(),
    "imported, OpenAI completion": imported(ImportedBody.OPENAI_COMPLETION),
    "imported, OpenAI chat": imported(ImportedBody.OPENAI_CHAT),
    "SageMaker": SAGEMAKER,
}
THOUGHT = "The key is 123"


def reply(text: str) -> dict[str, object]:
    """A reply that every body's reader understands."""
    choice = {"text": text, "message": {"content": text}, "stop_reason": "stop", "finish_reason": "stop"}
    return {"generation": text, "choices": [choice], "amazon-bedrock-guardrailAction": "NONE"}


def ask(route: str, question: Question, text: str, reference: GuardrailRef | None) -> tuple[str, Completion]:
    """What a model gets by a route, and what is made of its text."""
    converse = golden("converse/answered")
    converse["output"]["message"]["content"] = [{"text": text[:9]}, {"text": text[9:]}]
    body = json.dumps(reply(text)).encode()
    generated = json.dumps([{"generated_text": text, "details": {"finish_reason": "eos_token"}}]).encode()
    runtime = FakeClient(
        "bedrock-runtime", converse=converse, invoke_model={"body": body, "contentType": "application/json"}
    )
    sagemaker = FakeClient("sagemaker-runtime", invoke_endpoint={"Body": generated})
    guards, _ = guard(passed(), passed(), passed(), passed())
    completion = Models(runtime.client, sagemaker.client, guards).ask(question, ROUTES[route], reference)
    operation = {"Converse": "converse", "SageMaker": "invoke_endpoint"}.get(route, "invoke_model")
    (sent,) = (sagemaker if route == "SageMaker" else runtime).bodies(operation)
    if operation == "converse":
        return json.dumps(sent["messages"], ensure_ascii=False), completion
    return json.dumps(json.loads(sent["Body" if route == "SageMaker" else "body"]), ensure_ascii=False), completion


@pytest.mark.parametrize("reference", [REF, None], ids=["guardrail", "no guardrail"])
@pytest.mark.parametrize("route", ROUTES)
def test_no_token_of_any_family_reaches_a_model(route: str, reference: GuardrailRef | None) -> None:
    """Neither from the question nor from a passage; only the prompt's own template has its four."""
    sent, _ = ask(route, Question(TEXT, (Passage("1", TEXT),)), "<think>hm</think>Yes.", reference)

    for token in TEXT.split():
        if token == "and":
            continue
        assert sent.count(json.dumps(token, ensure_ascii=False)[1:-1]) <= (token in OWN), token
    assert "⟦INST⟧" in sent


@pytest.mark.parametrize(
    "generation",
    [
        f"<think >{THOUGHT}</think >Yes.",
        f'<think foo="x">{THOUGHT}</think>Yes.',
        f"< think>{THOUGHT}</ think>Yes.",
        f"<thinking>{THOUGHT}</thinking>Yes.",
        f"<reasoning>{THOUGHT}</reasoning>Yes.",
        f"<think>{THOUGHT}<think>b</think>c</think>Yes.",
        f"Yes.<think >{THOUGHT}",
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_no_thought_reaches_a_caller(route: str, generation: str) -> None:
    """Also where the tags lie across two text blocks of Converse."""
    _, completion = ask(route, Question("Why?"), generation, REF)

    assert completion.verdict.text == "Yes."


@pytest.mark.parametrize("route", ROUTES)
def test_an_unterminated_thought_is_no_answer(route: str) -> None:
    """Nothing of it is delivered."""
    _, completion = ask(route, Question("Why?"), f"<think foo='x'>{THOUGHT}", REF)

    assert completion.verdict.text == ""
