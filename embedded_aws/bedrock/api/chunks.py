"""The chunks in which the models' own formats are streamed.

Sources: Bedrock's user guide (Llama's and Anthropic's bodies), OpenAI's API reference for the formats of imported
models; Bedrock's fields around them are inferred for all of these. https://docs.claude.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from embedded_aws.bedrock.api import bodies
from embedded_aws.bedrock.api.bodies import Body, Format
from embedded_aws.bedrock.models.base import Completion


class Write(Protocol):
    """Writes an answer as chunks; `blocked` is whether a guardrail blocked it."""

    def __call__(
        self, completion: Completion, body: Mapping[str, Any], pieces: Sequence[str], *, blocked: bool
    ) -> Iterator[Body]: ...


def _with_last(pieces: Sequence[str]) -> Iterator[tuple[str, bool]]:
    for number, piece in enumerate(pieces, 1):
        yield piece, number == len(pieces)


def _whole_in_pieces(chosen: Format, change: Callable[[Body, bool], None]) -> Write:
    """Chunks that have the shape of the whole answer, with one piece each."""

    def write(
        completion: Completion, body: Mapping[str, Any], pieces: Sequence[str], *, blocked: bool
    ) -> Iterator[Body]:
        shared: Body = {}
        for piece, last in _with_last(pieces):
            chunk = chosen.answer(Completion(piece, completion.stop, completion.input_tokens, 0), body)
            if last:
                whole = chosen.answer(completion, body)
                chunk |= {name: whole[name] for name in ("usage", "generation_token_count") if name in whole}
            chunk |= {name: shared.setdefault(name, chunk[name]) for name in ("id", "created") if name in chunk}
            change(chunk, last)
            yield chunk

    return write


def _llama(chunk: Body, last: bool) -> None:
    if not last:
        chunk["stop_reason"] = None


def _choices(chunk: Body, last: bool) -> None:
    if not last:
        chunk.pop("usage", None)
        for choice in chunk["choices"]:
            choice |= {name: None for name in ("finish_reason", "stop_reason") if name in choice}


def _chat(chunk: Body, last: bool) -> None:
    _choices(chunk, last)
    chunk["object"] = "chat.completion.chunk"
    for choice in chunk["choices"]:
        choice["delta"] = choice.pop("message")


def _anthropic(
    completion: Completion, body: Mapping[str, Any], pieces: Sequence[str], *, blocked: bool
) -> Iterator[Body]:
    message = bodies.ANTHROPIC.answer(completion, body)
    usage = {"input_tokens": completion.input_tokens, "output_tokens": 0}
    yield {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for piece in pieces:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    # After a block AWS sends this other spelling of the second member, as users of its clients reported.
    ended = {"stop_reason": "guardrail_intervened", "stopSequences": None} if blocked else {
        "stop_reason": completion.stop, "stop_sequence": None,
    }  # fmt: skip
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": completion.output_tokens}}
    yield {"type": "message_stop"}


FORMATS: Mapping[Format, Write] = {
    bodies.BEDROCK_COMPLETION: _whole_in_pieces(bodies.BEDROCK_COMPLETION, _llama),
    bodies.OPENAI_COMPLETION: _whole_in_pieces(bodies.OPENAI_COMPLETION, _choices),
    bodies.OPENAI_CHAT: _whole_in_pieces(bodies.OPENAI_CHAT, _chat),
    bodies.DEEPSEEK: _whole_in_pieces(bodies.DEEPSEEK, _choices),
    bodies.ANTHROPIC: _anthropic,
}
"""How each format is streamed; Text Generation Inference's is an endpoint's of SageMaker, which is not."""
