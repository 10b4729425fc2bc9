"""InvokeModel, whole and as a stream: a body in one of the models' own formats, guarded inline.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-invoke-model-api.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from embedded_aws.bedrock.api import bodies, tags
from embedded_aws.bedrock.api.bodies import GUARDRAIL_CONFIG, Body, Format, Slot
from embedded_aws.bedrock.api.chunks import FORMATS
from embedded_aws.bedrock.api.inline import Guard, newest_turn, strongest
from embedded_aws.bedrock.api.streams import FREE, JUDGED, cut
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation
from embedded_aws.bedrock.models.base import Completion, Model
from embedded_aws.wire import ServiceError


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer, and what the guardrail found; `said` is what the model wrote, if it was called."""

    chosen: Format
    body: Body
    completion: Completion
    mode: str | None = None
    checked: Evaluation | None = None
    judged: Evaluation | None = None
    said: str | None = None

    @property
    def intervened(self) -> bool:
        return any(one is not None and one.intervened for one in (self.checked, self.judged))

    @property
    def blocked(self) -> bool:
        return any(one is not None and one.blocked for one in (self.checked, self.judged))


def invoke_model(
    request: Mapping[str, Any], model: Model, guard: Guard | None, *, traced: bool
) -> tuple[bytes, Completion]:
    """Answer an InvokeModel request: the body, and what it holds. Raises ServiceError."""
    made = _make(request, model, guard)
    answer = made.chosen.answer(made.completion, made.body)
    if guard is not None:
        answer |= _acted(made) | (_trace(made, guard) if traced else {})
    return _dump(answer), made.completion


def invoke_stream(request: Mapping[str, Any], model: Model, guard: Guard | None, *, traced: bool) -> Iterator[bytes]:
    """The chunks of an InvokeModelWithResponseStream request. Raises ServiceError before the first one.

    Each chunk says whether the guardrail intervened, the last one has the trace and the metrics: recorded for Titan's
    body, inferred for the others.
    """
    started = time.perf_counter()
    made = _make(request, model, guard)
    write = FORMATS.get(made.chosen)
    if write is None:
        raise bodies.malformed("this body has no streams.")
    behind = made.mode is not None and made.mode == "ASYNCHRONOUS"
    text = made.completion.text
    if guard is None or (behind and made.said is not None):
        pieces = cut(made.said or text, FREE) + ([text] if behind and made.blocked else [])
    else:
        pieces = [text] if made.intervened else cut(text, JUDGED)
    chunks = list(write(made.completion, made.body, pieces, blocked=made.blocked))
    metrics = {
        "inputTokenCount": made.completion.input_tokens,
        "outputTokenCount": made.completion.output_tokens,
        "invocationLatency": round((time.perf_counter() - started) * 1000),
        "firstByteLatency": round((time.perf_counter() - started) * 1000),
    }
    chunks[-1] |= {"amazon-bedrock-invocationMetrics": metrics}
    if guard is not None:
        chunks = [chunk | _acted(made) for chunk in chunks]
        chunks[-1] |= _trace(made, guard) if traced else {}
    return map(_dump, chunks)


def _make(request: Mapping[str, Any], model: Model, guard: Guard | None) -> _Made:
    body = bodies.parse(request.get("body") or b"")
    suffix, mode = _configuration(body, guard, request.get("contentType"))
    chosen = bodies.choose(body, request["modelId"])
    if chosen is bodies.ANTHROPIC:
        bodies.name_model(body, request["modelId"])
    chosen.sampling(body)  # what is not implemented is refused, whatever the guardrail says
    slots = bodies.slots(body)
    split = [tags.split(slot.text, suffix) for slot in slots]
    checked: Evaluation | None = None
    blocks: list[Block] = []
    if guard is not None:
        checked, blocks = _check_input(guard, slots, split)
        if checked.blocked:
            return _Made(chosen, body, Completion(checked.outputs[0], "end_turn", 0, 0), mode, checked)
    for slot, parts in zip(slots, split, strict=True):
        slot.put("".join(part.text for part in parts))
    completion = _complete(model, chosen, body, slots)
    judged = guard.output(completion.text, blocks) if guard and completion.text.strip() else None
    final = completion
    if judged and judged.outputs:
        final = replace(completion, text=judged.outputs[0])
    return _Made(chosen, body, final, mode, checked, judged, completion.text)


def _complete(model: Model, chosen: Format, body: Body, slots: list[Slot]) -> Completion:
    conversation, in_thought = bodies.messages(slots)
    return bodies.closed(model.complete(conversation, chosen.sampling(body)), in_thought)


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


def _acted(made: _Made) -> Body:
    return {"amazon-bedrock-guardrailAction": "INTERVENED" if made.intervened else "NONE"}


def _trace(made: _Made, guard: Guard) -> Body:
    trace: Body = {"actionReason": strongest(made.checked, made.judged)}
    if made.said is not None:
        trace["modelOutput"] = [made.said]
    if made.checked is not None:
        trace["input"] = {guard.guardrail.id: made.checked.assessment}
    if made.judged is not None:
        trace["outputs"] = [{guard.guardrail.id: made.judged.assessment}]
    return {"amazon-bedrock-trace": {"guardrail": trace}}


def _dump(answer: Body) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
