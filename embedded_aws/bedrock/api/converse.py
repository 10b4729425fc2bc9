"""Converse: one conversation turn with the local model, guarded inline.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from embedded_aws.bedrock.api.inline import Guard, newest_turn, strongest
from embedded_aws.bedrock.api.streams import alone, begun, converse_events, peek, release, whole, written
from embedded_aws.bedrock.images import check_image, check_number
from embedded_aws.bedrock.judge.evaluation import GROUNDING_SOURCE, QUERY, Block, Evaluation
from embedded_aws.bedrock.knowledge.answering import answer_from, numbered
from embedded_aws.bedrock.models.base import Completion, Message, Model, Role, Sampling, write
from embedded_aws.bedrock.models.prompts import THINK, split_thought
from embedded_aws.wire import ServiceError
from embedded_aws.wire.event_stream import Event

_IGNORED = {"cachePoint"}
_REFUSED = ("outputConfig", "promptVariables", "additionalModelRequestFields", "additionalModelResponseFieldPaths")
"""Members that would change the answer. Those that change only price, speed or logs are taken without effect."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One text or image of the request, alone or in a guardContent block."""

    role: Role
    turn: int
    text: str
    marked: bool
    qualifiers: frozenset[str] = frozenset()
    image: bytes | None = None

    @property
    def block(self) -> Block:
        return Block(self.text, self.qualifiers, self.image)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose prompt is judged; `refused` is the answer if that was blocked."""

    request: Mapping[str, Any]
    parts: Sequence[_Part]
    guard: Guard | None
    blocks: Sequence[Block]
    checked: Evaluation | None
    started: float
    traced: bool
    reasoning: bool
    refused: dict[str, Any] | None = None

    def judge(self, text: str) -> Evaluation:
        assert self.guard is not None
        return self.guard.output(text, self.blocks)

    def answer(self, completion: Completion, judged: Evaluation | None, thought: str = "") -> dict[str, Any]:
        """The answer to the request, from the text that the model wrote and the verdict on it."""
        text, stop = completion.text, str(completion.stop)
        content: list[dict[str, Any]] = [{"text": judged.outputs[0] if judged and judged.outputs else text}]
        if thought and not (judged and judged.blocked):
            content.append({"reasoningContent": {"reasoningText": {"text": thought}}})
        if any(one is not None and one.intervened for one in (self.checked, judged)):
            stop = "guardrail_intervened"
        trace = _trace(self.guard, self.checked, judged, text) if self.guard and self.traced else None
        return _answer(content, stop, (completion.input_tokens, completion.output_tokens), self.started, trace)


def converse(
    request: Mapping[str, Any], model: Model, guard: Guard | None, *, reasoning: bool, traced: bool
) -> dict[str, Any]:
    """Answer a Converse request.

    Images are taken for the guardrail's sake: the local models cannot see, they read `[image]` in an image's place.
    `reasoning` splits a `<think>` part of the answer off into a reasoningContent block, which guardrails do not
    see. Raises ServiceError.
    """
    asked = _ask(request, guard, reasoning=reasoning, traced=traced)
    if asked.refused is not None:
        return asked.refused
    completion, thought = _complete(asked, model)
    judged = asked.judge(completion.text) if guard and completion.text.strip() else None
    return asked.answer(completion, judged, thought)


def converse_stream(
    request: Mapping[str, Any], model: Model, guard: Guard | None, *, reasoning: bool, traced: bool, behind: bool
) -> Iterator[Event]:
    """The events of a ConverseStream request, while the model writes. Raises ServiceError before the first one.

    `behind` is the asynchronous mode of the guardrail. An answer that begins with a thought comes whole.
    """
    asked = _ask(request, guard, reasoning=reasoning, traced=traced)
    if asked.refused is not None:
        refused = asked.refused
        return converse_events(alone(refused["output"]["message"]["content"][0]["text"]), lambda _: refused)
    thought = ""
    if _sources(asked):
        completion, thought = _complete(asked, model)
        writing = whole(completion)
    else:
        writing = begun(write(model, tuple(_messages(asked.parts)), _sampling(request.get("inferenceConfig") or {})))
        if reasoning:
            beginning, writing = peek(writing, len(THINK))
            if beginning.lstrip().startswith(THINK):
                completion = written(writing)
                thought, text = split_thought(completion.text)
                writing = whole(replace(completion, text=text))
    grounded = guard is not None and guard.compares(asked.blocks)
    pieces = release(writing, asked.judge if guard else None, behind=behind, at_once=grounded)
    return converse_events(pieces, lambda released: asked.answer(released.said, released.judged, thought))


def _ask(request: Mapping[str, Any], guard: Guard | None, *, reasoning: bool, traced: bool) -> _Asked:
    """Read the request and judge its prompt; masked texts replace the original ones. Raises ServiceError."""
    started = time.perf_counter()
    parts = _parts(request, images=guard is not None)
    if guard is None:
        return _Asked(request, parts, None, (), None, started, traced, reasoning)
    positions = _guarded(parts)
    blocks = [parts[position].block for position in positions]
    newest = newest_turn((part.role, part.turn) for part in parts)
    checked = guard.input(
        blocks,
        {number for number, position in enumerate(positions) if parts[position].turn in newest},
        prompt_characters=sum(len(part.text) for part in parts),
        prompt_images=sum(part.image is not None for part in parts),
    )
    refused = None
    if checked.blocked:
        trace = _trace(guard, checked, None, None) if traced else None
        refused = _answer([{"text": checked.outputs[0]}], "guardrail_intervened", (0, 0), started, trace)
    else:
        for number, text in zip(checked.guarded, checked.outputs, strict=bool(checked.outputs)):
            position = positions[number]
            parts[position] = replace(parts[position], text=text)
    return _Asked(request, parts, guard, blocks, checked, started, traced, reasoning, refused)


def _complete(asked: _Asked, model: Model) -> tuple[Completion, str]:
    """The model's answer, or one from the sentences of numbered sources; its thought apart."""
    sources, parts = _sources(asked), asked.parts
    if sources:
        questions = [part.text for part in parts if QUERY in part.qualifiers]
        text = answer_from(sources, questions[-1])
        read = sum(len(part.text.split()) for part in parts)
        completion = Completion(text, "end_turn", read, len(text.split()))
    else:
        sampling = _sampling(asked.request.get("inferenceConfig") or {})
        completion = model.complete(tuple(_messages(parts)), sampling)
    thought, text = split_thought(completion.text) if asked.reasoning else ("", completion.text)
    return replace(completion, text=text), thought


