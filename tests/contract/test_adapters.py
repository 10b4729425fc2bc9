"""Our calls, AWS's answers and AWS's errors, against botocore's own models."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.wire import service_model
from stepguard.admin.guardrails import GuardrailAdmin
from stepguard.admin.state_machine import put_state_machine
from stepguard.aws.clients import READ_TIMEOUT_SECONDS, aws_errors, client
from stepguard.aws.executions import Executions
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Models
from stepguard.guard import errors
from stepguard.guard.errors import StepguardError
from stepguard.guard.prompts import Question
from stepguard.guard.settings import ModelApi, ModelSettings
from stepguard.guard.stages import Direction, Layer
from tests.fakes.aws import client_error, conforms
from tests.fakes.bedrock import DATA, REF
from tests.fakes.states import MACHINE

GOLDEN = sorted(DATA.rglob("*.json"))


@pytest.mark.parametrize("file", GOLDEN, ids=[f"{file.parent.name}-{file.stem}" for file in GOLDEN])
def test_golden_responses_are_aws_shapes(file: Path) -> None:
    """No golden file holds a member, value or type that the service's model does not know."""
    response = json.loads(file.read_text(encoding="utf-8"))
    if file.parent.name == "invoke_model":
        _model_body_conforms(response)
        return
    operation = {"apply_guardrail": "ApplyGuardrail", "converse": "Converse"}[file.parent.name]
    conforms(service_model("bedrock-runtime").operation_model(operation).output_shape, response)


def _model_body_conforms(body: dict[str, Any]) -> None:
    """InvokeModel's body is opaque to botocore, but the assessments in its trace are ApplyGuardrail's."""
    assessment = service_model("bedrock-runtime").shape_for("GuardrailAssessment")
    assert body["amazon-bedrock-guardrailAction"] in ("NONE", "INTERVENED")
    trace = body.get("amazon-bedrock-trace", {}).get("guardrail", {})
    assert set(trace) <= {"input", "outputs", "actionReason"}
    for found in [trace.get("input", {}), *trace.get("outputs", [])]:
        for value in found.values():
            conforms(assessment, value)


# --- every modelled error ------------------------------------------------------------------------------------------

CONFIGURATION = {"name": "test", "blockedInputMessaging": "No.", "blockedOutputsMessaging": "No."}
CALLS: dict[tuple[str, str], Callable[[Any], object]] = {
    ("bedrock-runtime", "ApplyGuardrail"): lambda aws: Guardrails(aws).check(REF, "x", Layer.MODEL, Direction.INPUT),
    ("bedrock-runtime", "Converse"): lambda aws: Models(aws).ask(Question("x"), ModelSettings(), None),
    ("bedrock-runtime", "InvokeModel"): lambda aws: Models(aws).ask(
        Question("x"), ModelSettings(ModelApi.DEEPSEEK), None
    ),
    ("sagemaker-runtime", "InvokeEndpoint"): lambda aws: Models(sagemaker=aws).ask(
        Question("x"), ModelSettings(ModelApi.SAGEMAKER, "endpoint"), None
    ),
    ("stepfunctions", "StartExecution"): lambda aws: Executions(MACHINE, aws).start("chat-1", {}),
    ("stepfunctions", "DescribeExecution"): lambda aws: Executions(MACHINE, aws).describe("arn:x"),
    ("stepfunctions", "GetExecutionHistory"): lambda aws: list(Executions(MACHINE, aws).history("arn:x")),
    ("stepfunctions", "DescribeStateMachine"): lambda aws: Executions(MACHINE, aws).machine_status(),
    ("bedrock", "ListGuardrails"): lambda aws: list(GuardrailAdmin(aws).list()),
    ("bedrock", "GetGuardrail"): lambda aws: GuardrailAdmin(aws).show("abc"),
}

