"""InvokeModel, whole and as a stream: a body in one of the models' own formats, guarded inline.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-invoke-model-api.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedded_aws.bedrock.api import bodies, families, tags
from embedded_aws.bedrock.api.bodies import GUARDRAIL_ACTION, GUARDRAIL_CONFIG, Body, Format, Slot
from embedded_aws.bedrock.api.chunks import FORMATS, Chunks
from embedded_aws.bedrock.api.inline import Guard, newest_turn, strongest
from embedded_aws.bedrock.api.streams import Leaving, Releasing, alone, begun, release, whole, written
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation
from embedded_aws.bedrock.models.base import Completion, Message, Model, Sampling, write
from embedded_aws.wire import ServiceError


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request whose prompt is judged; `refused` is the guardrail's message if that was blocked."""

    chosen: Format
    body: Body
    guard: Guard | None
    mode: str | None = None
    blocks: Sequence[Block] = ()
    checked: Evaluation | None = None
    messages: tuple[Message, ...] = ()
    in_thought: bool = False

    @property
    def refused(self) -> str | None:
        return self.checked.outputs[0] if self.checked is not None and self.checked.blocked else None

    @property
    def sampling(self) -> Sampling:
        return self.chosen.sampling(self.body)

    def judge(self, text: str) -> Evaluation:
        assert self.guard is not None
        return self.guard.output(text, self.blocks)

    def acted(self, *, judged: bool) -> Body:
        """Whether the guardrail intervened, for each body and chunk; `judged` is whether it did in the answer."""
        if self.guard is None:
            return {}
        intervened = judged or (self.checked is not None and self.checked.intervened)
        return {GUARDRAIL_ACTION: "INTERVENED" if intervened else "NONE"}

    def trace(self, judged: Evaluation | None, said: str | None) -> Body:
        """What the guardrail found, for a body or the last chunk; `said` is what the model wrote, if it was called."""
        if self.guard is None:
            return {}
        trace: Body = {"actionReason": strongest(self.checked, judged)}
        if said is not None:
            trace["modelOutput"] = [said]
        if self.checked is not None:
            trace["input"] = {self.guard.guardrail.id: self.checked.assessment}
        if judged is not None:
            trace["outputs"] = [{self.guard.guardrail.id: judged.assessment}]
        return {"amazon-bedrock-trace": {"guardrail": trace}}


def invoke_model(
    request: Mapping[str, Any], model: Model, guard: Guard | None, *, traced: bool
) -> tuple[bytes, Completion]:
    """Answer an InvokeModel request: the body, and what it holds. Raises ServiceError."""
    asked = _ask(request, guard)
    made, judged, said = Completion(asked.refused or "", "end_turn", 0, 0), None, None
    if asked.refused is None:
        completion = bodies.closed(model.complete(asked.messages, asked.sampling), asked.in_thought)
        judged, said = asked.judge(completion.text) if guard and completion.text.strip() else None, completion.text
        made = replace(completion, text=judged.outputs[0]) if judged and judged.outputs else completion
    answer = asked.chosen.answer(made, asked.body) | asked.acted(judged=judged is not None and judged.intervened)
    return _dump(answer | (asked.trace(judged, said) if traced else {})), made


def invoke_stream(request: Mapping[str, Any], model: Model, guard: Guard | None, *, traced: bool) -> Iterator[bytes]:
    """The chunks of an InvokeModelWithResponseStream request, while the model writes. Raises ServiceError before the
    first one.

    Each chunk says whether the guardrail has intervened, the last one has the trace and the metrics: recorded for
    Titan's body, inferred for the others.
    """
    started = time.perf_counter()
    asked = _ask(request, guard)
    if asked.chosen not in FORMATS:
        raise bodies.malformed("this body has no streams.")
    chunks = FORMATS[asked.chosen](asked.body)
    if asked.refused is not None:
        first = Completion(asked.refused, "end_turn", 0, 0)
        return _stream(asked, chunks, alone(asked.refused), first, started, traced=traced)
    writing = begun(write(model, asked.messages, asked.sampling))
    if asked.in_thought:
        writing = bodies.in_thought(writing)
    counted = written(writing) if chunks.counts_first else None
    grounded = guard is not None and guard.compares(asked.blocks)
    pieces = release(
        writing if counted is None else whole(counted),
        asked.judge if guard else None,
        behind=asked.mode == "ASYNCHRONOUS",
        at_once=grounded or counted is not None,
    )
    return _stream(asked, chunks, pieces, counted, started, traced=traced)


