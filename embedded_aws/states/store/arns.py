"""Names and ARNs of Step Functions' resources: creates, parses and validates them.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
"""

from __future__ import annotations

import re
from typing import Any

from embedded_aws.wire import ServiceError

# Not allowed in names: white space, wildcards, brackets, special characters, control characters (API reference).
_BAD_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ARN = re.compile(r"arn:[a-z-]+:states:[a-z0-9-]*:[0-9]*:([A-Za-z]+):(.+)", re.DOTALL)
MAX_NAME = 80


def check_name(name: str) -> None:
    """Raise InvalidName for a name that Step Functions refuses."""
    if not 1 <= len(name) <= MAX_NAME or _BAD_NAME.search(name):
        raise ServiceError("InvalidName", f"Invalid Name: '{name[:100]}'")


def check_encryption(settings: dict[str, Any] | None) -> None:
    """A key of the customer needs its name."""
    if settings and settings["type"] == "CUSTOMER_MANAGED_KMS_KEY" and not settings.get("kmsKeyId"):
        raise ServiceError(
            "InvalidEncryptionConfiguration", "Invalid Encryption Configuration: The kmsKeyId must be specified."
        )


def check_arn(arn: str, *kinds: str) -> str:
    """The part after the kind of an ARN such as `...:stateMachine:NAME`; InvalidArn for another kind of ARN."""
    if not arn.startswith("arn:"):
        raise ServiceError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn[:100]}'")
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ServiceError("InvalidArn", f"Invalid Arn: 'Invalid ARN format: {arn[:256]}'")
    if found.group(1) not in kinds:
        raise ServiceError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {found.group(1)}'")
    return found.group(2)
