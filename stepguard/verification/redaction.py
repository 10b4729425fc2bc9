"""Takes out of reports and recordings what identifies an account: its number, access keys, host names, identifiers."""

from __future__ import annotations

import re
from typing import Any

ACCOUNT = "111111111111"
"""The account of the recorded cases in tests/recorded."""

_RULES = (
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), ACCOUNT),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"), "<access-key>"),
    (re.compile(r"\bhttps?://[a-z0-9]+(\.execute-api\.)"), r"https://<api>\1"),
    (re.compile(r"(/restapis/)[a-z0-9]+"), r"\1<api>"),
    (re.compile(r"\b(arn:aws[\w-]*:iam::\d{12}:(?:user|role)/)[\w+=,.@/-]+"), r"\1<name>"),
    (re.compile(r"\b(arn:aws[\w-]*:sts::\d{12}:assumed-role/)[\w+=,.@/-]+"), r"\1<name>"),
    (re.compile(r"\b(arn:aws[\w-]*:kms:[\w-]*:\d{12}:key/)[\w-]+"), r"\1<key>"),
    (re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"]+"), r"\1<hidden>"),
)


def redact(value: Any) -> Any:
    """A JSON value with every text in it redacted, keys included."""
    if isinstance(value, str):
        for pattern, replacement in _RULES:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {redact(key): redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value
