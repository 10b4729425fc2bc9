"""The guard layers and the stages of the workflow: which state runs which layer, and where the document has its result.

What a cold start of the API needs of them; a verdict is in stepguard.guard.verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The effect of one guard layer on a text, the mildest first."""

    SKIPPED = "skipped"
    PASSED = "passed"
    MASKED = "masked"
    BLOCKED = "blocked"


class Layer(StrEnum):
    """The guard layers, named as in the settings: the three around the model, and the guard of passages."""

    PREPROCESS = "preprocess"
    MODEL = "model"
    POSTPROCESS = "postprocess"
    PASSAGES = "passages"


LAYERS = (Layer.PREPROCESS, Layer.MODEL, Layer.POSTPROCESS)
"""The three layers around the model, in the order of the workflow."""


class Direction(StrEnum):
    """The kind of text checked: the ApplyGuardrail `source`."""

    INPUT = "INPUT"
    OUTPUT = "OUTPUT"


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

    def result(self, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the stage wrote into an execution document; None if it did not run."""
        return _member(document, self.key)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the box GatherContext of statemachine/gather.asl.json, which has no layer of the three.

    `key` is the member of the document's `context` that the state writes.
    """

    key: str
    state: str
    label: str

    def result(self, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the part wrote into an execution document; None if it did not run."""
        return _member(context_of(document), self.key)


CONTEXT = "context"
"""The member of the execution document that the box writes."""

GUARD_INPUT = Stage("input_guard", "GuardInput", Layer.PREPROCESS, "input")
INVOKE_MODEL = Stage("model", "InvokeModel", Layer.MODEL, "model")
GUARD_ANSWER = Stage("answer_guard", "GuardAnswer", Layer.POSTPROCESS, "answer")

REWRITE_QUESTION = Part("rewrite", "RewriteQuestion", "rewriting")
GUARD_REWRITE = Part("rewrite_guard", "GuardRewrite", "rewritten")
FIND_ANSWER = Part("found", "FindAnswer", "curated")
RETRIEVE_PASSAGES = Part("passages", "RetrievePassages", "retrieval")
GUARD_PASSAGES = Part("passage_guard", "GuardPassages", "passages")

STAGES = (GUARD_INPUT, INVOKE_MODEL, GUARD_ANSWER)
"""The guarded stages in the order of the workflow."""

JUDGING: tuple[Stage | Part, ...] = (GUARD_INPUT, GUARD_REWRITE, INVOKE_MODEL, GUARD_ANSWER)
"""Where the three layers judge: the input layer a second time if a question was rewritten."""

PARTS = (REWRITE_QUESTION, GUARD_REWRITE, FIND_ANSWER, RETRIEVE_PASSAGES, GUARD_PASSAGES)
"""The parts of the box in the order of the workflow, between the first guarded stage and the second."""

ALL: tuple[Stage | Part, ...] = (GUARD_INPUT, *PARTS, INVOKE_MODEL, GUARD_ANSWER)
"""All that write an outcome and findings, in the order of the workflow."""

STAGE_OF: Mapping[str, Stage | Part] = {stage.state: stage for stage in ALL}
"""All of them by state."""

GUARDED = frozenset(stage.state for stage in STAGES)
"""The states of the guarded stages."""


def context_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the box has written into an execution document so far; empty without the box."""
    return _member(document, CONTEXT) or {}


def question_of(document: Mapping[str, Any]) -> str:
    """The question to search and to answer: as it was rewritten and guarded, or else as the input layer left it."""
    return str((GUARD_REWRITE.result(document) or document[GUARD_INPUT.key])["text"])


CURATED = "answer"
"""The `result` of the box when the team's own answer matches the question."""


def judged_answer(document: Mapping[str, Any]) -> str | None:
    """The text that GuardAnswer judges: the team's own answer, the model's, or the text of a document.

    None if no stage before it has written a text.
    """
    if context_of(document).get("result") == CURATED and (curated := FIND_ANSWER.result(document)):
        return str(curated["text"])
    before = INVOKE_MODEL.result(document) or GUARD_INPUT.result(document)
    return None if before is None else str(before["text"])


def _member(document: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    held = document.get(key)
    return held if isinstance(held, Mapping) else None


DIRECTIONS: Mapping[str, tuple[Direction, ...]] = {
    Layer.PREPROCESS: (Direction.INPUT,),
    Layer.MODEL: (Direction.INPUT, Direction.OUTPUT),
    Layer.POSTPROCESS: (Direction.OUTPUT,),
}
"""The directions that each layer sends to its guardrail."""
