"""Answers in pieces: how a guardrail releases a text while it is written, and the events that hold its pieces.

Recorded on AWS: the order of Converse's events, no contentBlockStart for text, one piece for a masked text, pieces that
end in the middle of a word, an answer of 889 characters that the synchronous mode held back whole. Inferred: the sizes,
that a longer answer is released by text units, and everything in asynchronous mode but that it does not mask.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from embedded_aws.bedrock.judge.evaluation import Evaluation
from embedded_aws.bedrock.models.base import Completion, Writing
from embedded_aws.bedrock.policies.base import CHARACTERS_PER_UNIT
from embedded_aws.wire.event_stream import Event

JUDGED = 400
"""Characters of a piece that a guardrail has judged."""
FREE = 16
"""Characters of a piece without a guardrail, or with one that judges behind."""
TAIL = 100
"""Characters that are kept back behind a judged piece, and judged again with what follows."""


class Piece(NamedTuple):
    """A piece of an answer; `acted` is whether the guardrail has intervened in the answer."""

    text: str
    acted: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """What the model wrote, and the verdict that decided on it; None without a guardrail."""

    said: Completion
    judged: Evaluation | None = None

    @property
    def blocked(self) -> bool:
        return self.judged is not None and self.judged.blocked


Releasing = Generator[Piece, None, Released]
Judging = Callable[[str], Evaluation]


class Leaving:
    """The pieces of an answer, to go through once; `released` is there when they are at their end."""

    released: Released

    def __init__(self, pieces: Releasing) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[Piece]:
        self.released = yield from self._pieces


def begun(writing: Writing) -> Writing:
    """The same answer, after its first part has come: what the model refuses is an error of the call, not an event."""
    try:
        first = next(writing)
    except StopIteration as ended:
        return whole(ended.value)
    return _go_on(first, writing)


def _go_on(first: str, writing: Writing) -> Writing:
    yield first
    return (yield from writing)


def peek(writing: Writing, characters: int) -> tuple[str, Writing]:
    """The beginning of an answer, of that many characters without leading blanks, and the whole answer in parts."""
    text = ""
    while len(text.lstrip()) < characters:
        try:
            text += next(writing)
        except StopIteration as ended:
            return text, whole(ended.value)
    return text, _go_on(text, writing)


def whole(completion: Completion) -> Writing:
    """An answer that is complete already."""
    if completion.text:
        yield completion.text
    return completion


def written(writing: Writing) -> Completion:
    """The whole answer, when it is written."""
    while True:
        try:
            next(writing)
        except StopIteration as ended:
            said: Completion = ended.value
            return said


def alone(message: str) -> Releasing:
    """The guardrail's message in place of an answer."""
    yield Piece(message, acted=True)
    return Released(Completion(message, "end_turn", 0, 0))


def release(writing: Writing, judge: Judging | None, *, behind: bool = False, at_once: bool = False) -> Releasing:
    """The pieces of an answer that may leave, while it is written.

    In synchronous mode they leave when the guardrail has judged them, a text unit at a time; `at_once` holds back the
    whole answer, whose grounding cannot be judged in parts. `behind` is the asynchronous mode: it judges what has left,
    so it masks nothing, and after a block its message follows.
    """
    text, left, judged_to, masks = "", 0, 0, False
    while True:
        try:
            part = next(writing)
        except StopIteration as ended:
            said: Completion = ended.value
            break
        text += part
        if judge is None or behind:
            yield from _cut(part, FREE)
            left = len(text)
        if judge is None or at_once or masks or len(text) - judged_to < CHARACTERS_PER_UNIT:
            continue
        judged = judge(text[max(0, judged_to - TAIL) :])
        if judged.blocked:
            yield Piece(judged.outputs[0], acted=True)
            return Released(written(writing), judged)  # the rest is counted, and not sent
        judged_to = len(text)
        masks = judged.masked and not behind  # what follows comes as one masked text
        if not (masks or behind):
            judged_to = _last_blank(text, left, len(text) - TAIL)
            yield from _cut(text[left:judged_to], JUDGED)
            left = judged_to
    if judge is None or not said.text.strip():
        return Released(said)
    final = judge(said.text)
    if final.blocked:
        yield Piece(final.outputs[0], acted=True)
    elif final.outputs and not behind:
        masked = final.outputs[0]
        yield Piece(masked[_common(masked, said.text[:left]) :], acted=True)
    else:
        yield from _cut(said.text[left:], JUDGED)
    return Released(said, final)


def _cut(text: str, size: int) -> Iterator[Piece]:
    return (Piece(text[start : start + size]) for start in range(0, len(text), size))


def _common(first: str, second: str) -> int:
    """The length of the beginning that two texts have in common."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))


def _last_blank(text: str, start: int, end: int) -> int:
    return next((place for place in range(end, start, -1) if text[place - 1].isspace()), start)


def converse_events(pieces: Releasing, finish: Callable[[Released], Mapping[str, Any]]) -> Iterator[Event]:
    """The events of a Converse answer. `finish` makes the whole answer, whose text the pieces were."""
    yield {"messageStart": {"role": "assistant"}}
    sent = False
    leaving = Leaving(pieces)
    for piece in leaving:
        sent = True
        yield _delta(0, {"text": piece.text})
    if not sent:
        yield _delta(0, {"text": ""})
    yield {"contentBlockStop": {"contentBlockIndex": 0}}
    answer = finish(leaving.released)
    for index, block in enumerate(answer["output"]["message"]["content"]):
        if "reasoningContent" in block:
            for thought in _cut(block["reasoningContent"]["reasoningText"]["text"], FREE):
                yield _delta(index, {"reasoningContent": {"text": thought.text}})
            yield {"contentBlockStop": {"contentBlockIndex": index}}
    yield {"messageStop": {"stopReason": answer["stopReason"]}}
    yield {"metadata": {name: answer[name] for name in ("usage", "metrics", "trace") if name in answer}}


def _delta(index: int, delta: Mapping[str, Any]) -> Event:
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}}


def generated_events(pieces: Releasing, finish: Callable[[Released], Mapping[str, Any]]) -> Iterator[Event]:
    """The events of a RetrieveAndGenerate answer. The stream has no event that ends it, as on AWS."""
    leaving = Leaving(pieces)
    for piece in leaving:
        yield {"output": {"text": piece.text}}
    answer = finish(leaving.released)
    for citation in answer["citations"]:
        yield {"citation": {**citation, "citation": citation}}
    if (action := answer.get("guardrailAction")) is not None:
        yield {"guardrail": {"action": action}}
