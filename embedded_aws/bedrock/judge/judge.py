"""Who applies a guardrail to content: this process, or worker processes (workers.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from embedded_aws.bedrock.detection import Detection
from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation, Scope, evaluate
from embedded_aws.bedrock.packages import PackageMissingError
from embedded_aws.bedrock.policies.base import Direction
from embedded_aws.wire import ServiceError


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
            return evaluate(guardrail, direction, blocks, self.detection, scope)
        except PackageMissingError as error:
            message = f"The guardrail cannot be applied: {error}."
            raise ServiceError("ServiceUnavailableException", message, 503) from None
