"""The chunks in which the models' own formats are streamed.

Sources: the user guides of Bedrock (Llama's, Mistral's and Anthropic's bodies) and Nova, OpenAI's API reference for the
formats of imported models; Bedrock's fields around them are inferred for all of these, and so is the last chunk without
text, which has the counts. https://docs.claude.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from embedded_aws.bedrock.api import bodies
from embedded_aws.bedrock.api.bodies import Body, Format
from embedded_aws.bedrock.models.base import Completion


class Chunks(Protocol):
    """The chunks of one answer. `counts_first`: they begin with the prompt's tokens, which the answer's end tells."""

    counts_first: bool

    def begin(self, completion: Completion | None) -> Iterator[Body]:
        """Before the first text; the completion is there if the counts come first."""

    def part(self, text: str) -> Body:
        """A piece of the text."""

    def end(self, completion: Completion, *, blocked: bool) -> Iterator[Body]:
        """After the last text; `blocked` is whether a guardrail blocked."""


class _Whole:
    """Chunks that have the shape of the whole answer, with one piece each."""

    counts_first = False

    def __init__(self, chosen: Format, change: Callable[[Body, bool], None], body: Mapping[str, Any]) -> None:
        self._chosen = chosen
        self._change = change
        self._body = body
        self._shared: Body = {}

    def begin(self, completion: Completion | None) -> Iterator[Body]:
        yield from ()

    def part(self, text: str) -> Body:
        return self._chunk(Completion(text, "end_turn", 0, 0), last=False)

    def end(self, completion: Completion, *, blocked: bool) -> Iterator[Body]:
        counts = completion.input_tokens, completion.output_tokens
        yield self._chunk(Completion("", completion.stop, *counts), last=True)

    def _chunk(self, completion: Completion, *, last: bool) -> Body:
        chunk = self._chosen.answer(completion, self._body)
        chunk |= {name: self._shared.setdefault(name, chunk[name]) for name in ("id", "created") if name in chunk}
        self._change(chunk, last)
        return chunk


def _llama(chunk: Body, last: bool) -> None:
    if not last:
        chunk |= dict.fromkeys(("prompt_token_count", "generation_token_count", "stop_reason"))


def _choices(chunk: Body, last: bool) -> None:
    if not last:
        chunk.pop("usage", None)
        for choice in chunk.get("choices") or chunk["outputs"]:
            choice |= {name: None for name in ("finish_reason", "stop_reason") if name in choice}


def _chat(chunk: Body, last: bool) -> None:
    _choices(chunk, last)
    chunk["object"] = "chat.completion.chunk"
    for choice in chunk["choices"]:
        choice["delta"] = choice.pop("message")


class _Nova:
    counts_first = False

    def begin(self, completion: Completion | None) -> Iterator[Body]:
        yield {"messageStart": {"role": "assistant"}}

    def part(self, text: str) -> Body:
        return {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}

    def end(self, completion: Completion, *, blocked: bool) -> Iterator[Body]:
        yield {"contentBlockStop": {"contentBlockIndex": 0}}
        yield {"messageStop": {"stopReason": completion.stop}}
        yield {"metadata": {"usage": bodies.NOVA.answer(completion, {})["usage"], "metrics": {}, "trace": {}}}


class _Anthropic:
    counts_first = True

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def begin(self, completion: Completion | None) -> Iterator[Body]:
        assert completion is not None
        message = bodies.ANTHROPIC.answer(completion, self._body)
        usage = {"input_tokens": completion.input_tokens, "output_tokens": 0}
        yield {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": usage}}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}

    def part(self, text: str) -> Body:
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}

    def end(self, completion: Completion, *, blocked: bool) -> Iterator[Body]:
        yield {"type": "content_block_stop", "index": 0}
        # After a block AWS sends this other spelling of the second member, as users of its clients reported.
        ended = {"stop_reason": "guardrail_intervened", "stopSequences": None} if blocked else {
            "stop_reason": completion.stop, "stop_sequence": None,
        }  # fmt: skip
        yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": completion.output_tokens}}
        yield {"type": "message_stop"}


FORMATS: Mapping[Format, Callable[[Mapping[str, Any]], Chunks]] = {
    bodies.BEDROCK_COMPLETION: lambda body: _Whole(bodies.BEDROCK_COMPLETION, _llama, body),
    bodies.OPENAI_COMPLETION: lambda body: _Whole(bodies.OPENAI_COMPLETION, _choices, body),
    bodies.OPENAI_CHAT: lambda body: _Whole(bodies.OPENAI_CHAT, _chat, body),
    bodies.DEEPSEEK: lambda body: _Whole(bodies.DEEPSEEK, _choices, body),
    bodies.MISTRAL_TEXT: lambda body: _Whole(bodies.MISTRAL_TEXT, _choices, body),
    bodies.MISTRAL_CHAT: lambda body: _Whole(bodies.MISTRAL_CHAT, _choices, body),
    bodies.NOVA: lambda _: _Nova(),
    bodies.ANTHROPIC: _Anthropic,
}
"""How each format is streamed; Text Generation Inference's is an endpoint's of SageMaker, which is not."""
