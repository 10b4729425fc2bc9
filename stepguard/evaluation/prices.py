"""AWS's list prices in US dollars, the only table of prices, and what AWS charges for.

Prices change and differ between Regions: use them to compare guardrails with one another, to estimate a run and to
limit it, not to predict a bill. Free tiers, volume tiers and taxes are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.guard.grounding import GROUNDING_UNITS
from stepguard.guard.stages import Direction

_BEDROCK = "https://aws.amazon.com/bedrock/pricing/"
_STATES = "https://aws.amazon.com/step-functions/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_API = "https://aws.amazon.com/api-gateway/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_S3 = "https://aws.amazon.com/s3/pricing/"
_KMS = "https://aws.amazon.com/kms/pricing/"
_WAF = "https://aws.amazon.com/waf/pricing/"
_PRIVATELINK = "https://aws.amazon.com/privatelink/pricing/"


@dataclass(frozen=True, slots=True)
class Price:
    """`dollars` for `per` units.

    `checked` is the day on which the price was compared with a stored copy of `source` or with a quotation of it;
    `copied` is the month of that copy, as far as it is known.
    """

    service: str
    unit: str
    dollars: float
    per: int
    copied: str
    source: str
    checked: str = "2026-11-30"
    region: str = "us-east-1"

    def of(self, count: float) -> float:
        """The dollars of a number of units."""
        return self.dollars * count / self.per


def _guardrail(unit: str, dollars: float) -> Price:
    return Price("Bedrock Guardrails", unit, dollars, 1000, "2026-08", _BEDROCK)


PRICES: Mapping[str, Price] = {
    "contentPolicyUnits": _guardrail("text unit, content filters", 0.15),
    "topicPolicyUnits": _guardrail("text unit, denied topics", 0.15),
    "sensitiveInformationPolicyUnits": _guardrail("text unit, personal data", 0.10),
    "contextualGroundingPolicyUnits": _guardrail("text unit, contextual grounding", 0.10),
    "automatedReasoningPolicyUnits": _guardrail("text unit and policy, automated reasoning", 0.17),
    "contentPolicyImageUnits": _guardrail("image, content filters", 0.75),
    "wordPolicyUnits": _guardrail("text unit, words", 0.0),
    "sensitiveInformationPolicyFreeUnits": _guardrail("text unit, regular expressions", 0.0),
    "deepseek.r1-v1:0/input": Price("Bedrock, DeepSeek-R1", "input token", 1.35, 1_000_000, "2026-02", _BEDROCK),
    "deepseek.r1-v1:0/output": Price("Bedrock, DeepSeek-R1", "output token", 5.40, 1_000_000, "2026-02", _BEDROCK),
    "amazon.titan-embed-text-v2:0/input": Price(
        "Bedrock, Titan Text Embeddings V2", "input token", 0.02, 1_000_000, "undated", _BEDROCK
    ),
    "transitions": Price("Step Functions, STANDARD", "state transition", 0.025, 1000, "2026-03", _STATES),
    "express_requests": Price("Step Functions, EXPRESS", "request", 1.00, 1_000_000, "2026-03", _STATES),
    "express_seconds": Price("Step Functions, EXPRESS", "GB-second", 16.67, 1_000_000, "2026-03", _STATES),
    "invocations": Price("Lambda, x86", "request", 0.20, 1_000_000, "2025-12", _LAMBDA),
    "lambda_seconds": Price("Lambda, x86", "GB-second", 16.6667, 1_000_000, "2025-12", _LAMBDA),
    "api_requests": Price("API Gateway, REST", "request", 3.50, 1_000_000, "2025-05", _API),
    "writes": Price("DynamoDB, on demand", "write request unit (1 KB)", 0.625, 1_000_000, "2025-05", _DYNAMODB),
    "reads": Price(
        "DynamoDB, on demand", "read request unit (4 KB, consistent)", 0.125, 1_000_000, "2025-05", _DYNAMODB
    ),
    "log_bytes": Price("CloudWatch Logs", "byte written", 0.50, 10**9, "undated", _CLOUDWATCH),
    "metrics": Price("CloudWatch", "custom metric and month", 0.30, 1, "undated", _CLOUDWATCH),
    "alarm_metrics": Price("CloudWatch", "metric of an alarm and month", 0.10, 1, "undated", _CLOUDWATCH),
    "dashboards": Price("CloudWatch", "dashboard and month", 3.00, 1, "undated", _CLOUDWATCH),
    "s3_writes": Price("S3", "PUT, COPY, POST or LIST", 0.005, 1000, "2026-09", _S3),
    "s3_reads": Price("S3", "GET", 0.004, 10_000, "2026-09", _S3),
    "keys": Price("KMS", "customer-managed key and month", 1.00, 1, "undated", _KMS),
    "key_uses": Price("KMS", "request", 0.03, 10_000, "undated", _KMS),
    "web_acls": Price("WAF", "web ACL and month", 5.00, 1, "undated", _WAF),
    "web_rules": Price("WAF", "rule and month", 1.00, 1, "undated", _WAF),
    "web_requests": Price("WAF", "request", 0.60, 1_000_000, "undated", _WAF),
    "endpoint_hours": Price("PrivateLink", "interface endpoint, zone and hour", 0.01, 1, "undated", _PRIVATELINK),
}
"""By the name that the rest of the code uses: a guardrail's counts in Bedrock's words, tokens as MODEL/KIND.

