"""AWS's default quotas that limit chats and evaluations: the only table of quotas.

Values are for a large Region (us-east-1, us-west-2; for Step Functions also eu-west-1) and for all others. AWS raises
some on request and changes defaults: Service Quotas has an account's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_STATES = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_BEDROCK = "https://docs.aws.amazon.com/general/latest/gr/bedrock.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"
_API = "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"


@dataclass(frozen=True, slots=True)
class Quota:
    """One default quota: `large` and `other` are a second's refill, `burst_large` and `burst_other` the bucket.

    `checked` is the day on which it was compared with a stored copy or quotation of `source`; `copied` the month of
    that copy, as far as it is known.
    """

    name: str
    unit: str
    large: float
    other: float
    burst_large: float
    burst_other: float
    adjustable: bool
    copied: str
    source: str
    checked: str = "2026-11-30"


def _second(name: str, unit: str, large: float, other: float, copied: str, source: str) -> Quota:
    """A quota of a second, which can be used at once."""
    return Quota(name, unit, large, other, large, other, True, copied, source)


def _units(name: str, large: float, other: float) -> Quota:
    return _second(name, "text unit", large, other, "2025-06", _BEDROCK)


QUOTAS: Mapping[str, Quota] = {
    "stepfunctions:StartExecution": Quota(
        "Step Functions, StartExecution", "call", 300, 150, 1300, 800, True, "undated", _STATES
    ),
    "stepfunctions:StateTransition": Quota(
        "Step Functions, state transitions of STANDARD", "transition", 1500, 500, 5000, 800, True, "undated", _STATES
    ),
    "stepfunctions:DescribeExecution": Quota(
        "Step Functions, DescribeExecution", "call", 15, 10, 300, 250, True, "undated", _STATES
    ),
    "stepfunctions:GetExecutionHistory": Quota(
        "Step Functions, GetExecutionHistory", "call", 20, 20, 400, 400, True, "undated", _STATES
    ),
    "bedrock-runtime:ApplyGuardrail": _second("Bedrock, ApplyGuardrail", "call", 50, 25, "2025-06", _BEDROCK),
    "bedrock-runtime:contentPolicyUnits": _units("Bedrock, content filters", 200, 25),
    "bedrock-runtime:topicPolicyUnits": _units("Bedrock, denied topics", 50, 25),
    "bedrock-runtime:sensitiveInformationPolicyUnits": _units("Bedrock, personal data", 200, 25),
    "bedrock-runtime:wordPolicyUnits": _units("Bedrock, words", 200, 25),
    "bedrock-runtime:contextualGroundingPolicyUnits": _units("Bedrock, contextual grounding", 106, 106),
    "bedrock-runtime:model": Quota(
        "Bedrock, calls of DeepSeek-R1", "call", 200 / 60, 200 / 60, 200, 200, False, "2025-06", _BEDROCK
    ),
    "bedrock-runtime:tokens": Quota(
        "Bedrock, tokens of DeepSeek-R1",
        "token",
        200_000 / 60,
        200_000 / 60,
        200_000,
        200_000,
        True,
        "2025-06",
        _BEDROCK,
    ),
    "lambda:concurrency": Quota(
        "Lambda, concurrent executions", "execution at a time", 1000, 1000, 1000, 1000, True, "2025-12", _LAMBDA
    ),
    "dynamodb:reads": _second("DynamoDB, reads of a new table", "read unit", 12_000, 12_000, "undated", _DYNAMODB),
    "dynamodb:writes": _second("DynamoDB, writes of a new table", "write unit", 4000, 4000, "undated", _DYNAMODB),
    "apigateway:requests": Quota("API Gateway, requests", "request", 10_000, 10_000, 5000, 5000, True, "undated", _API),
}
"""By the name of the bucket on the embedded AWS: SERVICE:OPERATION, or what is counted.

A new AWS account starts below some of these: 10 concurrent executions of Lambda, for example.
"""
