"""The embedded Bedrock as boto3 sees it: the real client, its serializer, parser and exception classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.embedded_aws.bedrock.boto import Clients
from tests.unit.embedded_aws.bedrock.fakes import configuration, content, image, pii, png

_ECHO = "any.echo"


@pytest.fixture(name="aws")
def _aws(tmp_path: Path) -> Iterator[Clients]:
    clients = Clients(tmp_path)
    yield clients
    clients.service.close()


def test_life_of_a_guardrail(aws: Clients) -> None:
    """Create, publish, read, change, list with boto3's paginator, delete."""
    made = aws.control.create_guardrail(**configuration())
    version = aws.control.create_guardrail_version(guardrailIdentifier=made["guardrailId"])["version"]
    read = aws.control.get_guardrail(guardrailIdentifier=made["guardrailArn"], guardrailVersion=version)
    assert (read["version"], read["wordPolicy"]["words"]) == ("1", [{"text": "forbidden"}])
    assert read["createdAt"].tzinfo is not None
    for number in range(3):
        aws.control.create_guardrail(**configuration() | {"name": f"more-{number}"})
    pages = aws.control.get_paginator("list_guardrails").paginate(PaginationConfig={"PageSize": 2})
    assert [entry["name"] for page in pages for entry in page["guardrails"]] == ["test", "more-0", "more-1", "more-2"]
    aws.control.delete_guardrail(guardrailIdentifier=made["guardrailId"])
    with pytest.raises(aws.control.exceptions.ResourceNotFoundException):
        aws.control.get_guardrail(guardrailIdentifier=made["guardrailId"])


def test_errors_are_the_clients_exception_classes(aws: Clients) -> None:
    """What a Lambda's errorType, and so an ASL ErrorEquals, will say."""
    aws.control.create_guardrail(**configuration())
    with pytest.raises(aws.control.exceptions.ConflictException):
        aws.control.create_guardrail(**configuration())
    with pytest.raises(aws.control.exceptions.ValidationException, match="1 validation error detected"):
        aws.control.create_guardrail(**configuration() | {"name": "a b"})
    message = {"role": "user", "content": [{"text": "hi"}]}
    with pytest.raises(aws.runtime.exceptions.ModelNotReadyException) as caught:
        aws.runtime.converse(modelId="x.not-ready", messages=[message])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    with pytest.raises(aws.runtime.exceptions.ThrottlingException):
        aws.runtime.invoke_model(modelId="x.throttled", body=b"{}")
    with pytest.raises(aws.sagemaker.exceptions.ModelError) as refused:
        aws.sagemaker.invoke_endpoint(EndpointName="deepseek", Body=b"hello")
    assert refused.value.response["OriginalStatusCode"] == 400


def test_apply_guardrail(aws: Clients) -> None:
    """The independent API, with an ARN in the path."""
    made = aws.control.create_guardrail(**configuration(**pii("NAME")))
    answer = aws.runtime.apply_guardrail(
        guardrailIdentifier=made["guardrailArn"],
        guardrailVersion="DRAFT",
        source="OUTPUT",
        content=[{"text": {"text": "Ask Alice, é😀"}}],
    )
    assert answer["outputs"] == [{"text": "Ask {NAME}, é😀"}]


def test_converse_with_guardrail(aws: Clients) -> None:
    """A masked echo through Converse."""
    made = aws.control.create_guardrail(**configuration(**pii("NAME")))
    answer = aws.runtime.converse(
        modelId=_ECHO,
        messages=[{"role": "user", "content": [{"guardContent": {"text": {"text": "I am Bob"}}}]}],
        guardrailConfig={
            "guardrailIdentifier": made["guardrailId"],
            "guardrailVersion": "DRAFT",
            "trace": "enabled_full",
        },
    )
    assert answer["output"]["message"]["content"] == [{"text": "I am {NAME}"}]
    assert answer["stopReason"] == "guardrail_intervened"