def _sources(asked: _Asked) -> list[str]:
    """The numbered sources of a request that has a question to them."""
    if not any(QUERY in part.qualifiers for part in asked.parts):
        return []
    return [part.text for part in asked.parts if GROUNDING_SOURCE in part.qualifiers and numbered(part.text)]


def _answer(
    content: list[dict[str, Any]],
    stop: str,
    tokens: tuple[int, int],
    started: float,
    trace: dict[str, Any] | None,
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {"inputTokens": tokens[0], "outputTokens": tokens[1], "totalTokens": sum(tokens)},
        "metrics": {"latencyMs": round((time.perf_counter() - started) * 1000)},
    }
    if trace is not None:
        answer["trace"] = {"guardrail": trace}
    return answer


def _trace(guard: Guard, checked: Evaluation | None, judged: Evaluation | None, text: str | None) -> dict[str, Any]:
    trace: dict[str, Any] = {"actionReason": strongest(checked, judged)}
    if text is not None:
        trace["modelOutput"] = [text]
    if checked is not None:
        trace["inputAssessment"] = {guard.guardrail.id: checked.assessment}
    if judged is not None:
        trace["outputAssessments"] = {guard.guardrail.id: [judged.assessment]}
    return trace


# --- reading the request --------------------------------------------------------------------------------------------


