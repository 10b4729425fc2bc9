"""The number of items that can run at a time before Bedrock throttles.

Default quotas of ApplyGuardrail in Regions other than us-east-1 and us-west-2. AWS can raise both; then set the run's
parameter.
"""

from __future__ import annotations

from stepguard.evaluation.quotas import QUOTAS

REQUESTS_PER_SECOND = QUOTAS["bedrock-runtime:ApplyGuardrail"].other
TEXT_UNITS_PER_SECOND = QUOTAS["bedrock-runtime:topicPolicyUnits"].other
"""The smallest of the policies' quotas: denied topics and, outside the two large regions, all others."""

SECONDS_PER_CALL = 0.25
"""A guardrail answers in 0.1 to 0.33 seconds."""

CHARACTERS_PER_UNIT = 1000


def units_of(text: str) -> int:
    """The text units of a call with this text."""
    return max(1, -(-len(text) // CHARACTERS_PER_UNIT))


def concurrency_for(mean_units: float) -> int:
    """The number of children, each with one guardrail call at a time of so many text units, within both quotas."""
    calls_per_second = min(REQUESTS_PER_SECOND, TEXT_UNITS_PER_SECOND / mean_units)
    return max(1, int(calls_per_second * SECONDS_PER_CALL))
