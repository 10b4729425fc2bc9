"""A layer judges lines of its own policies, so that only what it has can be missing."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.admin.probe import HARMLESS, lines, probe
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import DIRECTIONS, Layer
from tests.fakes.aws import FakeClient, Request

REF = GuardrailRef("abc123abc123", "1")
WORDS = {"wordPolicy": {"words": [{"text": "platypus"}]}}
TOPICS = {"topicPolicy": {"topics": [{"name": "Money", "examples": ["Buy these shares."], "type": "DENY"}]}}
OFF = {
    "wordPolicy": {"words": [{"text": "platypus", "inputEnabled": False, "outputAction": "NONE"}]},
    "contentPolicy": {"filters": [{"type": "HATE", "inputStrength": "NONE", "outputStrength": "NONE"}]},
}
GROUNDING = {"contextualGroundingPolicy": {"filters": [{"type": "GROUNDING", "threshold": 0.7}]}}


def guardrails(*blocked: str) -> tuple[Guardrails, FakeClient]:
    """ApplyGuardrail that blocks exactly these texts."""

    def apply(request: Request) -> dict[str, Any]:
        text = request["content"][-1]["text"]["text"]
        hit = text in blocked
        word = {"match": text, "action": "BLOCKED", "detected": True}
        return {
            "action": "GUARDRAIL_INTERVENED" if hit else "NONE",
            "outputs": [{"text": "No."}] if hit else [],
            "assessments": [{"wordPolicy": {"customWords": [word], "managedWordLists": []}}] if hit else [],
            "usage": {
                "topicPolicyUnits": 1, "contentPolicyUnits": 0, "wordPolicyUnits": 1,
                "contextualGroundingPolicyUnits": 0,
                "sensitiveInformationPolicyUnits": 0, "sensitiveInformationPolicyFreeUnits": 0,
            },
        }  # fmt: skip

    fake = FakeClient("bedrock-runtime", apply_guardrail=apply)
    return Guardrails(fake.client), fake


@pytest.mark.parametrize(
    ("blocked", "ok", "said"),
    [
        (("platypus", "Buy these shares."), True, "passes a greeting; acts on words, topic Money"),
        (("platypus",), True, "passes a greeting; acts on words; does not act on a line of topic Money"),
        (("Buy these shares.",), False, "passes a greeting; acts on topic Money; does not act on a line of words"),
        ((), False, "passes a greeting; does not act on a line of words, topic Money"),
        (
            (HARMLESS, "platypus", "Buy these shares."),
            False,
            "does not pass a greeting (custom word); acts on words, topic Money",
        ),
    ],
)
def test_a_guardrail_proves_its_policies(blocked: tuple[str, ...], ok: bool, said: str) -> None:
    """An exact policy must act; one miss of a policy that judges by likeness is said, not a fault."""
    asked, fake = guardrails(*blocked)
    proof = probe(REF, WORDS | TOPICS, Layer.PREPROCESS, asked)

    assert (proof.ok, str(proof)) == (ok, said)
    assert proof.calls == len(fake.requests) == 3
    assert proof.units["topicPolicyUnits"] == 3
    assert {body["source"] for body in fake.bodies("apply_guardrail")} == {"INPUT"}


def test_a_policy_that_is_not_there_is_not_missed() -> None:
    """Nor one that is off in the layer's direction: only the greeting is tried."""
    asked, _ = guardrails()
    proof = probe(REF, OFF, Layer.PREPROCESS, asked)

    assert (proof.ok, proof.calls, str(proof)) == (True, 1, "passes a greeting; has no policy with a line to try")


@pytest.mark.parametrize(("layer", "found"), [(Layer.MODEL, ["grounding"]), (Layer.POSTPROCESS, [])])
def test_grounding_is_tried_where_there_are_passages(layer: Layer, found: list[str]) -> None:
    """An answer that its passage does not support; the other layers get no passages."""
    assert [line.policy for line in lines(GROUNDING, DIRECTIONS[layer])] == found