def _stream(
    asked: _Asked, chunks: Chunks, pieces: Releasing, counted: Completion | None, started: float, *, traced: bool
) -> Iterator[bytes]:
    heard: float | None = None
    waiting = list(chunks.begin(counted))  # until it is known whether the guardrail has acted
    acted = False
    leaving = Leaving(pieces)
    for piece in leaving:
        heard, acted = heard or time.perf_counter(), piece.acted
        for chunk in [*waiting, chunks.part(piece.text)]:
            yield _dump(chunk | asked.acted(judged=acted))
        waiting = []
    released = leaving.released
    intervened = released.judged is not None and released.judged.intervened
    blocked = released.blocked or asked.refused is not None
    rest = [*waiting, *chunks.end(released.said, blocked=blocked)]
    for chunk in rest[:-1]:
        yield _dump(chunk | asked.acted(judged=intervened))
    now = time.perf_counter()
    metrics = {
        "inputTokenCount": released.said.input_tokens,
        "outputTokenCount": released.said.output_tokens,
        "invocationLatency": round((now - started) * 1000),
        "firstByteLatency": round(((heard or now) - started) * 1000),
    }
    last = rest[-1] | {"amazon-bedrock-invocationMetrics": metrics} | asked.acted(judged=intervened)
    said = None if asked.refused is not None else released.said.text
    yield _dump(last | (asked.trace(released.judged, said) if traced else {}))


def _ask(request: Mapping[str, Any], guard: Guard | None) -> _Asked:
    body = bodies.parse(request.get("body") or b"")
    suffix, mode = _configuration(body, guard, request.get("contentType"))
    chosen = families.choose(body, request["modelId"])
    if chosen is bodies.ANTHROPIC:
        families.name_model(body, request["modelId"])
    chosen.sampling(body)  # what is not implemented is refused, whatever the guardrail says
    slots = bodies.slots(body)
    split = [tags.split(slot.text, suffix) for slot in slots]
    asked = _Asked(chosen, body, guard, mode)
    if guard is not None:
        checked, blocks = _check_input(guard, slots, split)
        asked = replace(asked, checked=checked, blocks=blocks)
        if checked.blocked:
            return asked
    for slot, parts in zip(slots, split, strict=True):
        slot.put("".join(part.text for part in parts))
    conversation, in_thought = bodies.messages(slots)
    return replace(asked, messages=conversation, in_thought=in_thought)


def _configuration(body: Body, guard: Guard | None, content_type: str | None) -> tuple[str | None, str | None]:
    """The tag suffix and the stream's mode in the body's guardrail configuration, which goes no further than this."""
    config = body.pop(GUARDRAIL_CONFIG, None)
    if guard is None:
        if config is not None:
            raise ServiceError("ValidationException", f"{GUARDRAIL_CONFIG} is given without a guardrailIdentifier.")
        return None, None
    if content_type and content_type.partition(";")[0].strip().lower() != "application/json":
        raise ServiceError("ValidationException", "A guardrail requires the content type application/json.")
    if config is None:
        return None, None
    if not isinstance(config, dict):
        raise ServiceError("ValidationException", f"{GUARDRAIL_CONFIG} must be an object.")
    suffix, mode = config.get("tagSuffix"), config.get("streamProcessingMode")
    if mode not in (None, "SYNCHRONOUS", "ASYNCHRONOUS"):
        raise ServiceError(
            "ValidationException", f"{GUARDRAIL_CONFIG}.streamProcessingMode must be SYNCHRONOUS or ASYNCHRONOUS."
        )
    if (suffix is not None or mode is None) and not tags.valid_suffix(suffix):
        raise ServiceError("ValidationException", f"{GUARDRAIL_CONFIG}.tagSuffix must be 1 to 20 letters and digits.")
    return suffix, mode


def _check_input(guard: Guard, slots: list[Slot], split: list[list[tags.Tagged]]) -> tuple[Evaluation, list[Block]]:
    """Judge a prompt, and put masked texts in the place of the original ones.

    With tags only their contents are judged. Without any, everything is, except for prompt attacks, since the user's
    words cannot be distinguished from the prompt's.
    """
    has_tags = any(tags.tagged(parts) for parts in split)
    places = [
        (row, column)
        for row, parts in enumerate(split)
        for column, part in enumerate(parts)
        if part.qualifier or not has_tags
    ]
    blocks = [split[row][column].block for row, column in places]
    characters = sum(len(part.text) for parts in split for part in parts)
    turn = newest_turn((slot.role, slot.turn) for slot in slots)
    newest = {number for number, (row, _) in enumerate(places) if slots[row].turn in turn}
    checked = guard.input(blocks, newest, prompt_characters=characters, prompt_attack=has_tags)
    if checked.masked:
        for number, text in zip(checked.guarded, checked.outputs, strict=True):
            row, column = places[number]
            split[row][column] = tags.Tagged(text, split[row][column].qualifier)
    return checked, blocks


def _dump(answer: Body) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
