"""A candidate guardrail beside the deployed one: how the two verdicts on the same text differ, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stepguard.evaluation.metrics import mcnemar, rate
from stepguard.evaluation.prices import guardrail_cost
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer, Outcome

SHADOWED = (Layer.PREPROCESS, Layer.POSTPROCESS)
"""The layers whose texts an execution records as they were judged. Bedrock applies the model layer's guardrail inside
the model call, and its history has no text that was judged there."""

MOST_SHARE = 1000
"""The share of the answers is in thousandths: all of them."""


class Change(StrEnum):
    """What the candidate would have changed."""

    SAME = "same"
    NEWLY_BLOCKED = "newly_blocked"
    NEWLY_PASSED = "newly_passed"
    MASKED_DIFFERENTLY = "masked_differently"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is tried: the run's name, the candidate's guardrails, the share of the answers in thousandths, the start."""

    run: str
    layers: Mapping[Layer, GuardrailRef]
    share: int
    since: str

    def to_dict(self) -> dict[str, Any]:
        """For people and programs."""
        return {
            "run": self.run,
            "layers": {str(layer): ref.to_dict() for layer, ref in self.layers.items()},
            "percent": self.share / 10,
            "since": self.since,
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Both verdicts of a layer on one text, and what the candidate's cost; `findings` are `policy name` that acted."""

    layer: str
    deployed: str
    candidate: str
    findings: Sequence[str] = ()
    text_units: Mapping[str, int] = field(default_factory=dict)

    @property
    def change(self) -> Change:
        """A layer that is off lets everything pass, as a layer without a finding does."""
        before, after = (
            Outcome.PASSED if name == Outcome.SKIPPED else name for name in (self.deployed, self.candidate)
        )
        if before == after:
            return Change.SAME
        if Outcome.BLOCKED not in (before, after):
            return Change.MASKED_DIFFERENTLY
        return Change.NEWLY_BLOCKED if after == Outcome.BLOCKED else Change.NEWLY_PASSED

    def to_dict(self) -> dict[str, Any]:
        """For the table; it has no text."""
        return {
            "layer": self.layer,
            "deployed": self.deployed,
            "candidate": self.candidate,
            "change": str(self.change),
            "findings": list(self.findings),
            "text_units": dict(self.text_units),
        }


def read_pair(document: Mapping[str, Any]) -> Pair:
    """The reverse of `to_dict`. Raises KeyError or TypeError for what is none."""
    return Pair(
        str(document["layer"]),
        str(document["deployed"]),
        str(document["candidate"]),
        tuple(map(str, document["findings"])),
        {str(name): int(count) for name, count in document["text_units"].items()},
    )


def read_layers(document: Mapping[str, Any]) -> dict[Layer, GuardrailRef]:
    """The candidate's guardrails of `Candidate.to_dict`. Raises InvalidRequest."""
    layers: dict[Layer, GuardrailRef] = {}
    for name, ref in document.items():
        if name not in SHADOWED or not isinstance(ref, Mapping):
            raise InvalidRequest(f"A candidate judges {' or '.join(SHADOWED)}; '{str(name)[:80]}' is neither.")
        layers[Layer(name)] = GuardrailRef(str(ref.get("id")), str(ref.get("version")))
        if problem := layers[Layer(name)].problem:
            raise InvalidRequest(f"{name}: {problem}.")
    return layers


def shadow_report(judged: Iterable[tuple[str, Sequence[Pair]]]) -> dict[str, Any]:
    """Agreement by layer with its interval, what would be new, McNemar's p-value, cost; and every disagreement.

    `judged` are executions by name with their pairs. The p-value is that both guardrails block equally often.
    """
    by_layer: dict[str, list[Pair]] = {}
    disagreements: list[dict[str, Any]] = []
    executions = without = 0
    for execution, pairs in judged:
        executions += 1
        without += not pairs
        for pair in pairs:
            by_layer.setdefault(pair.layer, []).append(pair)
            if pair.change is not Change.SAME:
                shown = {key: value for key, value in pair.to_dict().items() if key != "text_units"}
                disagreements.append({"execution": execution, **shown})
    return {
        "executions": executions,
        "without_a_text": without,
        "layers": {layer: _layer(pairs) for layer, pairs in sorted(by_layer.items())},
        "disagreements": disagreements,
    }


def _layer(pairs: Sequence[Pair]) -> dict[str, Any]:
    changes = Counter(pair.change for pair in pairs)
    units: Counter[str] = Counter()
    for pair in pairs:
        units.update(pair.text_units)
    return {
        "judged": len(pairs),
        "agreement": rate(changes[Change.SAME], len(pairs)),
        **{str(change): changes[change] for change in Change if change is not Change.SAME},
        "mcnemar": mcnemar(changes[Change.NEWLY_PASSED], changes[Change.NEWLY_BLOCKED]),
        "text_units": dict(units),
        "cost": guardrail_cost(units),
    }
