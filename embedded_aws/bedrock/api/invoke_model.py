"""InvokeModel: a body in one of the models' own formats, guarded inline.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-invoke-model-api.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from embedded_aws.bedrock.api import bodies, tags
from embedded_aws.bedrock.api.bodies import GUARDRAIL_CONFIG, Body, Format, Slot
from embedded_aws.bedrock.api.inline import Guard, newest_turn, strongest
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation
from embedded_aws.bedrock.models.base import Completion, Model
from embedded_aws.wire import ServiceError


def invoke_model(
    request: Mapping[str, Any], model: Model, guard: Guard | None, *, traced: bool
) -> tuple[bytes, Completion]:
    """Answer an InvokeModel request: the body, and what it holds. Raises ServiceError."""
    body = bodies.parse(request.get("body") or b"")
    suffix = _suffix(body, guard, request.get("contentType"))
    chosen = bodies.choose(body, request["modelId"])
    slots = bodies.slots(body)
    split = [tags.split(slot.text, suffix) for slot in slots]
    checked: Evaluation | None = None
    blocks: list[Block] = []
    if guard is not None:
        checked, blocks = _check_input(guard, slots, split)
        if checked.blocked:
            message = Completion(checked.outputs[0], "end_turn", 0, 0)
            return _answer(chosen, message, body, guard, (checked, None), None, traced=traced), message
    for slot, parts in zip(slots, split, strict=True):
        slot.put("".join(part.text for part in parts))
    completion = _complete(model, chosen, body, slots)
    judged = guard.output(completion.text, blocks) if guard and completion.text.strip() else None
    final = completion
    if judged and judged.outputs:
        final = Completion(judged.outputs[0], completion.stop, completion.input_tokens, completion.output_tokens)
    return _answer(chosen, final, body, guard, (checked, judged), completion.text, traced=traced), final


def _complete(model: Model, chosen: Format, body: Body, slots: list[Slot]) -> Completion:
    conversation, in_thought = bodies.messages(slots)
    return bodies.closed(model.complete(conversation, chosen.sampling(body)), in_thought)


def _suffix(body: Body, guard: Guard | None, content_type: str | None) -> str | None:
    """The tag suffix of the body's guardrail configuration, which goes no further than this."""
    config = body.pop(GUARDRAIL_CONFIG, None)
    if guard is None:
        if config is not None:
            raise ServiceError("ValidationException", f"{GUARDRAIL_CONFIG} is given without a guardrailIdentifier.")
        return None
    if content_type and content_type.partition(";")[0].strip().lower() != "application/json":
        raise ServiceError("ValidationException", "A guardrail requires the content type application/json.")
    if config is None:
        return None
    suffix = config.get("tagSuffix") if isinstance(config, dict) else None
    if not tags.valid_suffix(suffix):
        raise ServiceError("ValidationException", f"{GUARDRAIL_CONFIG}.tagSuffix must be 1 to 20 letters and digits.")
    return str(suffix)


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


def _answer(
    chosen: Format,
    completion: Completion,
    body: Body,
    guard: Guard | None,
    judged: tuple[Evaluation | None, Evaluation | None],
    model_output: str | None,
    *,
    traced: bool,
) -> bytes:
    answer = chosen.answer(completion, body)
    if guard is not None:
        checked, output = judged
        intervened = any(one is not None and one.intervened for one in judged)
        answer["amazon-bedrock-guardrailAction"] = "INTERVENED" if intervened else "NONE"
        if traced:
            trace: Body = {"actionReason": strongest(checked, output)}
            if model_output is not None:
                trace["modelOutput"] = [model_output]
            if checked is not None:
                trace["input"] = {guard.guardrail.id: checked.assessment}
            if output is not None:
                trace["outputs"] = [{guard.guardrail.id: output.assessment}]
            answer["amazon-bedrock-trace"] = {"guardrail": trace}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
