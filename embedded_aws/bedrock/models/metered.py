"""Models under the quota of tokens."""

from __future__ import annotations

from dataclasses import dataclass

from embedded_aws.bedrock.models.base import Completion, Message, Model, Sampling, Writing, write
from embedded_aws.wire.quotas import Quotas

CHARACTERS_PER_TOKEN = 4
DEFAULT_TOKENS = 256
"""Reserved for an answer without a limit."""


@dataclass(frozen=True, slots=True)
class MeteredModel:
    """Takes the tokens of the prompt and the most tokens of the answer first, as Bedrock does, and puts the rest back.

    A call without enough tokens is refused.
    """

    model: Model
    quotas: Quotas

    def complete(self, messages: tuple[Message, ...], sampling: Sampling) -> Completion:
        """The model's answer. Raises ServiceError."""
        reserved, used = self._reserve(messages, sampling), 0
        try:
            completion = self.model.complete(messages, sampling)
            used = completion.input_tokens + completion.output_tokens
        finally:
            self.quotas.give_back_tokens(max(0, reserved - used))
        return completion

    def write(self, messages: tuple[Message, ...], sampling: Sampling) -> Writing:
        """The model's answer in parts. Raises ServiceError."""
        reserved, used = self._reserve(messages, sampling), 0
        try:
            completion = yield from write(self.model, messages, sampling)
            used = completion.input_tokens + completion.output_tokens
        finally:
            self.quotas.give_back_tokens(max(0, reserved - used))
        return completion

    def _reserve(self, messages: tuple[Message, ...], sampling: Sampling) -> int:
        prompt = sum(len(message.text) for message in messages) // CHARACTERS_PER_TOKEN
        reserved = prompt + (sampling.max_tokens or DEFAULT_TOKENS)
        self.quotas.check_tokens(reserved)
        return reserved