@pytest.mark.parametrize("content_type", [{}, {"contentType": "application/json", "accept": "application/json"}])
def test_invoke_model_with_guardrail(aws: Clients, content_type: dict[str, str]) -> None:
    """Headers carry the guardrail; boto3 sends no content type by default."""
    made = aws.control.create_guardrail(**configuration())
    answer = aws.runtime.invoke_model(
        modelId="arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghecho",
        body=json.dumps({"prompt": "forbidden", "max_gen_len": 5}),
        guardrailIdentifier=made["guardrailId"],
        guardrailVersion="DRAFT",
        trace="ENABLED",
        **content_type,
    )
    body = json.loads(answer["body"].read())
    assert (body["generation"], body["amazon-bedrock-guardrailAction"]) == ("Input refused.", "INTERVENED")
    assert answer["contentType"] == "application/json"


def test_invoke_model_counts_tokens_in_headers(aws: Clients) -> None:
    """Bedrock-hosted DeepSeek-R1's body has no room for them, and clients such as LangChain read the headers."""
    answer = aws.runtime.invoke_model(modelId="deepseek.echo", body=json.dumps({"prompt": "One two.", "max_tokens": 9}))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert int(headers["x-amzn-bedrock-input-token-count"]) > 0
    assert int(headers["x-amzn-bedrock-output-token-count"]) > 0


def test_endpoint(aws: Clients) -> None:
    """A JumpStart endpoint through sagemaker-runtime."""
    answer = aws.sagemaker.invoke_endpoint(
        EndpointName="my-echo", Body=json.dumps({"inputs": "hello"}), ContentType="application/json"
    )
    assert json.loads(answer["Body"].read()) == {"generated_text": "hello"}


def _refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]


def test_guardrail_checks_are_refused_by_name(aws: Clients) -> None:
    """Whatever the arguments are: that the operation is missing matters more than what is wrong with the request."""
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    for category in ("VIOLENCE", "PROMPT_ATTACK"):  # the second is none of the operation's categories
        checks = {"contentFilter": {"categories": [{"category": category}]}}
        code, status, message = _refusal(aws.runtime.invoke_guardrail_checks, messages=messages, checks=checks)
        assert (code, status) == ("UnknownOperationException", 501)
        assert message.endswith("does not implement bedrock-runtime:InvokeGuardrailChecks.")


def test_automated_reasoning_is_refused_by_name(aws: Clients) -> None:
    """Policies can be neither made nor put into a guardrail: what is never evaluated would let everything through."""
    code, status, message = _refusal(aws.control.create_automated_reasoning_policy, name="leave")
    assert (code, status) == ("UnknownOperationException", 501)
    assert message.endswith("does not implement bedrock:CreateAutomatedReasoningPolicy.")
    arn = "arn:aws:bedrock:us-east-1:000000000000:automated-reasoning-policy/abcdefghijkl:1"
    policy = configuration(automatedReasoningPolicyConfig={"policies": [arn]})
    code, status, message = _refusal(aws.control.create_guardrail, **policy)
    assert (code, status) == ("ValidationException", 400)
    assert "cannot evaluate automated reasoning policies" in message
    assert aws.control.list_guardrails()["guardrails"] == []


def test_images(aws: Clients) -> None:
    """Bytes in, image units and coverage out, through boto3's serializer and parser."""
    both = ["TEXT", "IMAGE"]
    policy = content("SEXUAL", inputModalities=both, outputModalities=both)
    made = aws.control.create_guardrail(**configuration(**policy))["guardrailId"]
    answer = aws.runtime.apply_guardrail(
        guardrailIdentifier=made, guardrailVersion="DRAFT", source="INPUT", content=[image(png("SEXUAL-HIGH"))]
    )
    assert answer["usage"]["contentPolicyImageUnits"] == 1
    assert answer["guardrailCoverage"]["images"] == {"guarded": 1, "total": 1}
    assert answer["outputs"] == [{"text": "Input refused."}]


def test_operation_that_is_not_there_says_so(aws: Clients) -> None:
    """It is refused by name, not answered wrongly."""
    with pytest.raises(ClientError, match="does not implement bedrock-runtime:StartAsyncInvoke"):
        aws.runtime.start_async_invoke(
            modelId="any.echo", modelInput={}, outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://b/k"}}
        )
