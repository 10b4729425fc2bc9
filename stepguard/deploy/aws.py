"""The AWS clients of a deployment, and their errors with AWS's own code and message.

A task in Lambda hides quoted values in AWS's messages, because they may hold texts of users. A deployment sends no such
text, and CloudFormation quotes the parameter that it refuses: so the message stays complete here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from stepguard.aws.clients import client

Aws = Callable[[str], Any]
"""Returns the boto3 client of a service, e.g. `aws("cloudformation")`."""

ATTEMPTS = 5
"""No state machine retries a deployment's calls, so its clients do."""


class AwsError(Exception):
    """A call failed. `code` is AWS's error code, or "" without a response."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message


def clients(service: str) -> Any:
    """The client of a service, with the credentials, region and endpoint of the environment.

    Raises ConfigurationError, e.g. without a region.
    """
    return client(service, ATTEMPTS)


@contextmanager
def aws_call() -> Iterator[None]:
    """Turn boto3's errors into AwsError."""
    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        raise AwsError(str(found.get("Code", "")), str(found.get("Message", ""))) from None
    except (NoCredentialsError, PartialCredentialsError):
        raise AwsError("", "There are no complete AWS credentials: set AWS_PROFILE, or run `aws configure`.") from None
    except BotoCoreError as error:
        raise AwsError("", str(error)) from None
