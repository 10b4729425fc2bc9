"""The guarded stages of the workflow: which state runs which layer, and where the document holds its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stepguard.guard.verdict import Direction, Layer


@dataclass(frozen=True, slots=True)
class Stage:
    """One guarded stage.

    `state` is the state of statemachine/chat.asl.json, `key` the member of the execution document that the state
    writes, `layer` the guardrail that it applies, and `label` its short name in tables.
    """

    key: str
    state: str
    layer: Layer
    label: str


GUARD_INPUT = Stage("input_guard", "GuardInput", Layer.PREPROCESS, "input")
INVOKE_MODEL = Stage("model", "InvokeModel", Layer.MODEL, "model")
GUARD_ANSWER = Stage("answer_guard", "GuardAnswer", Layer.POSTPROCESS, "answer")

STAGES = (GUARD_INPUT, INVOKE_MODEL, GUARD_ANSWER)
"""All stages in the order of the workflow."""

STAGE_OF = {stage.state: stage for stage in STAGES}
"""The stages by state."""

DIRECTIONS: Mapping[str, tuple[Direction, ...]] = {
    Layer.PREPROCESS: (Direction.INPUT,),
    Layer.MODEL: (Direction.INPUT, Direction.OUTPUT),
    Layer.POSTPROCESS: (Direction.OUTPUT,),
}
"""The directions that each layer sends to its guardrail."""
