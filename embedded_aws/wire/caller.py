"""The caller and service of a request, read from its signature, which the embedded AWS does not verify.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from embedded_aws.wire.base import ServiceError

AUTHORIZATION_LENGTH = 8192
"""As many characters as AWS's servers accept in a header."""

_CREDENTIAL = re.compile(
    r"([\w+=.@-]{1,128})/\d{8}/(?:([a-zA-Z0-9-]{1,64})/)?([a-zA-Z0-9-]{1,64})/aws4_request", re.ASCII
)
_KEY = re.compile(r"[\w+=.@-]{1,128}", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]+")
_PRINTED = re.compile(r"[\x20-\x7e]*")
PRESIGNED = re.compile(r"(?:^|&)(?:X-Amz-Credential|AWSAccessKeyId)=", re.IGNORECASE)
_ALGORITHMS = ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")


@dataclass(frozen=True, slots=True)
class Caller:
    """`service` is the signing name in the credential scope (`states`, `bedrock`), "" if the request is unsigned.

    `bearer` means an API key instead of a signature (Bedrock accepts both); `other` a scheme that AWS does not have,
    such as Basic, which only the application's HTTP API may read.
    """

    access_key: str = ""
    region: str = ""
    service: str = ""
    bearer: bool = False
    other: bool = False


def read_caller(headers: Mapping[str, str], query: str) -> Caller:
    """The caller of a request; header names are lower case. Raises ServiceError for a malformed signature."""
    authorization = headers.get("authorization", "").strip()
    if len(authorization) > AUTHORIZATION_LENGTH:
        raise _malformed(f"The Authorization header is longer than {AUTHORIZATION_LENGTH} characters.")
    if not _PRINTED.fullmatch(authorization):
        raise _malformed("The Authorization header has characters outside of printable ASCII.")
    scheme, _, rest = authorization.partition(" ")
    if scheme.upper().startswith("AWS4"):
        return _version_4(scheme, rest)
    if scheme.lower() == "bearer":
        if not _TOKEN.fullmatch(rest.strip()):
            raise _malformed("The Authorization header has no valid token after Bearer.")
        return Caller(bearer=True)
    if scheme.upper() == "AWS":  # S3's signature of before 2014
        key, _, signature = rest.strip().partition(":")
        if not _KEY.fullmatch(key) or not _TOKEN.fullmatch(signature):
            raise _malformed("The Authorization header must have the form AWS ACCESS_KEY:SIGNATURE.")
        return Caller(key, service="s3")
    if scheme:
        return Caller(other=True)
    if PRESIGNED.search(query):
        names = {name.lower(): values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        if (key := names.get("awsaccesskeyid", "")) and _KEY.fullmatch(key):
            return Caller(key, service="s3")
        return _scope(names.get("x-amz-credential", ""), "The query parameter X-Amz-Credential")
    return Caller()


def _version_4(algorithm: str, rest: str) -> Caller:
    if algorithm not in _ALGORITHMS:
        raise _malformed(f"The algorithm of the Authorization header must be {' or '.join(_ALGORITHMS)}.")
    members: dict[str, str] = {}
    for part in rest.split(","):
        name, _, value = part.strip().partition("=")
        members.setdefault(name, value)
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not members.get(name):
            raise _malformed(f"The Authorization header requires the parameter {name}.")
    return _scope(members["Credential"], "Credential in the Authorization header")


def _scope(credential: str, place: str) -> Caller:
    found = _CREDENTIAL.fullmatch(credential)
    if found is None:
        form = "ACCESS_KEY/YYYYMMDD/REGION/SERVICE/aws4_request"
        raise _malformed(f"{place} must have the form {form}, the key with letters, digits and + = . @ _ - only.")
    return Caller(found[1], found[2] or "", found[3].lower())


def _malformed(message: str) -> ServiceError:
    return ServiceError("IncompleteSignatureException", message, 400)
