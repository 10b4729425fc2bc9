"""AWS's prices in US dollars: list prices of us-east-1 at the date below.

Guardrails: https://aws.amazon.com/bedrock/pricing/ (per 1,000 text units of up to 1,000 characters; word filters and
regular expressions are free). Models: the same page, per 1,000 tokens, on demand; AWS charges an imported model or an
endpoint by time, not by tokens. Step Functions: https://aws.amazon.com/step-functions/pricing/. Prices change and
differ between regions: use them to compare guardrails with one another, not to predict a bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

AS_OF = "mid-2025"

PER_THOUSAND_UNITS = {
    "contentPolicyUnits": 0.15,
    "topicPolicyUnits": 0.15,
    "sensitiveInformationPolicyUnits": 0.10,
    "contextualGroundingPolicyUnits": 0.10,
    "wordPolicyUnits": 0.0,
    "sensitiveInformationPolicyFreeUnits": 0.0,
}

PER_THOUSAND_TOKENS = {"deepseek.r1-v1:0": {"input": 0.00135, "output": 0.0054}}
"""By the model's id, without the region prefix of an inference profile. Other models have no known price."""

PER_MILLION_EXPRESS_REQUESTS = 1.00
PER_THOUSAND_TRANSITIONS = 0.025


def guardrail_cost(units: Mapping[str, int]) -> dict[str, Any]:
    """Text units and dollars by policy, and in all; units of a policy without a known price cost None."""
    policies = {name: {"text_units": count, "dollars": _dollars(name, count)} for name, count in sorted(units.items())}
    known = [entry["dollars"] for entry in policies.values() if entry["dollars"] is not None]
    return {"prices_as_of": AS_OF, "policies": policies, "dollars": round(sum(known), 6)}


def _dollars(name: str, count: int) -> float | None:
    price = PER_THOUSAND_UNITS.get(name)
    return None if price is None else round(price * count / 1000, 6)


def model_cost(tokens: Mapping[str, int], model: str) -> dict[str, Any]:
    """Tokens and dollars of a model named by its id or ARN; the dollars of one without a known price are None.

    Reasoning counts as output, as Bedrock counts it.
    """
    name = model.rpartition("/")[2]
    prices = next((prices for known, prices in PER_THOUSAND_TOKENS.items() if name in (known, f"us.{known}")), None)
    dollars = None
    if prices is not None:
        dollars = round(sum(prices[kind] * tokens.get(kind, 0) for kind in prices) / 1000, 6)
    return {"id": model, "tokens": dict(sorted(tokens.items())), "dollars": dollars}


def workflow_cost(children: int, transitions: int) -> dict[str, Any]:
    """The cost of the children as EXPRESS (requests, without memory-seconds) or as STANDARD executions."""
    return {
        "state_transitions": transitions,
        "express_requests_dollars": round(children * PER_MILLION_EXPRESS_REQUESTS / 1_000_000, 6),
        "standard_dollars": round(transitions * PER_THOUSAND_TRANSITIONS / 1000, 6),
    }
