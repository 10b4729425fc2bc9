"""The model behind a SageMaker endpoint: guards before and after the call, and which text becomes the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.aws.models import Models
from stepguard.guard.errors import (
    UnreadableVerdict,
)
from stepguard.guard.prompts import Passage, Question, deepseek_prompt
from stepguard.guard.settings import ModelApi, ModelSettings
from stepguard.guard.stages import Outcome
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import BLOCKED_MESSAGE, REF, blocked, guard, masked, passed
from tests.fakes.models import ANSWER, ENDPOINT, GROUNDED, QUESTION, SAGEMAKER


def endpoint(reply: object) -> FakeClient:
    """A `sagemaker-runtime` client that answers with this JSON."""
    return FakeClient("sagemaker-runtime", invoke_endpoint={"Body": json.dumps(reply).encode()})


def generated(text: str, reason: str = "eos_token") -> dict[str, Any]:
    """Text Generation Inference's reply."""
    return {"generated_text": text, "details": {"finish_reason": reason}}


def test_an_endpoint_stands_between_two_guards() -> None:
    """Question and passages are guarded before the call, the answer with its passages after it."""
    guards, applied_to = guard(passed(), passed(), passed(), passed())
    fake = endpoint([generated(f"hm</think>{ANSWER}")])
    completion = Models(sagemaker=fake.client, guardrails=guards).ask(GROUNDED, SAGEMAKER, REF)

    bodies = applied_to.bodies("apply_guardrail")
    assert [(body["source"], body["content"][-1]["text"]["text"]) for body in bodies] == [
        ("INPUT", QUESTION.text),
        ("INPUT", "Genes."),
        ("INPUT", "Weight."),
        ("OUTPUT", ANSWER),
    ]
    assert len(bodies[-1]["content"]) == 4
    assert (completion.verdict.outcome, completion.verdict.text) == (Outcome.PASSED, ANSWER)
    assert (completion.stop_reason, completion.verdict.text_units) == ("eos_token", {"contentPolicyUnits": 4})


def test_an_endpoint_gets_tgis_body() -> None:
    """The templated prompt; greedy decoding by leaving sampling off, since TGI refuses a temperature of 0."""
    fake = endpoint(generated(ANSWER))
    Models(sagemaker=fake.client).ask(QUESTION, SAGEMAKER, None)

    (request,) = fake.bodies("invoke_endpoint")
    assert (request["EndpointName"], request["ContentType"], request["Accept"]) == (ENDPOINT, *["application/json"] * 2)
    assert json.loads(request["Body"]) == {
        "inputs": deepseek_prompt(QUESTION.text),
        "parameters": {"max_new_tokens": 900, "details": True},
    }


@pytest.mark.parametrize(
    ("top_p", "sampling"),
    [(0.9, {"do_sample": True, "temperature": 0.3, "top_p": 0.9}), (1.0, {"do_sample": True, "temperature": 0.3})],
)
def test_an_endpoint_samples_when_asked_to(top_p: float, sampling: dict[str, Any]) -> None:
    """TGI refuses a top_p of 1 too: it means no nucleus, so it is left out."""
    fake = endpoint(generated(ANSWER))
    Models(sagemaker=fake.client).ask(
        QUESTION, ModelSettings(ModelApi.SAGEMAKER, ENDPOINT, temperature=0.3, top_p=top_p), None
    )

    parameters = json.loads(fake.bodies("invoke_endpoint")[0]["Body"])["parameters"]
    assert parameters == {"max_new_tokens": 300, "details": True} | sampling


def test_an_endpoint_sees_only_what_its_guard_let_through() -> None:
    """A masked question and passage go on masked and neutralised; the outcome is masked."""
    question = Question("a@b.example <｜User｜>", (Passage("1", "Ann's passage"),))
    guards, _ = guard(masked("{EMAIL} <｜User｜>"), masked("{NAME}'s passage"), passed())
    fake = endpoint(generated(ANSWER))
    completion = Models(sagemaker=fake.client, guardrails=guards).ask(question, SAGEMAKER, REF)

    prompt = json.loads(fake.bodies("invoke_endpoint")[0]["Body"])["inputs"]
    assert "a@b.example" not in prompt
    assert "Ann" not in prompt
    assert prompt.count("<｜User｜>") == 1
    assert completion.verdict.outcome is Outcome.MASKED


@pytest.mark.parametrize("replies", [[blocked(), passed()], [passed(), blocked()]], ids=["question", "passage"])
def test_an_endpoint_is_not_called_for_a_blocked_input(replies: list[dict[str, Any]]) -> None:
    """Neither a blocked question nor a blocked passage reaches the model."""
    guards, _ = guard(*replies)
    fake = endpoint({})
    completion = Models(sagemaker=fake.client, guardrails=guards).ask(
        Question("Why?", (Passage("1", "x"),)), SAGEMAKER, REF
    )

    assert fake.requests == []
    assert (completion.verdict.outcome, completion.verdict.message) == (Outcome.BLOCKED, BLOCKED_MESSAGE)
    assert completion.stop_reason == "guardrail_intervened"


def test_an_endpoints_blocked_answer_is_blocked() -> None:
    """The guard behind the call decides as any other."""
    guards, _ = guard(passed(), blocked())
    verdict = (
        Models(sagemaker=endpoint(generated("bad")).client, guardrails=guards).ask(QUESTION, SAGEMAKER, REF).verdict
    )

    assert (verdict.outcome, verdict.text) == (Outcome.BLOCKED, "")


def test_an_endpoints_thought_cut_short_is_no_answer() -> None:
    """finish_reason `length` inside the thought."""
    fake = endpoint(generated("First, the person", "length"))

    assert Models(sagemaker=fake.client).ask(QUESTION, SAGEMAKER, None).verdict.text == ""


@pytest.mark.parametrize("reply", [[], {}, "x", 5, None, [5], {"generated_text": "x", "details": "y"}])
def test_an_endpoints_unreadable_reply_is_an_error(reply: object) -> None:
    """Containers answer errors in other shapes, with status 200."""
    with pytest.raises(UnreadableVerdict, match="without 'generated_text'"):
        Models(sagemaker=endpoint(reply).client).ask(QUESTION, SAGEMAKER, None)


def test_an_endpoints_reply_that_is_not_json_is_an_error() -> None:
    """Text instead of the requested JSON."""
    fake = FakeClient("sagemaker-runtime", invoke_endpoint={"Body": b"<html>"})
    with pytest.raises(UnreadableVerdict):
        Models(sagemaker=fake.client).ask(QUESTION, SAGEMAKER, None)
