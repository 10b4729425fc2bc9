"""JudgeShadow: a candidate guardrail judges what the deployed one judged, after the answer was given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from stepguard.aws.executions import Executions
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.runtime.shadow import DAYS
from stepguard.evaluation.shadow import Pair, read_layers
from stepguard.guard.answer import expiry
from stepguard.guard.bedrock_names import NONE
from stepguard.guard.errors import ServiceUnavailable
from stepguard.guard.request import from_document
from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, Direction, Layer, judged_answer


def judge_shadow(
    event: Mapping[str, Any],
    executions: Executions | None = None,
    guardrails: Guardrails | None = None,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """`{execution, layers}` -> `{outcome, shadow, expires}`; `shadow` has both verdicts of each layer, no text.

    Raises StepguardError. An execution that ended without an answer, or before a layer, has no text of that layer.
    """
    layers = read_layers(event["layers"])
    execution = (executions or Executions()).describe(str(event["execution"]))
    if not execution.finished:
        raise ServiceUnavailable("The end of the execution cannot be read yet.")
    document = execution.output or {}
    guards = guardrails or Guardrails()
    pairs: list[Pair] = []
    for stage, direction in ((GUARD_INPUT, Direction.INPUT), (GUARD_ANSWER, Direction.OUTPUT)):
        ref, deployed = layers.get(stage.layer), stage.result(document)
        if ref is None or deployed is None:
            continue
        input_layer = stage.layer is Layer.PREPROCESS
        text = from_document(document.get("request")).input_text if input_layer else judged_answer(document) or ""
        verdict = guards.check(ref, text, stage.layer, direction)
        findings = {f"{item.policy} {item.name}" for item in verdict.findings if item.action != NONE}
        pairs.append(
            Pair(str(stage.layer), str(deployed["outcome"]), str(verdict.outcome), sorted(findings), verdict.text_units)
        )
    units: dict[str, int] = {}
    for pair in pairs:
        units = {name: units.get(name, 0) + pair.text_units.get(name, 0) for name in {*units, *pair.text_units}}
    return {
        "outcome": "judged" if pairs else "skipped",
        "text_units": units,
        "shadow": [pair.to_dict() for pair in pairs],
        "expires": str(expiry(now(), DAYS * 24)),
    }
