"""Bedrock's answers: golden files of tests/data/bedrock, and builders for the cases in between."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stepguard.aws.guardrails import Guardrails
from stepguard.guard.settings import GuardrailRef, ModelSettings, Settings, read_settings
from stepguard.guard.stages import LAYERS, Layer
from tests.fakes.aws import FakeClient, LooseClient, Reply

DATA = Path(__file__).parent.parent / "data" / "bedrock"
BLOCKED_MESSAGE = "Sorry, our guardrail stopped this."
REF = GuardrailRef("abc123abc123", "1")

UNITS = (
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
)


def golden(name: str) -> dict[str, Any]:
    """A response of tests/data/bedrock, e.g. `apply_guardrail/blocked_topic`."""
    loaded: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def applied(
    *assessments: Mapping[str, Any], action: str = "GUARDRAIL_INTERVENED", outputs: Sequence[str] = (), units: int = 0
) -> dict[str, Any]:
    """An ApplyGuardrail response."""
    return {
        "usage": dict.fromkeys(UNITS, 0) | {"contentPolicyUnits": units},
        "action": action,
        "outputs": [{"text": text} for text in outputs],
        "assessments": list(assessments),
    }


def passed(units: int = 1) -> dict[str, Any]:
    """ApplyGuardrail's answer when nothing was found."""
    return applied({}, action="NONE", units=units)


def blocked(*assessments: Mapping[str, Any], message: str = BLOCKED_MESSAGE) -> dict[str, Any]:
    """ApplyGuardrail's answer to a blocked text."""
    return applied(*(assessments or (topic(),)), outputs=[message])


def masked(text: str, *assessments: Mapping[str, Any]) -> dict[str, Any]:
    """ApplyGuardrail's answer to a masked text."""
    return applied(*(assessments or (pii("EMAIL"),)), outputs=[text])


def topic(name: str = "Medical Advice", action: str = "BLOCKED") -> dict[str, Any]:
    """An assessment that found a denied topic."""
    return {"topicPolicy": {"topics": [{"name": name, "type": "DENY", "action": action}]}}


def pii(*entities: str, match: str = "the raw value") -> dict[str, Any]:
    """An assessment that found entities such as `EMAIL` (masked) or `!US_SOCIAL_SECURITY_NUMBER` (blocked)."""
    entries = [
        {"match": match, "type": entity.lstrip("!"), "action": "BLOCKED" if entity.startswith("!") else "ANONYMIZED"}
        for entity in entities
    ]
    return {"sensitiveInformationPolicy": {"piiEntities": entries, "regexes": []}}


def regex_mask(name: str, match: str = "the raw value") -> dict[str, Any]:
    """An assessment in which a custom regex masked."""
    entry = {"name": name, "match": match, "regex": "x", "action": "ANONYMIZED"}
    return {"sensitiveInformationPolicy": {"piiEntities": [], "regexes": [entry]}}


def guard(*replies: Reply, modelled: bool = True) -> tuple[Guardrails, FakeClient]:
    """Guardrails whose ApplyGuardrail gives these replies in order, and the client that records the calls."""
    runtime = (FakeClient if modelled else LooseClient)("bedrock-runtime", apply_guardrail=list(replies))
    return Guardrails(runtime.client), runtime


def with_layers(*layers: Layer, **environment: str) -> Settings:
    """Default settings with a guardrail on these layers."""
    return replace(read_settings(environment), guardrails=dict.fromkeys(layers, REF))


ALL_LAYERS = LAYERS
MODEL = ModelSettings()
