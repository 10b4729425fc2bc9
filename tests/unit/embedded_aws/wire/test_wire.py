"""AWS's JSON protocols: routing, limits from botocore's models, and the bytes on the wire."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.wire import Account, HttpRequest, HttpResponse, JsonService, ServiceError, check, service_model


class _Backend:
    """Remembers what it was called with and gives a prepared answer."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.called: list[dict[str, Any]] = []

    def _run(self, params: dict[str, Any]) -> Any:
        self.called.append(params)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    apply_guardrail = list_guardrails = invoke_model = start_execution = invoke_endpoint = create_guardrail = _run


_APPLIED = {"usage": {}, "action": "NONE", "outputs": [], "assessments": []}


def _apply(backend: _Backend, body: bytes, path: str = "/guardrail/abc/version/1/apply") -> HttpResponse:
    return JsonService("bedrock-runtime", backend).handle(HttpRequest("POST", path, body=body))


def _error(response: HttpResponse) -> tuple[int, str, str]:
    return response.status, response.headers["x-amzn-ErrorType"], json.loads(response.body)["message"]


_BODY = b'{"source": "INPUT", "content": [{"text": {"text": "hi"}}]}'


# --- requests ---


def test_path_and_body_become_parameters() -> None:
    """Labels are percent-decoded, members get the model's names, null and unknown ones are dropped."""
    backend = _Backend(_APPLIED)
    path = "/guardrail/arn%3Aaws%3Abedrock%3Aus-east-1%3A000000000000%3Aguardrail%2Fabc/version/DRAFT/apply"
    body = b'{"source": "INPUT", "content": [], "outputScope": null, "strange": 1}'
    assert _apply(backend, body, path).status == 200
    assert backend.called == [
        {
            "guardrailIdentifier": "arn:aws:bedrock:us-east-1:000000000000:guardrail/abc",
            "guardrailVersion": "DRAFT",
            "source": "INPUT",
            "content": [],
        }
    ]


def test_query_and_headers_become_parameters() -> None:
    """Query strings and headers are typed by the model; a blob payload is the raw body."""
    backend = _Backend({"guardrails": []})
    JsonService("bedrock", backend).handle(HttpRequest("GET", "/guardrails", "maxResults=7&guardrailIdentifier=abc"))
    assert backend.called == [{"maxResults": 7, "guardrailIdentifier": "abc"}]
    backend = _Backend({"body": b"\x00", "contentType": "application/json"})
    request = HttpRequest("POST", "/model/m/invoke", headers={"x-amzn-bedrock-trace": "ENABLED"}, body=b"\xff")
    response = JsonService("bedrock-runtime", backend).handle(request)
    assert backend.called == [{"modelId": "m", "trace": "ENABLED", "body": b"\xff"}]
    assert (response.body, response.headers["Content-Type"]) == (b"\x00", "application/json")


def test_base64_members_are_decoded() -> None:
    """A binary member inside JSON arrives as bytes."""
    backend = _Backend(_APPLIED)
    image = {"image": {"format": "png", "source": {"bytes": "AAE="}}}
    _apply(backend, json.dumps({"source": "INPUT", "content": [image]}).encode())
    assert backend.called[0]["content"][0]["image"]["source"]["bytes"] == b"\x00\x01"


def test_json_rpc_operation_is_named_by_its_header() -> None:
    """Step Functions' protocol: X-Amz-Target."""
    started = datetime(2026, 1, 2, tzinfo=UTC)
    backend = _Backend({"executionArn": "arn:x", "startDate": started})
    service = JsonService("stepfunctions", backend)
    headers = {"x-amz-target": "AWSStepFunctions.StartExecution"}
    response = service.handle(HttpRequest("POST", "/", headers=headers, body=b'{"stateMachineArn": "arn:m"}'))
    assert backend.called == [{"stateMachineArn": "arn:m"}]
    assert json.loads(response.body) == {"executionArn": "arn:x", "startDate": started.timestamp()}


def test_a_service_knows_its_own_requests() -> None:
    """owns() lets one port serve several services."""
    service = JsonService("bedrock-runtime", _Backend())
    assert service.owns(HttpRequest("POST", "/model/m/invoke"))
    assert not service.owns(HttpRequest("GET", "/model/m/invoke"))
    assert not service.owns(HttpRequest("GET", "/guardrails"))


# --- errors ---


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"[" * 200_000, b'"text"', b"[]", b'{"a": NaN}', b"1" * 5000, b'{"source": "\\ud800"}'],
    ids=["cut", "binary", "bomb", "string", "list", "nan", "huge number", "half surrogate"],
)
def test_what_is_not_a_json_object_is_a_serialization_error(body: bytes) -> None:
    """Each with status 400, whatever the parser stumbled over."""
    status, code, _ = _error(_apply(_Backend(), body))
    assert (status, code) == (400, "SerializationException")


def test_bad_base64_is_a_serialization_error() -> None:
    """A binary member that is not base64."""
    image = {"image": {"format": "png", "source": {"bytes": "%%%"}}}
    response = _apply(_Backend(), json.dumps({"source": "INPUT", "content": [image]}).encode())
    assert _error(response)[1] == "SerializationException"


def test_service_error_is_answered_in_awss_shape() -> None:
    """Status, error type header and message are the service's; further members are kept."""
    backend = _Backend(ServiceError("ThrottlingException", "Slow down.", 429, retryAfter=3))
    response = _apply(backend, _BODY)
    assert _error(response) == (429, "ThrottlingException", "Slow down.")
    assert json.loads(response.body)["retryAfter"] == 3


