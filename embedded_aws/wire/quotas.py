"""AWS's request quotas as token buckets; off unless rates are given.

A bucket is named `SERVICE:OPERATION`, by botocore's service name, e.g. `stepfunctions:StartExecution`; these are in
units of calls. Others are named here: text units of a guardrail's policy, tokens of models, capacity units of tables,
and the concurrency of Lambda, which is a number of places and not a rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from embedded_aws.wire.base import Account, ServiceError

MODEL_CALLS, MODEL_TOKENS = "bedrock-runtime:model", "bedrock-runtime:tokens"
TABLE_READS, TABLE_WRITES = "dynamodb:reads", "dynamodb:writes"
CONCURRENCY = "lambda:concurrency"

_SHARED = {
    "bedrock-runtime:Converse": MODEL_CALLS,
    "bedrock-runtime:InvokeModel": MODEL_CALLS,
    "dynamodb:GetItem": TABLE_READS,
    "dynamodb:PutItem": TABLE_WRITES,
    "dynamodb:UpdateItem": TABLE_WRITES,
    "dynamodb:DeleteItem": TABLE_WRITES,
}
"""Operations that share a bucket."""


def bucket_of(service: str, operation: str) -> str:
    """The bucket that limits an operation's calls."""
    name = f"{service}:{operation}"
    return _SHARED.get(name, name)


def text_units_of(unit: str) -> str:
    """The bucket of a policy's text units, by the name in ApplyGuardrail's usage, e.g. `topicPolicyUnits`."""
    return f"bedrock-runtime:{unit}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `size` tokens that gets `refill` new ones a second."""

    size: float
    refill: float


class _Bucket:
    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.size
        self._filled = now

    def has(self, amount: float, now: float) -> bool:
        rate = self._rate
        self._tokens = min(rate.size, self._tokens + (now - self._filled) * rate.refill)
        self._filled = now
        # An amount above the size passes when the bucket is full, and leaves a debt: else it could never pass.
        return self._tokens >= min(amount, rate.size)

    def add(self, amount: float) -> None:
        self._tokens = min(self._rate.size, self._tokens + amount)


class Quotas:
    """The buckets of one account. What has no rate is not limited. Safe for threads; `clock` is in seconds."""

    def __init__(
        self,
        rates: Mapping[str, Rate] | None = None,
        account: Account | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        rates = dict(rates or {})
        places = rates.pop(CONCURRENCY, None)
        self._places = None if places is None else threading.BoundedSemaphore(max(1, int(places.size)))
        self._account = account or Account()
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets = {name: _Bucket(rate, clock()) for name, rate in rates.items()}

    def take(self, amounts: Mapping[str, float]) -> str | None:
        """Take from several buckets, all or nothing. Returns the first one that has too little."""
        with self._lock:
            now = self._clock()
            limited = {name: amount for name, amount in amounts.items() if amount and name in self._buckets}
            short = next((name for name, amount in limited.items() if not self._buckets[name].has(amount, now)), None)
            if short is None:
                for name, amount in limited.items():
                    self._buckets[name].add(-amount)
            return short

    def give_back_tokens(self, tokens: int) -> None:
        """Put back tokens of a model that were taken and not used."""
        with self._lock:
            if MODEL_TOKENS in self._buckets:
                self._buckets[MODEL_TOKENS].add(tokens)

    def check_call(self, service: str, operation: str) -> None:
        """Take one call of an operation. Raises ServiceError, in the service's words, when the quota is used up."""
        if self.take({bucket_of(service, operation): 1}) is not None:
            raise self._refusal(service, operation)

    def check_text_units(self, usage: Mapping[str, int]) -> None:
        """Take a guardrail call's text units of all policies. Raises ServiceError."""
        short = self.take({text_units_of(unit): count for unit, count in usage.items()})
        if short is not None:
            policy = _POLICIES.get(short.partition(":")[2], short)
            raise ServiceError(
                "ThrottlingException",
                f"Too many requests sent to ApplyGuardrail: On-demand ApplyGuardrail {policy} policy text units per "
                "second limit exceeded",
                429,
            )

    def check_tokens(self, tokens: int) -> None:
        """Take a model call's tokens. Raises ServiceError."""
        if self.take({MODEL_TOKENS: tokens}) is not None:
            raise ServiceError("ThrottlingException", "Too many tokens, please wait before trying again.", 429)

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """One concurrent execution of a Lambda. Raises ServiceError."""
        if self._places is None:
            yield
            return
        if not self._places.acquire(blocking=False):
            reason = "ConcurrentInvocationLimitExceeded"
            raise ServiceError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason, Type="User")
        try:
            yield
        finally:
            self._places.release()

    def _refusal(self, service: str, operation: str) -> ServiceError:
        if operation == "ApplyGuardrail":
            message = f"ApplyGuardrail requestId: {uuid4()} got throttled for the accountId: {self._account.account_id}"
            return ServiceError("ThrottlingException", message, 429)
        if service == "dynamodb":
            return ServiceError("ThrottlingException", _TABLE_BUSY)
        if service == "bedrock-runtime":
            return ServiceError("ThrottlingException", "Too many requests, please wait before trying again.", 429)
        if service == "lambda":
            reason = "CallerRateLimitExceeded"
            return ServiceError("TooManyRequestsException", "Rate exceeded", 429, Reason=reason, Type="User")
        return ServiceError("ThrottlingException", "Rate exceeded", 400 if service == "stepfunctions" else 429)


UNLIMITED = Quotas()

_POLICIES = {
    "contentPolicyUnits": "content filter",
    "topicPolicyUnits": "denied topic",
    "wordPolicyUnits": "word filter",
    "sensitiveInformationPolicyUnits": "sensitive information filter",
    "contextualGroundingPolicyUnits": "contextual grounding",
}

_TABLE_BUSY = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or "
    "index so please try again shortly."
)
