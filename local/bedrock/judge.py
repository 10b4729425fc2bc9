"""Who applies a guardrail to content: this process, or worker processes (workers.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from local.bedrock.detection import Detection
from local.bedrock.evaluate import Block, Evaluation, evaluate
from local.bedrock.guardrail import Guardrail
from local.bedrock.packages import PackageMissingError
from local.bedrock.policies.base import Direction
from local.wire import ServiceError


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of a guardrail is applied and reported: the keyword arguments of `evaluate`."""

    full: bool = False
    prompt_attack: bool = True
    unseen_characters: int = 0
    unseen_images: int = 0


class Judge(Protocol):
    """Applies a guardrail to content blocks. Safe for threads."""

    def __call__(
        self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope, /
    ) -> Evaluation:
        """The verdict. Raises ServiceError for content that cannot be judged."""


@dataclass(frozen=True, slots=True)
class LocalJudge:
    """Applies guardrails in the calling thread."""

    detection: Detection

    def __call__(
        self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope, /
    ) -> Evaluation:
        try:
            return evaluate(
                guardrail,
                direction,
                blocks,
                self.detection,
                full=scope.full,
                prompt_attack=scope.prompt_attack,
                unseen_characters=scope.unseen_characters,
                unseen_images=scope.unseen_images,
            )
        except PackageMissingError as error:
            message = f"The guardrail cannot be applied: {error}."
            raise ServiceError("ServiceUnavailableException", message, 503) from None
