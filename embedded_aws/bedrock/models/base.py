"""The prompt and answer of a local model, the same for all APIs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Role = Literal["system", "user", "assistant"]
Stop = Literal["end_turn", "max_tokens"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to generate; `max_tokens` None means the model's own limit."""

    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer with the token counts that usage reports."""

    text: str
    stop: Stop
    input_tokens: int
    output_tokens: int


class Model(Protocol):
    """A model that continues a conversation. Safe to call from several threads."""

    def complete(self, messages: tuple[Message, ...], sampling: Sampling) -> Completion:
        """Answer the last user message. Raises ServiceError in Bedrock's terms."""


Writing = Generator[str, None, Completion]
"""An answer in parts as they are written; the whole one, which consists of them, at the end."""


@runtime_checkable
class Writer(Model, Protocol):
    """A model that gives its answer in parts while it writes."""

    def write(self, messages: tuple[Message, ...], sampling: Sampling) -> Writing:
        """Answer the last user message. Raises ServiceError in Bedrock's terms."""


def write(model: Model, messages: tuple[Message, ...], sampling: Sampling) -> Writing:
    """A model's answer in parts; from a model that answers at once, one part."""
    if isinstance(model, Writer):
        return (yield from model.write(messages, sampling))
    completion = model.complete(messages, sampling)
    if completion.text:
        yield completion.text
    return completion
