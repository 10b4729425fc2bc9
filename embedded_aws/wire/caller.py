"""The caller and service of a request, read from its signature, which the embedded AWS does not verify.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/(?:([^/,\s]+)/)?([^/,\s]+)/aws4_request")
_PRESIGNED = re.compile(r"(?:^|&)(?:X-Amz-Credential|AWSAccessKeyId)=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """`service` is the signing name in the credential scope (`states`, `bedrock`), "" if the request is unsigned.

    `bearer` means an API key instead of a signature (Bedrock accepts both).
    """

    access_key: str = ""
    region: str = ""
    service: str = ""
    bearer: bool = False


def read_caller(headers: Mapping[str, str], query: str) -> Caller:
    """The caller of a request; header names are lower case."""
    authorization = headers.get("authorization", "")
    if authorization.startswith("AWS4-"):
        found = _CREDENTIAL.search(authorization)
        return Caller(found[1], found[2] or "", found[3].lower()) if found else Caller(service="unknown")
    if authorization.startswith("Bearer "):
        return Caller(bearer=True)
    if authorization.startswith("AWS "):  # S3's signature of before 2014
        return Caller(authorization[4:].partition(":")[0], service="s3")
    if _PRESIGNED.search(query):
        names = {name.lower(): values[0] for name, values in parse_qs(query).items()}
        if (key := names.get("awsaccesskeyid")) is not None:
            return Caller(key, service="s3")
        found = _CREDENTIAL.search(f"Credential={names.get('x-amz-credential', '')}")
        return Caller(found[1], found[2] or "", found[3].lower()) if found else Caller(service="unknown")
    return Caller()
