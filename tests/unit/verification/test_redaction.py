"""What identifies an account is in no report and in no recording."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepguard.verification.redaction import redact

HIDDEN = "222233334444"


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        (f"arn:aws:states:eu-west-1:{HIDDEN}:execution:m:n", HIDDEN),
        (f"arn:aws-us-gov:iam::{HIDDEN}:user/teams/ana.lopez", "ana.lopez"),
        (f"arn:aws:sts::{HIDDEN}:assumed-role/Deploy/ana@example.com", "ana@example.com"),
        ("signed by AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("session of ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"),
        ("https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1", "a1b2c3d4e5"),
        (f"arn:aws:kms:eu-west-1:{HIDDEN}:key/1234abcd-12ab-34cd-56ef-1234567890ab", "1234abcd"),
        ("https://b.s3.amazonaws.com/k?X-Amz-Signature=deadbeef&X-Amz-Date=1", "deadbeef"),
        ({f"bucket-{HIDDEN}-eu": [f"x{HIDDEN}y"]}, HIDDEN),
    ],
)
def test_what_identifies_an_account_is_replaced(value: Any, secret: str) -> None:
    """In texts, keys and lists."""
    assert secret not in json.dumps(redact(value))


@pytest.mark.parametrize("value", ["12345", "1234567890123", "4111 1111 1111 1111", 222233334444, None, True, 1.5])
def test_everything_else_stays(value: Any) -> None:
    """Other numbers, and values that are no text."""
    assert redact(value) == value