def test_bug_in_a_service_is_a_500_that_logs_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets InternalServerException; the log has the place and no text of the request."""
    with caplog.at_level(logging.ERROR):
        response = _apply(_Backend(ValueError("the user's secret")), _BODY)
    assert _error(response)[:2] == (500, "InternalServerException")
    assert b"secret" not in response.body
    assert "ValueError at " in caplog.text
    assert "secret" not in caplog.text


def test_missing_operation_is_not_implemented() -> None:
    """An operation of the model that the backend lacks is answered 501 by its name."""
    response = JsonService("bedrock-runtime", object()).handle(HttpRequest("POST", "/model/m/converse", body=b"{}"))
    status, code, message = _error(response)
    assert (status, code) == (501, "UnknownOperationException")
    assert "bedrock-runtime:Converse" in message


def test_request_of_no_operation_is_404() -> None:
    """A path that is in no model."""
    assert _error(JsonService("bedrock", object()).handle(HttpRequest("GET", "/nothing")))[0] == 404


def test_number_in_the_query_must_be_one() -> None:
    """maxResults=many is a ValidationException."""
    response = JsonService("bedrock", _Backend()).handle(HttpRequest("GET", "/guardrails", "maxResults=many"))
    assert _error(response)[:2] == (400, "ValidationException")


def test_services_have_their_own_name_for_validation() -> None:
    """SageMaker's model knows ValidationError only."""
    request = HttpRequest("POST", "/endpoints/-bad-/invocations", body=b"x")
    assert _error(JsonService("sagemaker-runtime", _Backend()).handle(request))[1] == "ValidationError"


# --- limits ---


def _failures(**params: Any) -> str:
    shape = service_model("bedrock").operation_model("CreateGuardrail").input_shape
    assert shape is not None
    good = {"name": "n", "blockedInputMessaging": "i", "blockedOutputsMessaging": "o"}
    with pytest.raises(ServiceError) as caught:
        check(shape, good | params)
    return caught.value.message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"name": None}, "Value 'null' at 'name' failed to satisfy constraint: Member must not be null"),
        ({"name": ""}, "length greater than or equal to 1"),
        ({"name": "x" * 51}, "length less than or equal to 50"),
        ({"name": "a b"}, "regular expression pattern: [0-9a-zA-Z-_]+"),
        ({"name": 5}, "Member must be of type string"),
        ({"name": True}, "Member must be of type string"),
        ({"tags": {}}, "Member must be of type list"),
        ({"wordPolicyConfig": {"wordsConfig": []}}, "wordPolicyConfig.wordsConfig"),
        ({"wordPolicyConfig": {"wordsConfig": [{"text": "a"}, {"text": "x" * 101}]}}, "wordsConfig.2.member.text"),
        ({"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "NO", "threshold": 1}]}}, "enum value set"),
        (
            {"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": -0.1}]}},
            "greater than or equal to 0",
        ),
        (
            {"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": float("inf")}]}},
            "finite number",
        ),
        (
            {"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": 10**400}]}},
            "fits into type double",
        ),
    ],
    ids=["required", "short", "long", "pattern", "number", "boolean", "object", "empty list", "item", "enum", "low",
         "infinite", "huge"],
)  # fmt: skip
def test_limits_are_checked_with_awss_messages(params: dict[str, Any], message: str) -> None:
    """What botocore's client lets through, the service refuses, naming the member."""
    assert message in _failures(**params)


def test_all_failures_are_counted_and_listed() -> None:
    """One message for all of them."""
    assert _failures(blockedOutputsMessaging="", blockedInputMessaging="").startswith("2 validation errors detected: ")


def test_sensitive_values_are_not_quoted() -> None:
    """The message names a sensitive member without its value."""
    assert "a b" not in _failures(name="a b")


def test_union_has_exactly_one_member() -> None:
    """Two members of a union, or none."""
    shape = service_model("bedrock-runtime").operation_model("Converse").input_shape
    assert shape is not None
    for block in ({}, {"text": "a", "image": {"format": "png", "source": {"bytes": b"x"}}}):
        with pytest.raises(ServiceError, match="exactly one of"):
            check(shape, {"modelId": "m", "messages": [{"role": "user", "content": [block]}]})


def test_definitions_may_be_longer_than_botocore_says() -> None:
    """AWS takes 1,000 characters on the STANDARD tier, where the model still says 200."""
    assert service_model("bedrock").shape_for("GuardrailTopicDefinition").metadata["max"] == 1000


@given(st.integers())
def test_integers_keep_to_their_width(number: int) -> None:
    """An `integer` is 32 bits wide."""
    shape = service_model("bedrock-runtime").shape_for("GuardrailTopicPolicyUnitsProcessed")
    if -(2**31) <= number < 2**31:
        check(shape, number)
    else:
        with pytest.raises(ServiceError, match="fits into type integer"):
            check(shape, number)


def test_every_pattern_of_our_services_compiles() -> None:
    """The models' Java patterns are all understood."""
    from embedded_aws.wire.limits import _pattern

    for service in ("bedrock", "bedrock-runtime", "sagemaker-runtime", "stepfunctions"):
        model = service_model(service)
        for name in model.shape_names:
            if pattern := model.shape_for(name).metadata.get("pattern"):
                _pattern(pattern)


def test_account_names_arns() -> None:
    """Partition, region and account are in every ARN."""
    account = Account("eu-west-1", "123456789012", "aws-cn")
    assert account.arn("bedrock", "guardrail/x") == "arn:aws-cn:bedrock:eu-west-1:123456789012:guardrail/x"