AWS charges an imported model or an endpoint by time, not by tokens: such models have no price here.
"""

AS_OF = min(price.checked for price in PRICES.values())
"""The day of the oldest comparison."""

EXPRESS_GIGABYTES = 64 / 1024
"""AWS counts the memory of an EXPRESS execution in pieces of 64 MB: the definition and data of a chat need one."""
EXPRESS_ROUNDING = 0.1
"""Seconds to which AWS rounds the duration of an EXPRESS execution up."""


def guardrail_cost(units: Mapping[str, int]) -> dict[str, Any]:
    """Text units and dollars by policy, and in all; units of a policy without a known price cost None."""
    policies = {name: {"text_units": count, "dollars": _dollars(name, count)} for name, count in sorted(units.items())}
    known = [entry["dollars"] for entry in policies.values() if entry["dollars"] is not None]
    return {"prices_as_of": AS_OF, "policies": policies, "dollars": round(sum(known), 6)}


def _dollars(name: str, count: int) -> float | None:
    price = PRICES.get(name)
    return None if price is None else round(price.of(count), 6)


def model_cost(tokens: Mapping[str, int], model: str) -> dict[str, Any]:
    """Tokens and dollars of a model named by its id or ARN; the dollars of one without a known price are None.

    Reasoning counts as output, as Bedrock counts it.
    """
    # The id of an inference profile begins with its part of the world.
    name = model.rpartition("/")[2].removeprefix("us.")
    kinds = ("input", "output")
    dollars = None
    if all(f"{name}/{kind}" in PRICES for kind in kinds):
        dollars = round(sum(PRICES[f"{name}/{kind}"].of(tokens.get(kind, 0)) for kind in kinds), 6)
    return {"id": model, "tokens": dict(sorted(tokens.items())), "dollars": dollars}


def embedding_cost(tokens: int, model: str) -> dict[str, Any]:
    """Tokens and dollars of a model of embeddings, which has no output tokens."""
    price = PRICES.get(f"{model}/input")
    return {"id": model, "tokens": {"input": tokens}, "dollars": None if price is None else round(price.of(tokens), 6)}


def transitions_cost(transitions: int) -> float:
    """The dollars of the state transitions of STANDARD executions."""
    return PRICES["transitions"].of(transitions)


def express_cost(requests: int, seconds: float) -> float:
    """The dollars of EXPRESS executions; `seconds` are those of all together."""
    return PRICES["express_requests"].of(requests) + PRICES["express_seconds"].of(seconds * EXPRESS_GIGABYTES)


def lambda_cost(invocations: int, gigabyte_seconds: float) -> float:
    """The dollars of Lambda."""
    return PRICES["invocations"].of(invocations) + PRICES["lambda_seconds"].of(gigabyte_seconds)


def workflow_cost(children: int, transitions: int) -> dict[str, Any]:
    """The cost of the children as EXPRESS (requests, without memory-seconds) or as STANDARD executions."""
    return {
        "state_transitions": transitions,
        "express_requests_dollars": round(express_cost(children, 0), 6),
        "standard_dollars": round(transitions_cost(transitions), 6),
    }


_CHARGED = {
    "topicPolicy": ("topicPolicyUnits", "topics"),
    "contentPolicy": ("contentPolicyUnits", "filters"),
    "sensitiveInformationPolicy": ("sensitiveInformationPolicyUnits", "piiEntities"),
    "contextualGroundingPolicy": ("contextualGroundingPolicyUnits", "filters"),
    "automatedReasoningPolicy": ("automatedReasoningPolicyUnits", "policies"),
}

Policies = Mapping[str, int]
"""A guardrail's charged policies: for each kind of text unit, how often AWS counts it."""


def policies_of(guardrail: Mapping[str, Any], direction: Direction | None = None) -> Policies:
    """The charged policies of a CreateGuardrail request or a GetGuardrail response, in one direction or in any.

    Word filters and regular expressions are free; each automated reasoning policy is charged separately. An entry that
    is switched off in a direction is not evaluated there.
    """
    charged: dict[str, int] = {}
    for policy, (unit, member) in _CHARGED.items():
        section = guardrail.get(policy) or guardrail.get(f"{policy}Config") or {}
        entries = section.get(member) or section.get(f"{member}Config") or ()
        if policy == "automatedReasoningPolicy":
            count = len(entries)
        else:
            count = int(any(_evaluated(entry, direction) for entry in entries))
        if count:
            charged[unit] = count
    return charged


def _evaluated(entry: Mapping[str, Any], direction: Direction | None) -> bool:
    if entry.get("enabled") is False:
        return False
    directions = tuple(Direction) if direction is None else (direction,)
    return any(entry.get(f"{each.lower()}Enabled") is not False for each in directions)


def count_units(policies: Policies, units: int, grounding: int = 0) -> dict[str, int]:
    """The charged units of one check of a text with so many units.

    `grounding` is the number of units of passages and query; without them contextual grounding is not checked.
    """
    counted = {}
    for unit, times in policies.items():
        if unit != GROUNDING_UNITS:
            counted[unit] = times * units
        elif grounding:
            counted[unit] = times * (units + grounding)
    return counted
