"""Whether the model layer's guardrail checks answers against their passages."""

from __future__ import annotations

from functools import cache
from typing import Any

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import StepguardError
from stepguard.guard.grounding import checks_grounding
from stepguard.guard.settings import GuardrailRef


@cache
def grounding_of(ref: GuardrailRef | None) -> bool | None:
    """None if the guardrail cannot be read; False without one. Each version is read once."""
    return read_grounding(ref)


def read_grounding(ref: GuardrailRef | None, bedrock: Any = None) -> bool | None:
    """The same, read each time."""
    if ref is None:
        return False
    try:
        with aws_errors("GetGuardrail"):
            reader = bedrock or client("bedrock")
            return checks_grounding(reader.get_guardrail(guardrailIdentifier=ref.id, guardrailVersion=ref.version))
    except StepguardError:
        return None
