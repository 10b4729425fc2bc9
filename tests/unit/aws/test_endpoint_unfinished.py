"""A SageMaker endpoint that does not say why it stopped."""

from __future__ import annotations

import json

from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Models
from stepguard.guard.prompts import Question
from stepguard.guard.settings import ModelApi, ModelSettings
from tests.fakes.aws import FakeClient

SAGEMAKER = ModelSettings(api=ModelApi.SAGEMAKER, id="endpoint")


def _ask(generated: str) -> str:
    reply = {"Body": json.dumps([{"generated_text": generated}]).encode()}
    sagemaker = FakeClient("sagemaker-runtime", invoke_endpoint=reply)
    return (
        Models(sagemaker=sagemaker.client, guardrails=Guardrails()).ask(Question("Why?"), SAGEMAKER, None).verdict.text
    )


def test_reasoning_without_an_end_is_no_answer_when_the_stop_reason_is_unknown() -> None:
    """It may be the middle of a thought."""
    assert _ask("First I consider that") == ""


def test_answer_behind_a_closed_thought_needs_no_stop_reason() -> None:
    """What stands behind the end of the thought is the answer."""
    assert _ask("I consider.</think>Because.") == "Because."