def _parts(request: Mapping[str, Any], *, images: bool) -> list[_Part]:
    if request.get("toolConfig"):
        raise ServiceError("ValidationException", "This model doesn't support tool use.")
    for member in _REFUSED:
        if request.get(member):
            raise ServiceError(
                "ValidationException", f"stepguard's embedded AWS does not implement {member} of Converse."
            )
    messages = request.get("messages") or []
    _check_turns([message["role"] for message in messages])
    parts = list(_read(request.get("system") or [], "system", -1, "system", images=images))
    for turn, message in enumerate(messages):
        parts += _read(message["content"], message["role"], turn, f"messages.{turn}.content", images=images)
    check_number(sum(part.image is not None for part in parts))
    return parts


def _check_turns(roles: Sequence[str]) -> None:
    spoken = [role for role in roles if role != "system"]
    if not spoken or spoken[0] != "user":
        raise ServiceError(
            "ValidationException",
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message.",
        )
    if any(first == second for first, second in pairwise(spoken)):
        raise ServiceError(
            "ValidationException",
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again.",
        )
    if spoken[-1] != "user":
        raise ServiceError(
            "ValidationException",
            "The model that you are using requires the last turn in the conversation to be a user message. Add a user "
            "message to the conversation and try again.",
        )


def _read(content: Sequence[Mapping[str, Any]], role: Role, turn: int, where: str, *, images: bool) -> Iterator[_Part]:
    """A message's texts and images. Reasoning of earlier turns is dropped: neither guardrails nor models see it."""
    for number, block in enumerate(content):
        guarded = block.get("guardContent")
        inner = guarded or block
        if "text" in inner:
            yield _text(inner["text"] if guarded else inner, role, turn, f"{where}.{number}", marked=bool(guarded))
        elif "image" in inner and images:
            yield _Part(role, turn, "", bool(guarded), image=_image(inner["image"], f"{where}.{number}"))
        elif "reasoningContent" not in block and not _IGNORED.intersection(block):
            kind = next(iter(inner), "content")
            raise ServiceError(
                "ValidationException",
                f"This model doesn't support the {kind} field. Remove {kind} and try again.",
            )


def _text(inner: Mapping[str, Any], role: Role, turn: int, where: str, *, marked: bool) -> _Part:
    if not inner["text"].strip():
        raise ServiceError(
            "ValidationException",
            f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try "
            "again.",
        )
    return _Part(role, turn, inner["text"], marked, frozenset(inner.get("qualifiers") or ()) if marked else frozenset())


def _image(image: Mapping[str, Any], where: str) -> bytes:
    if "bytes" not in image["source"]:
        raise ServiceError(
            "ValidationException", f"The image at '{where}' must be given as bytes, not as an S3 location."
        )
    return check_image(image["format"], image["source"]["bytes"], where)


def _guarded(parts: Sequence[_Part]) -> list[int]:
    """What the guardrail gets to see: guardContent if there is any, otherwise all messages but no system prompt."""
    marked = [position for position, part in enumerate(parts) if part.marked]
    return marked or [position for position, part in enumerate(parts) if part.turn >= 0]


def _messages(parts: Sequence[_Part]) -> Iterator[Message]:
    """Each turn as one message."""
    for turn in dict.fromkeys(part.turn for part in parts):
        own = [part for part in parts if part.turn == turn]
        yield Message(own[0].role, "\n".join("[image]" if part.image else part.text for part in own))


def _sampling(config: Mapping[str, Any]) -> Sampling:
    return Sampling(
        max_tokens=config.get("maxTokens"),
        temperature=config.get("temperature", 0.0),
        top_p=config.get("topP", 1.0),
        stop=tuple(config.get("stopSequences") or ()),
    )
