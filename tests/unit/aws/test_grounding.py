"""Whether the model layer's guardrail checks answers against passages, read from Bedrock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stepguard.aws.grounding import read_grounding
from stepguard.guard.settings import GuardrailRef
from tests.fakes.aws import FakeClient, client_error

REF = GuardrailRef("abc123abc123", "2")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DESCRIBED = {
    "name": "n", "guardrailId": REF.id, "guardrailArn": f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{REF.id}",
    "version": "2", "status": "READY", "createdAt": NOW, "updatedAt": NOW, "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "No.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "grounded"),
    [
        ([], False),
        ([{"type": "RELEVANCE", "threshold": 0.5}], False),
        ([{"type": "GROUNDING", "threshold": 0.5, "enabled": False}], False),
        ([{"type": "RELEVANCE", "threshold": 0.5}, {"type": "GROUNDING", "threshold": 0.5}], True),
    ],
)
def test_only_an_enabled_grounding_filter_counts(filters: list[dict[str, Any]], grounded: bool) -> None:
    """Of the version in use."""
    policy = {"contextualGroundingPolicy": {"filters": filters}} if filters else {}
    fake = FakeClient("bedrock", get_guardrail=DESCRIBED | policy)

    assert read_grounding(REF, fake.client) is grounded
    assert fake.bodies("get_guardrail") == [{"guardrailIdentifier": REF.id, "guardrailVersion": "2"}]


def test_what_cannot_be_read_is_unknown() -> None:
    """No permission, no such guardrail; without a guardrail it is known."""
    fake = FakeClient("bedrock", get_guardrail=client_error("AccessDeniedException", status=403))

    assert read_grounding(REF, fake.client) is None
    assert read_grounding(None) is False
