"""How many chats and items of evaluations a second AWS's quotas permit, from quotas.py and the calls of each.

Calls are counted by tests (tests/unit/project/test_calls.py); text units, tokens, state transitions and seconds are
those of costs.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stepguard.evaluation.quotas import QUOTAS, Quota
from stepguard.guard.stages import Layer
from stepguard.project.calls import CHAT_CALLS
from stepguard.project.costs import ANSWERED, Assumed, Deployment, chat_usage, document_usage


@dataclass(frozen=True, slots=True)
class Limit:
    """A quota with what one chat or item uses of it."""

    name: str
    quota: Quota
    used: float

    def rate(self, *, large: bool) -> float:
        """Chats or items a second."""
        return (self.quota.large if large else self.quota.other) / self.used


def chat_limits(deployment: Deployment, assumed: Assumed | None = None) -> list[Limit]:
    """The limits of answered chats in a large Region, the first one to be reached first."""
    assumed = assumed or Assumed()
    usage = chat_usage(deployment, ANSWERED, assumed)
    passing = assumed.guard_seconds * 2 + assumed.model_seconds
    used: dict[str, float] = {
        "stepfunctions:StartExecution": CHAT_CALLS["stepfunctions:StartExecution"],
        "stepfunctions:StateTransition": usage.counts["transitions"],
        "stepfunctions:DescribeExecution": CHAT_CALLS["stepfunctions:DescribeExecution"],
        "bedrock-runtime:ApplyGuardrail": sum(
            layer in deployment.guardrails for layer in (Layer.PREPROCESS, Layer.POSTPROCESS)
        ),
        "bedrock-runtime:model": CHAT_CALLS["bedrock-runtime:Converse"],
        "bedrock-runtime:tokens": assumed.input_tokens + assumed.output_tokens,
        # The API's Lambda waits as long as the stages run.
        "lambda:concurrency": 2 * passing + assumed.between_seconds,
        "dynamodb:reads": usage.counts["reads"],
        "dynamodb:writes": usage.counts["writes"],
        "apigateway:requests": 1,
        **_text_units(usage.text_units),
    }
    words = {Layer.PREPROCESS: assumed.question_units, Layer.POSTPROCESS: assumed.answer_units}
    words[Layer.MODEL] = assumed.question_units + assumed.passage_units + assumed.answer_units
    used["bedrock-runtime:wordPolicyUnits"] = _word_units(deployment, words)
    return _sorted(used)


def item_limits(deployment: Deployment, units: int) -> list[Limit]:
    """The limits of documents of so many text units; their executions are EXPRESS."""
    assumed = Assumed()
    usage = document_usage(replace(deployment, express=True), units, assumed)
    layers = (Layer.PREPROCESS, Layer.POSTPROCESS)
    used: dict[str, float] = {
        "stepfunctions:StateTransition": usage.counts["transitions"],
        "bedrock-runtime:ApplyGuardrail": sum(layer in deployment.guardrails for layer in layers),
        "lambda:concurrency": len(layers) * assumed.guard_seconds,
        **_text_units(usage.text_units),
        "bedrock-runtime:wordPolicyUnits": _word_units(deployment, dict.fromkeys(layers, units)),
    }
    return _sorted(used)


def _text_units(units: Mapping[str, int]) -> dict[str, float]:
    return {f"bedrock-runtime:{unit}": count for unit, count in units.items() if f"bedrock-runtime:{unit}" in QUOTAS}


def _word_units(deployment: Deployment, units: Mapping[Layer, int]) -> int:
    """Word filters are free, but have a quota."""
    return sum(count for layer, count in units.items() if deployment.guardrails.get(layer, {}).get("wordPolicyConfig"))


def _sorted(used: Mapping[str, float]) -> list[Limit]:
    limits = [Limit(name, QUOTAS[name], amount) for name, amount in used.items() if amount]
    return sorted(limits, key=lambda limit: limit.rate(large=True))
