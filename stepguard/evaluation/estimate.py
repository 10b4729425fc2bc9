"""The cost of an evaluation on AWS and its time, estimated before it starts.

By the Map's lines, the policies of each layer's guardrail and the list prices of prices.py: each policy that AWS
charges counts for each text unit that its layer reads, each answer of a model has the most tokens that the settings
permit, and nothing is blocked early. So a run costs no more than the estimate, except for retries and other prices.
The time is the longest of what the Lambdas need with so many items at a time and what the default quotas permit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation import prices
from stepguard.evaluation.answers.judging import MAX_TOKENS, system_of
from stepguard.evaluation.concurrency import concurrency_for, units_of
from stepguard.evaluation.prices import Policies
from stepguard.evaluation.quotas import QUOTAS
from stepguard.guard.grounding import GROUNDING_UNITS
from stepguard.guard.settings import ModelSettings
from stepguard.guard.stages import Layer

CHARACTERS_PER_TOKEN = 3
"""Fewer than in English, where a token has about four."""
CHARACTERS_PER_ANSWER_TOKEN = 5
INVOCATIONS = 3
LAMBDA_GIGABYTES = 0.25
GUARD_SECONDS = 0.5
MODEL_SECONDS = 10.0
"""How long the Lambda of a guard layer and of the model runs, rounded up."""

_MINUTE, _HOUR = 60, 3600

EVERY_POLICY: Policies = dict.fromkeys(
    ("topicPolicyUnits", "contentPolicyUnits", "sensitiveInformationPolicyUnits", GROUNDING_UNITS), 1
)
"""Assumed for a guardrail whose configuration cannot be read."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The dollars of a run by service. `unpriced` is a model without a known price, which is not in the sum."""

    guardrails: float
    model: float
    workflow: float
    unpriced: str | None = None
    seconds: int = 0
    concurrency: int = 1
    answers: float = 0.0
    """The comparison of answers with their references: embeddings and the judge."""

    @property
    def duration(self) -> str:
        """The time in words."""
        at_a_time = f"with {self.concurrency} {'item' if self.concurrency == 1 else 'items'} at a time"
        if self.seconds < 2 * _MINUTE:
            return f"about {self.seconds} seconds {at_a_time}"
        if self.seconds < 2 * _HOUR:
            return f"about {-(-self.seconds // _MINUTE)} minutes {at_a_time}"
        return f"about {self.seconds / _HOUR:.1f} hours {at_a_time}"

    @property
    def dollars(self) -> float:
        """The sum."""
        return round(self.guardrails + self.model + self.workflow + self.answers, 6)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "prices_as_of": prices.AS_OF,
            "dollars": self.dollars,
            "guardrails": round(self.guardrails, 6),
            "model": round(self.model, 6),
            "workflow": round(self.workflow, 6),
            "answers": round(self.answers, 6),
            "unpriced_model": self.unpriced,
            "seconds": self.seconds,
            "concurrency": self.concurrency,
        }

    def __str__(self) -> str:
        compared = f", comparing answers ${self.answers:,.4f}" if self.answers else ""
        text = (
            f"about ${self.dollars:,.4f} at most on AWS (guardrails ${self.guardrails:,.4f}, model ${self.model:,.4f}, "
            f"workflow ${self.workflow:,.4f}{compared}; list prices of {prices.AS_OF})"
        )
        return text if self.unpriced is None else f"{text}, without the model {self.unpriced}, whose price is unknown"


