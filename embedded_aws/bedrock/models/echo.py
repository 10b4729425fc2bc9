"""A model that says the last user message back, at once: for tests and benchmarks of everything around a model."""

from __future__ import annotations

from embedded_aws.bedrock.models.base import Completion, Message, Sampling

_CHARACTERS_PER_TOKEN = 4


class EchoModel:
    """Answers with the text of the last user message, unchanged, with any sampling settings."""

    def complete(self, messages: tuple[Message, ...], sampling: Sampling) -> Completion:
        """Token counts are a quarter of the characters, rounded up."""
        text = next((message.text for message in reversed(messages) if message.role == "user"), "")
        return Completion(
            text=text,
            stop="end_turn",
            input_tokens=sum(_tokens(message.text) for message in messages),
            output_tokens=_tokens(text),
        )


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