EXPECTED = {
    "AccessDeniedException": "AccessDenied",
    "ConflictException": "InvalidRequest",
    "ExecutionDoesNotExist": "UnknownExecution",
    "ExecutionLimitExceeded": "Throttled",
    "InternalDependencyException": "ServiceUnavailable",
    "InternalFailure": "ServiceUnavailable",
    "InternalServerException": "ServiceUnavailable",
    "InvalidArn": "InvalidRequest",
    "InvalidExecutionInput": "InvalidRequest",
    "InvalidName": "InvalidRequest",
    "InvalidToken": "InvalidRequest",
    "KmsAccessDeniedException": "AccessDenied",
    "KmsInvalidStateException": "InvalidRequest",
    "KmsThrottlingException": "Throttled",
    "ModelError": "ServiceUnavailable",
    "ModelErrorException": "ServiceUnavailable",
    "ModelNotReadyException": "ModelNotReady",
    "ModelTimeoutException": "ServiceUnavailable",
    "ResourceNotFoundException": "InvalidRequest",
    "ServiceQuotaExceededException": "Throttled",
    "ServiceUnavailable": "ServiceUnavailable",
    "ServiceUnavailableException": "ServiceUnavailable",
    "StateMachineDeleting": "ConfigurationError",
    "StateMachineDoesNotExist": "ConfigurationError",
    "ThrottlingException": "Throttled",
    "ValidationError": "InvalidRequest",
    "ValidationException": "InvalidRequest",
}
UNKNOWN = {("DescribeExecution", "InvalidArn"), ("GetExecutionHistory", "InvalidArn")}
"""What the caller named is then no execution."""

MODELLED = [
    (service, operation, shape.name, shape.metadata.get("error", {}).get("httpStatusCode", 400))
    for service, operation in CALLS
    for shape in service_model(service).operation_model(operation).error_shapes
    if shape.name != "ExecutionAlreadyExists"  # an answer, not an error: the same start is the same execution
]


@cache
def client_of(service: str) -> Any:
    """A client of boto3, made once: it takes a tenth of a second. It has credentials and reaches no account."""
    return boto3.client(service, "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.mark.parametrize(("service", "operation", "code", "status"), MODELLED, ids=[f"{m[1]}-{m[2]}" for m in MODELLED])
def test_every_modelled_error_has_its_kind(service: str, operation: str, code: str, status: int) -> None:
    """Each error that AWS's model declares for one of our calls becomes the error that the state machine knows."""
    aws = client_of(service)
    secret = "zebra-4711-secret"
    with Stubber(aws) as stubber:
        stubber.add_client_error(_method(operation), code, f"The value '{secret}' is wrong", status)
        with pytest.raises(StepguardError) as caught:
            CALLS[service, operation](aws)

    expected = "UnknownExecution" if (operation, code) in UNKNOWN else EXPECTED[code]
    assert type(caught.value).__name__ == expected
    assert secret not in str(caught.value)
    assert caught.value.__suppress_context__


def _method(operation: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).lstrip("_")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.AccessDenied),
        (403, errors.AccessDenied),
        (404, errors.InvalidRequest),
        (429, errors.Throttled),
        (500, errors.ServiceUnavailable),
        (502, errors.ServiceUnavailable),
        (530, errors.ServiceUnavailable),
    ],
)
def test_an_error_that_no_model_knows_is_reported_by_its_status(status: int, kind: type[StepguardError]) -> None:
    """AWS adds codes; the status still says whether a retry can help."""
    with pytest.raises(kind, match=r"^Operation: SomethingNew: "), aws_errors("Operation"):
        raise client_error("SomethingNew", "Something new happened.", status)


URL = "http://127.0.0.1:9/?q=zebra-4711-secret"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NoCredentialsError(), errors.AccessDenied),
        (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), errors.AccessDenied),
        (ParamValidationError(report="Invalid type, value: zebra-4711-secret"), errors.InvalidRequest),
        (EndpointConnectionError(endpoint_url=URL), errors.ServiceUnavailable),
        (ConnectTimeoutError(endpoint_url=URL), errors.ServiceUnavailable),
        (ReadTimeoutError(endpoint_url=URL), errors.ServiceUnavailable),
        (SSLError(endpoint_url=URL, error="zebra-4711-secret"), errors.ServiceUnavailable),
        (ResponseStreamingError(error="zebra-4711-secret"), errors.ServiceUnavailable),
        (BotoCoreError(), errors.ServiceUnavailable),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, Exception) else item.__name__,
)
def test_an_error_of_the_client_has_its_kind(error: Exception, kind: type[StepguardError]) -> None:
    """Without a response, the error contains neither the URL nor the request."""
    with pytest.raises(kind) as caught, aws_errors("Converse"):
        raise error

    assert str(caught.value).startswith("Converse: ")
    assert "zebra" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_error_of_ours_goes_through() -> None:
    """What is already in our terms is left alone; so is a bug."""
    for error in (errors.Conflict("x"), KeyError("x")):
        with pytest.raises(type(error)) as caught, aws_errors("Operation"):
            raise error
        assert caught.value is error


