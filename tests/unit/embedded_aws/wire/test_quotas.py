"""Request quotas: token buckets, and what each service says when one is empty."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedded_aws.wire import HttpRequest, JsonService, Quotas, Rate, ServiceError

START = "stepfunctions:StartExecution"


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_refills_up_to_its_size() -> None:
    """Two at once, then one each half second, and never more than two."""
    clock = _Clock()
    quotas = Quotas({START: Rate(2, 2)}, clock=clock)
    assert [quotas.take({START: 1}) for _ in range(3)] == [None, None, START]
    clock.now += 0.5
    assert [quotas.take({START: 1}) for _ in range(2)] == [None, START]
    clock.now += 60
    assert [quotas.take({START: 1}) for _ in range(3)] == [None, None, START]


def test_nothing_is_taken_when_one_of_several_buckets_is_short() -> None:
    """A refused guardrail call must not use up the units of its other policies."""
    quotas = Quotas({"a": Rate(5, 1), "b": Rate(1, 1)}, clock=_Clock())
    assert quotas.take({"a": 3, "b": 2}) is None  # b: more than its size, with a full bucket
    assert quotas.take({"a": 1, "b": 1}) == "b"
    assert quotas.take({"a": 2}) is None


def test_an_amount_above_the_size_leaves_a_debt() -> None:
    """It passes when the bucket is full, else it could never pass; then the bucket fills from below."""
    clock = _Clock()
    quotas = Quotas({"a": Rate(2, 1)}, clock=clock)
    assert quotas.take({"a": 5}) is None
    clock.now += 3
    assert quotas.take({"a": 1}) == "a"
    clock.now += 1
    assert quotas.take({"a": 1}) is None


def test_what_has_no_rate_is_not_limited() -> None:
    """Without --quotas, nothing is."""
    assert [Quotas().take({START: 10**9}) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(
    ("service", "operation", "code", "message", "status"),
    [
        ("stepfunctions", "DescribeExecution", "ThrottlingException", "Rate exceeded", 400),
        (
            "bedrock-runtime",
            "Converse",
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
            429,
        ),
        ("bedrock-runtime", "ApplyGuardrail", "ThrottlingException", "got throttled for the accountId: 0", 429),
        ("lambda", "Invoke", "TooManyRequestsException", "Rate exceeded", 429),
        ("dynamodb", "GetItem", "ThrottlingException", "Throughput exceeds the current capacity of your table", 400),
    ],
)
def test_each_service_refuses_in_its_own_words(
    service: str, operation: str, code: str, message: str, status: int
) -> None:
    """Clients and state machines match on the code; people search for the message."""
    name = {"Converse": "bedrock-runtime:model", "GetItem": "dynamodb:reads"}.get(operation, f"{service}:{operation}")
    quotas = Quotas({name: Rate(1, 1)}, clock=_Clock())
    quotas.check_call(service, operation)
    with pytest.raises(ServiceError) as caught:
        quotas.check_call(service, operation)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert message in caught.value.message


def test_text_units_are_refused_by_policy() -> None:
    """The message names the policy whose quota is used up."""
    quotas = Quotas({"bedrock-runtime:topicPolicyUnits": Rate(1, 1)}, clock=_Clock())
    usage = {"topicPolicyUnits": 1, "contentPolicyUnits": 50}
    quotas.check_text_units(usage)
    with pytest.raises(ServiceError, match="On-demand ApplyGuardrail denied topic policy text units per second limit"):
        quotas.check_text_units(usage)


def test_unused_tokens_are_given_back() -> None:
    """Bedrock reserves the longest answer, and counts the real one."""
    quotas = Quotas({"bedrock-runtime:tokens": Rate(100, 1)}, clock=_Clock())
    quotas.check_tokens(100)
    with pytest.raises(ServiceError, match="Too many tokens"):
        quotas.check_tokens(10)
    quotas.give_back_tokens(90)
    quotas.check_tokens(90)


def test_lambda_has_places_for_a_number_of_invocations() -> None:
    """The error is the one that the state machines' Retry names."""
    quotas = Quotas({"lambda:concurrency": Rate(1, 1)})
    with quotas.invocation():
        with pytest.raises(ServiceError) as caught, quotas.invocation():
            pytest.fail("a second one ran")
        assert caught.value.code == "TooManyRequestsException"
        assert caught.value.members["Reason"] == "ConcurrentInvocationLimitExceeded"
    with quotas.invocation():
        pass


def test_a_throttled_call_does_not_reach_the_service() -> None:
    """The response is an AWS error like any other."""

    class Backend:
        calls = 0

        def describe_execution(self, params: dict[str, Any]) -> dict[str, Any]:
            Backend.calls += 1
            return {}

    service = JsonService("stepfunctions", Backend(), Quotas({"stepfunctions:DescribeExecution": Rate(1, 0.001)}))
    request = HttpRequest(
        "POST",
        "/",
        headers={"x-amz-target": "AWSStepFunctions.DescribeExecution"},
        body=b'{"executionArn": "arn:aws:states:us-east-1:000000000000:execution:a:b"}',
    )
    responses = [service.handle(request) for _ in range(3)]
    assert [response.status for response in responses] == [200, 400, 400]
    assert json.loads(responses[1].body)["__type"] == "ThrottlingException"
    assert Backend.calls == 1
