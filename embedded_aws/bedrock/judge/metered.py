"""Guardrail calls under the quotas of text units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedded_aws.bedrock.guardrail import Guardrail
from embedded_aws.bedrock.judge.evaluation import Block, Evaluation, Scope
from embedded_aws.bedrock.judge.judge import Judge
from embedded_aws.bedrock.policies.base import Direction
from embedded_aws.wire.quotas import Quotas


@dataclass(frozen=True, slots=True)
class MeteredJudge:
    """Applies guardrails and takes their text units; a call without enough of them is refused."""

    judge: Judge
    quotas: Quotas

    def __call__(
        self, guardrail: Guardrail, direction: Direction, blocks: Sequence[Block], scope: Scope, /
    ) -> Evaluation:
        evaluation = self.judge(guardrail, direction, blocks, scope)
        self.quotas.check_text_units(evaluation.usage)
        return evaluation