def test_a_request_that_aws_would_refuse_never_leaves(environment: pytest.MonkeyPatch) -> None:
    """botocore's own check, in our terms and without the value."""
    with pytest.raises(errors.InvalidRequest, match="shape that AWS expects"):
        put_state_machine(5, "{}", "arn:role", boto3.client("stepfunctions"))  # type: ignore[arg-type]  # on purpose


QUOTES = st.sampled_from(["''", '""', "``", "“”", "‘’"])


@given(
    QUOTES, st.text(st.sampled_from("'\"`“”‘’ab \n.,"), max_size=12), st.text(st.sampled_from("'\"’ab \n"), max_size=12)
)
def test_no_quoted_value_is_ever_in_a_message(quotes: str, before: str, after: str) -> None:
    """Whatever quotation marks a value itself holds, and however AWS quotes it."""
    secret = "zebra-4711-secret"
    message = f"You don't have: Value {quotes[0]}{before}{secret}{after}{quotes[1]} at the model's input isn't valid"
    with pytest.raises(errors.InvalidRequest) as caught, aws_errors("Operation"):
        raise client_error("ValidationException", message)

    assert secret not in str(caught.value)
    assert str(caught.value).startswith("Operation: ValidationException: You don't have: Value '…'")


@pytest.mark.parametrize(
    "message",
    ["You don't have access to the model with the specified model ID.", "The model's endpoint isn't ready.", ""],
)
def test_a_message_without_quotations_is_kept(message: str) -> None:
    """An apostrophe is no quotation mark: the operator reads AWS's own words."""
    with pytest.raises(errors.AccessDenied) as caught, aws_errors("Converse"):
        raise client_error("AccessDeniedException", message, 403)

    assert str(caught.value) == f"Converse: AccessDeniedException: {message}"


def test_a_long_message_is_cut() -> None:
    """An error name and a cause must fit the history."""
    with pytest.raises(errors.InvalidRequest) as caught, aws_errors("Converse"):
        raise client_error("ValidationException", "x" * 5_000)

    assert len(str(caught.value)) < 400


# --- the clients ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["bedrock", "bedrock-runtime", "sagemaker-runtime", "stepfunctions"])
def test_clients_make_one_attempt(environment: pytest.MonkeyPatch, service: str) -> None:
    """Only the state machine retries, so that each retry is in the history."""
    config = client(service).meta.config

    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout == 5
    assert config.read_timeout == READ_TIMEOUT_SECONDS.get(service, 30)


def test_a_client_is_made_once(environment: pytest.MonkeyPatch) -> None:
    """Warm Lambdas keep their connections."""
    assert client("stepfunctions") is client("stepfunctions")


def test_a_models_client_gives_up_before_its_state(environment: pytest.MonkeyPatch) -> None:
    """The time-out is the adapter's error, worth a retry, and not the state's."""
    definition = json.loads((Path(__file__).parents[2] / "statemachine" / "chat.asl.json").read_text(encoding="utf-8"))
    limit = definition["States"]["InvokeModel"]["TimeoutSeconds"]

    assert all(seconds < limit for seconds in READ_TIMEOUT_SECONDS.values())


def test_the_endpoint_comes_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    """The embedded AWS, an emulator and AWS are the same to the adapters."""
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")

    assert client("bedrock-runtime").meta.endpoint_url == "http://127.0.0.1:4566"


@pytest.mark.parametrize(("variable", "injected"), [(None, True), ("AWS_ENDPOINT_URL", False)])
def test_the_sync_host_is_aws_own(environment: pytest.MonkeyPatch, variable: str | None, *, injected: bool) -> None:
    """StartSyncExecution goes to sync-states.REGION on AWS; an emulator has no host of that name."""
    environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
    if variable:
        environment.setenv(variable, "http://127.0.0.1:4566")

    assert client("stepfunctions").meta.config.inject_host_prefix is injected
    assert client("stepfunctions").meta.config.read_timeout < 29
