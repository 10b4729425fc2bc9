"""Findings of automated reasoning, built from botocore's shapes: every member is there, every text is the marker."""

from __future__ import annotations

from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from embedded_aws.wire import service_model
from stepguard.guard.bedrock_names import REASONING_FINDINGS

MARKER = "zebra-4711 has diabetes"
"""The user's words, which premises, claims and scenarios repeat."""
RULE = "a1b2c3d4e5f6"
POLICY = "arn:aws:bedrock:us-east-1:123456789012:automated-reasoning-policy/abcdefghijkl:1"
_FIXED = {"identifier": RULE, "policyVersionArn": POLICY, "confidence": 0.9, "type": "ALWAYS_TRUE"}


def found(*kinds: str) -> dict[str, Any]:
    """An assessment with a finding of each kind."""
    shape = service_model("bedrock-runtime").shape_for("GuardrailAutomatedReasoningFinding")
    assert isinstance(shape, StructureShape)
    return reasoned(*({kind: _filled("", shape.members[kind])} for kind in kinds))


def reasoned(*findings: Any) -> dict[str, Any]:
    """An assessment with these findings."""
    return {"automatedReasoningPolicy": {"findings": list(findings)}}


def all_kinds() -> dict[str, Any]:
    """An assessment with one finding of each known kind."""
    return found(*REASONING_FINDINGS)


def _filled(name: str, shape: Shape) -> Any:
    if isinstance(shape, StructureShape):
        return {member: _filled(member, of) for member, of in shape.members.items()}
    if isinstance(shape, ListShape):
        return [_filled(name, shape.member)]
    return _FIXED.get(name, MARKER)
