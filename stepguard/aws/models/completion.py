"""The result of a model call, and the client for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.prompts import Passage
from stepguard.guard.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer, reasoning removed, with the verdict of the guardrail around the call.

    `verdict.text` is the answer for the next state. `stop_reason` is the model's value. `tokens` counts input and
    output tokens if the model returns them, and `left_out`, the characters of passages that its context could not hold.
    `sources` are the passages that the service itself found and cited. `said` is what the model wrote if contextual
    grounding alone blocked it: it shows whether the model said that it does not know, and goes no further.
    """

    verdict: Verdict
    stop_reason: str
    tokens: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[Passage, ...] = ()
    said: str = ""


class RuntimeClient(Protocol):
    """The part of boto3's `bedrock-runtime` client that models need."""

    def converse(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""
        ...

    def converse_stream(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""
        ...

    def invoke_model_with_response_stream(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html"""
        ...

    def invoke_model(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"""
        ...


def read_object(raw: bytes, what: str) -> Mapping[str, Any]:
    """The JSON object of a body or chunk; `what` begins the message. Raises UnreadableVerdict."""
    try:
        found = json.loads(raw)
    except ValueError:
        raise UnreadableVerdict(f"{what} that is not JSON.") from None
    if not isinstance(found, dict):
        raise UnreadableVerdict(f"{what} that is not an object.")
    return found
