"""How many items may be worked on at a time before Bedrock throttles.

Default quotas of ApplyGuardrail in regions other than us-east-1 and us-west-2, mid-2025:
https://docs.aws.amazon.com/general/latest/gr/bedrock.html. Both can be raised; the run's parameter then says more.
"""

from __future__ import annotations

REQUESTS_PER_SECOND = 25.0
TEXT_UNITS_PER_SECOND = 25.0
"""The smallest of the policies' quotas: denied topics and, outside the two large regions, all others."""

SECONDS_PER_CALL = 0.25
"""A guardrail answers in 0.1 to 0.33 seconds."""

CHARACTERS_PER_UNIT = 1000


def concurrency_for(mean_characters: float) -> int:
    """How many children, each with one guardrail call at a time, stay within both quotas."""
    units = max(1.0, mean_characters / CHARACTERS_PER_UNIT)
    calls_per_second = min(REQUESTS_PER_SECOND, TEXT_UNITS_PER_SECOND / units)
    return max(1, int(calls_per_second * SECONDS_PER_CALL))
