"""The three stages on prepared replies of AWS."""

from __future__ import annotations

from typing import Any

from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.invoke_model import invoke_model
from stepguard.aws.models import Models
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import (
    ALL_LAYERS,
    guard,
    with_layers,
)

SETTINGS = with_layers(*ALL_LAYERS)
QUESTION = "Write to sarah.j@email.com about MRN 1234567."
REQUEST: dict[str, Any] = {"kind": "prompt", "text": QUESTION, "caller": "test"}
MASKED = "Write to {EMAIL} about MRN 1234567."
ANSWERED: dict[str, Any] = {"outcome": "passed", "findings": [], "text": "An answer of the model."}


def ask_input(*replies: dict[str, Any] | Exception, modelled: bool = True) -> dict[str, Any]:
    """GuardInput's result for these replies of ApplyGuardrail."""
    return guard_input({"request": REQUEST}, SETTINGS, guard(*replies, modelled=modelled)[0])


def ask_answer(*replies: dict[str, Any] | Exception, modelled: bool = True) -> dict[str, Any]:
    """GuardAnswer's result on the model's answer for these replies of ApplyGuardrail."""
    document = {"request": REQUEST, "input_guard": ANSWERED | {"text": QUESTION}, "model": ANSWERED}
    return guard_answer({"document": document}, SETTINGS, guard(*replies, modelled=modelled)[0])


def ask_model(reply: dict[str, Any] | Exception, text: str = QUESTION) -> dict[str, Any]:
    """InvokeModel's result for this reply of Converse."""
    runtime = FakeClient("bedrock-runtime", converse=reply)
    return invoke_model({"request": REQUEST, "text": text}, SETTINGS, Models(runtime.client))