@dataclass(slots=True)
class Estimator:
    """Add the request of every line of the Map, then read `estimate`."""

    model: ModelSettings
    policies: Mapping[str, Policies] = field(default_factory=dict)
    """By layer; a layer that is missing has every policy."""
    units: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    children: int = 0
    seconds: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    text_units: int = 0
    concurrency: int | None = None
    """The items at a time; None is the number that the guardrails' quotas permit."""
    embedding: str | None = None
    judge: str | None = None
    """The models that compare answers with their references; None is none."""
    compared: Counter[str] = field(default_factory=Counter)

    def add_comparison(self, request: Mapping[str, Any], references: Iterable[str]) -> None:
        """The comparison of this line's answer with its references."""
        asked = self.model.max_tokens * CHARACTERS_PER_ANSWER_TOKEN
        texts = sum(map(len, references)) + (len(request["completion"]) if "completion" in request else asked)
        question = len(request.get("query") or request["text"]) + len(system_of())
        self.compared.update(
            embedding=-(-texts // CHARACTERS_PER_TOKEN),
            input=-(-(texts + question) // CHARACTERS_PER_TOKEN),
            output=MAX_TOKENS,
        )

    def add(self, request: Mapping[str, Any]) -> None:
        """The request of one line (stepguard/evaluation/map_items.py)."""
        self.children += 1
        layers = request.get("guardrails") or {}
        passages = [str(passage["text"]) for passage in request.get("passages") or ()]
        grounding = sum(map(units_of, passages)) + units_of(request.get("query") or request["text"])
        text = request.get("completion") or request["text"]
        self.seconds += GUARD_SECONDS * 2
        self.text_units += units_of(text)
        if request["kind"] == "response":
            self._judge(layers, Layer.PREPROCESS, [request.get("query") or ""])
            # Without passages the answer is its own source (stepguard/aws/guardrails.py).
            self._judge(layers, Layer.MODEL, [text], grounding if passages else units_of(text) + 1)
            self._judge(layers, Layer.POSTPROCESS, [text])
            return
        answer = text
        self._judge(layers, Layer.PREPROCESS, [text])
        if request["kind"] == "prompt":
            answer = "x" * (self.model.max_tokens * CHARACTERS_PER_ANSWER_TOKEN)
            prompt = len(self.model.system_prompt) + len(text) + sum(map(len, passages))
            self.tokens.update(input=-(-prompt // CHARACTERS_PER_TOKEN), output=self.model.max_tokens)
            self.seconds += MODEL_SECONDS
            self.calls["model"] += 1
            self._judge(layers, Layer.MODEL, [text, *passages, answer], grounding if passages else 0)
        self._judge(layers, Layer.POSTPROCESS, [answer])

    def _judge(self, layers: Iterable[str], layer: Layer, texts: Iterable[str], grounding: int = 0) -> None:
        if layer not in layers:
            return
        count = sum(map(units_of, texts))
        self.calls["ApplyGuardrail"] += 1
        self.units.update(prices.count_units(self.policies.get(layer, EVERY_POLICY), count, grounding))

    @property
    def estimate(self) -> Estimate:
        """The cost of the lines so far."""
        model = prices.model_cost(self.tokens, self.model.id)
        at_a_time = self.concurrency or concurrency_for(max(1.0, self.text_units / max(1, self.children)))
        judge, comparing = self._comparing()
        unpriced = [self.model.id] if self.tokens and model["dollars"] is None else []
        return Estimate(
            guardrails=prices.guardrail_cost(self.units)["dollars"],
            model=model["dollars"] or 0.0,
            workflow=prices.express_cost(self.children, self.seconds)
            + prices.lambda_cost(self.children * INVOCATIONS, self.seconds * LAMBDA_GIGABYTES),
            unpriced=" and ".join(dict.fromkeys([*unpriced, *judge])) or None,
            answers=comparing,
            seconds=math.ceil(max(self.seconds / min(at_a_time, max(1, self.children)), self._quota_seconds())),
            concurrency=at_a_time,
        )

    def _comparing(self) -> tuple[list[str], float]:
        """The models of the comparison without a price, and the dollars of the others."""
        if not self.compared:
            return [], 0.0
        costs: list[dict[str, Any]] = []
        if self.embedding:
            costs.append(prices.embedding_cost(self.compared["embedding"], self.embedding))
        if self.judge:
            costs.append(prices.model_cost({name: self.compared[name] for name in ("input", "output")}, self.judge))
        return [cost["id"] for cost in costs if cost["dollars"] is None], sum(cost["dollars"] or 0.0 for cost in costs)

    def _quota_seconds(self) -> float:
        """The least time by the default quotas outside the two large Regions."""
        counts = {**self.calls, **self.units, "tokens": self.tokens.total()}
        names = {name: f"bedrock-runtime:{name}" for name in counts}
        return max((counts[name] / QUOTAS[quota].other for name, quota in names.items() if quota in QUOTAS), default=0)
