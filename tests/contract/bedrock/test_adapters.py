"""The product's own adapters against the embedded Bedrock: every way to a model gives the same verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Completion, Models
from stepguard.guard.errors import StepguardError
from stepguard.guard.prompts import Passage, Question
from stepguard.guard.settings import GuardrailRef, ImportedBody, ModelApi, ModelSettings
from stepguard.guard.stages import Direction, Layer, Outcome
from tests.unit.embedded_aws.bedrock.boto import Clients
from tests.unit.embedded_aws.bedrock.fakes import configuration, content, grounding, pii, words

_MODELS = {
    "Converse": ModelSettings(ModelApi.CONVERSE, "us.deepseek.echo"),
    "hosted": ModelSettings(ModelApi.DEEPSEEK, "us.deepseek.echo"),
    "completion": ModelSettings(ModelApi.IMPORTED_MODEL, "my.echo", ImportedBody.COMPLETION),
    "OpenAI completion": ModelSettings(ModelApi.IMPORTED_MODEL, "my.echo", ImportedBody.OPENAI_COMPLETION),
    "OpenAI chat": ModelSettings(ModelApi.IMPORTED_MODEL, "my.echo", ImportedBody.OPENAI_CHAT),
    "endpoint": ModelSettings(ModelApi.SAGEMAKER, "my-echo"),
}


@pytest.fixture(name="aws")
def _aws(tmp_path: Path) -> Iterator[Clients]:
    clients = Clients(tmp_path)
    yield clients
    clients.service.close()


def _ask(aws: Clients, model: ModelSettings, question: Question, **policies: Any) -> Completion:
    guardrail = aws.control.create_guardrail(**configuration(**policies))["guardrailId"]
    models = Models(aws.runtime, aws.sagemaker, Guardrails(aws.runtime))
    return models.ask(question, model, GuardrailRef(guardrail, "DRAFT"))


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_clean_question_is_answered(aws: Clients, model: ModelSettings) -> None:
    """The echo comes back whole, without template, tags or thought."""
    answer = _ask(aws, model, Question("What is it?"))
    assert (answer.verdict.outcome, answer.verdict.text) == (Outcome.PASSED, "What is it?")


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_personal_information_is_masked(aws: Clients, model: ModelSettings) -> None:
    """No part of it is delivered, in any body format."""
    answer = _ask(aws, model, Question("I am Alice"), **pii("NAME"))
    assert (answer.verdict.outcome, answer.verdict.text) == (Outcome.MASKED, "I am {NAME}")


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_question_is_blocked(aws: Clients, model: ModelSettings) -> None:
    """The guardrail's message, and the one finding."""
    answer = _ask(aws, model, Question("forbidden"))
    assert (answer.verdict.outcome, answer.verdict.message) == (Outcome.BLOCKED, "Input refused.")
    assert [finding.action for finding in answer.verdict.findings] == ["BLOCKED"]


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_answer_is_blocked(aws: Clients, model: ModelSettings) -> None:
    """A word that only the answer's direction forbids."""
    answer = _ask(aws, model, Question("forbidden"), **words("forbidden", inputEnabled=False))
    assert (answer.verdict.outcome, answer.verdict.message) == (Outcome.BLOCKED, "Output refused.")


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_prompt_attack_is_found(aws: Clients, model: ModelSettings) -> None:
    """Tags and guardContent make the filter work on every way."""
    answer = _ask(aws, model, Question("ATTACK-HIGH"), **content("PROMPT_ATTACK"))
    assert answer.verdict.outcome is Outcome.BLOCKED


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_grounding_is_judged_from_the_passages(aws: Clients, model: ModelSettings) -> None:
    """Passages and question reach the grounding policy; an echo of both is grounded enough for a low threshold."""
    question = Question("is sky blue", (Passage("p1", "the sky is blue"),))
    assert _ask(aws, model, question, **grounding(GROUNDING=0.01)).verdict.outcome is Outcome.PASSED


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_passages_are_judged(aws: Clients, model: ModelSettings) -> None:
    """What is forbidden in a passage is not answered from."""
    question = Question("is sky blue", (Passage("p1", "forbidden"),))
    assert _ask(aws, model, question).verdict.outcome is Outcome.BLOCKED


@pytest.mark.parametrize("model", _MODELS.values(), ids=_MODELS)
def test_model_that_is_not_ready_has_its_own_error(aws: Clients, model: ModelSettings) -> None:
    """ModelNotReady keeps its name through the adapters, for the state machine to retry."""
    cold = ModelSettings(model.api, "x-not-ready", model.imported_body)
    with pytest.raises(StepguardError) as caught:
        _ask(aws, cold, Question("hi"))
    assert "NotReady" in type(caught.value).__name__


def test_long_text_is_guarded_in_chunks(aws: Clients) -> None:
    """A text over 25 text units is masked to its end."""
    guardrail = aws.control.create_guardrail(**configuration(**pii("NAME")))["guardrailId"]
    text = "All is well here. " * 2000 + "I am Alice."
    verdict = Guardrails(aws.runtime).check(GuardrailRef(guardrail, "DRAFT"), text, Layer.PREPROCESS, Direction.INPUT)
    assert verdict.outcome is Outcome.MASKED
    assert verdict.text == text.replace("Alice", "{NAME}")
