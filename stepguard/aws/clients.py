"""Makes AWS clients and translates AWS's errors.

Clients in a Lambda make one attempt: every retry is the state machine's and is in the execution history. They are made
once, at the first call, never at import. Endpoints come from the environment (AWS_ENDPOINT_URL), so that this code is
the same for the embedded AWS, an emulator and AWS.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from stepguard.guard.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidRequest,
    ModelNotReady,
    ServiceUnavailable,
    StepguardError,
    Throttled,
)

READ_TIMEOUT_SECONDS = {"bedrock-runtime": 290, "sagemaker-runtime": 290, "stepfunctions": 26}
"""Reasoning models are slow: just under the InvokeModel state's TimeoutSeconds. StartSyncExecution must end before API
Gateway's limit of 29 seconds."""

IMPATIENT = "appconfigdata"
"""No question waits long for settings: there are older ones. An emulator of AWS on a busy machine gets its time."""


@cache
def client(service: str, attempts: int = 1) -> Any:
    """The process's one client of a service, e.g. `bedrock-runtime`. A deployment makes more attempts than a Lambda.

    Raises ConfigurationError if the environment has no region, or an invalid profile or endpoint.
    """
    impatient = service == IMPATIENT and not os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        connect_timeout=1 if impatient else 5,
        read_timeout=1 if impatient else READ_TIMEOUT_SECONDS.get(service, 30),
        retries={"total_max_attempts": attempts, "mode": "standard"},
        tcp_keepalive=True,
        # boto3 would sign S3 links with version 2, which S3 refuses for objects under a KMS key.
        signature_version="s3v4" if service == "s3" else None,
        # StartSyncExecution goes to sync-states.REGION…; another endpoint has no such name.
        inject_host_prefix=not (os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_SFN")),
    )
    try:
        return boto3.client(service, config=config)
    except NoRegionError:
        raise ConfigurationError("No AWS region is set: set AWS_DEFAULT_REGION.") from None
    except (BotoCoreError, ValueError) as error:
        variables = "AWS_PROFILE, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
        raise ConfigurationError(f"No {service} client ({type(error).__name__}): check {variables}.") from None


def pages(operation: str, paginate: Callable[..., Iterable[Any]], **request: Any) -> Iterator[Mapping[str, Any]]:
    """The pages of botocore's paginator, e.g. `client.get_paginator("list_objects_v2").paginate`.

    `operation` names the call in errors. Raises StepguardError.
    """
    with aws_errors(operation):
        yield from paginate(**request)


@contextmanager
def aws_errors(operation: str, about: str = "") -> Iterator[None]:
    """Translate the exceptions of an AWS call into the errors that the state machine handles.

    The message keeps AWS's code and text, with every quoted value hidden: AWS quotes the request there. `about` names
    what the call used and the variables that configure it; errors that another configuration would resolve end with it.
    """
    try:
        yield
    except ClientError as error:
        raise _of_response(operation, error, about) from None
    except ParamValidationError:
        raise InvalidRequest(f"{operation}: the request does not have the shape that AWS expects.") from None
    except (NoCredentialsError, PartialCredentialsError):
        raise AccessDenied(f"{operation}: the AWS credentials are missing or incomplete.") from None
    except (ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError, HTTPClientError) as error:
        raise ServiceUnavailable(f"{operation}: {type(error).__name__}: the service could not be reached.") from None
    except BotoCoreError as error:
        raise ServiceUnavailable(f"{operation}: {type(error).__name__}.") from None


_KINDS: dict[type[StepguardError], frozenset[str]] = {
    Throttled: frozenset(
        {
            "ThrottlingException",
            "TooManyRequestsException",
            "ServiceQuotaExceededException",
            "ExecutionLimitExceeded",
            "KmsThrottlingException",
            "Throttling",
            "SlowDown",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
        }
    ),
    ModelNotReady: frozenset({"ModelNotReadyException"}),
    AccessDenied: frozenset(
        {
            "AccessDenied",
            "AccessDeniedException",
            "UnrecognizedClientException",
            "ExpiredTokenException",
            "InvalidSignatureException",
            "MissingAuthenticationTokenException",
            "KmsAccessDeniedException",
        }
    ),
    ServiceUnavailable: frozenset(
        {
            "ServiceUnavailableException",
            "ServiceUnavailable",
            "InternalServerException",
            "InternalServerError",
            "InternalFailure",
            "InternalDependencyException",
            "ModelTimeoutException",
            "ModelErrorException",
            "ModelError",
            "ModelStreamErrorException",
            "DependencyFailedException",
            "BadGatewayException",
            "TransactionCanceledException",
        }
    ),
    # STATE_MACHINE_ARN is wrong; no caller can correct that.
    ConfigurationError: frozenset({"StateMachineDoesNotExist", "StateMachineDeleting"}),
}


def _of_response(operation: str, error: ClientError, about: str) -> StepguardError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    code = code[:1].upper() + code[1:]  # an exception inside a stream has its member's name, e.g. throttlingException
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"{operation}: {code}: {_without_values(str(error.response.get('Error', {}).get('Message', '')))}"
    kind = _kind(code, status)
    return kind(
        f"{message} {about}" if about and kind in (AccessDenied, ConfigurationError, InvalidRequest) else message
    )


def _kind(code: str, status: int) -> type[StepguardError]:
    for kind, codes in _KINDS.items():
        if code in codes:
            return kind
    if status == 429:
        return Throttled
    if status >= 500:
        return ServiceUnavailable
    return AccessDenied if status in (401, 403) else InvalidRequest


def _without_values(message: str) -> str:
    """The message with everything hidden from its first quotation mark to its last, or to its end if none closes.

    A quoted value may itself hold quotation marks, so the text between the outermost two cannot be trusted.
    """
    return _QUOTED.sub("'…'", message)[:300]


# The apostrophe of "don't" or "model's" opens no quotation.
_QUOTED = re.compile(r"""(?!(?<=[A-Za-z])['’](?:t|s|re|ve|ll|d|m)\b)['"`‘’“”](?:.*['"`‘’“”]|.*)""", re.DOTALL)
