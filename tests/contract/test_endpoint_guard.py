"""Whose a request is and whether a web page could have sent it, read from its header alone."""

from __future__ import annotations

import pytest

from embedded_aws.endpoint.browser_guard import refusal
from embedded_aws.wire.caller import Caller, read_caller

SCOPE = "AKIDEXAMPLE/20261122/eu-west-1/{}/aws4_request"


@pytest.mark.parametrize(
    ("authorization", "query", "caller"),
    [
        ("", "", Caller()),
        (
            f"AWS4-HMAC-SHA256 Credential={SCOPE.format('states')}, SignedHeaders=host, Signature=00",
            "",
            Caller("AKIDEXAMPLE", "eu-west-1", "states"),
        ),
        (
            "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20261122/s3/aws4_request,SignedHeaders=host,Signature=00",
            "",
            Caller("AKIDEXAMPLE", "", "s3"),
        ),
        ("Bearer bedrock-api-key-x", "", Caller(bearer=True)),
        ("AWS AKIDEXAMPLE:signature", "", Caller("AKIDEXAMPLE", service="s3")),
        ("Basic dXNlcjpwYXNz", "", Caller(other=True)),
        (
            "",
            f"a=b&X-Amz-Credential={SCOPE.format('s3').replace('/', '%2F')}&X-Amz-Signature=00",
            Caller("AKIDEXAMPLE", "eu-west-1", "s3"),
        ),
        ("", "AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=1", Caller("AKIDEXAMPLE", service="s3")),
    ],
    ids=["none", "v4", "v4a", "token", "v2", "basic", "presigned v4", "presigned v2"],
)
def test_the_signature_names_caller_and_service(authorization: str, query: str, caller: Caller) -> None:
    """Every way in which AWS clients sign is read."""
    assert read_caller({"authorization": authorization} if authorization else {}, query) == caller


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("127.0.0.1:4566", None, True),
        ("localhost:4566", None, True),
        ("LOCALHOST", None, True),
        ("[::1]:4566", None, True),
        ("127.1.2.3", None, True),
        ("bucket.localhost:4566", None, True),
        ("bucket.s3.us-east-1.amazonaws.com", None, True),
        ("sync-127.0.0.1:4566", None, True),
        ("sync-localhost:4566", None, True),
        ("", None, True),
        ("evil.example:4566", None, False),
        ("localhost.evil.example", None, False),
        ("amazonaws.com.evil.example", None, False),
        ("notlocalhost:4566", None, False),
        ("192.168.0.7:4566", None, False),
        ("127.0.0.1:4566", "http://127.0.0.1:4566", True),
        ("localhost:4566", "http://localhost:4566", True),
        ("127.0.0.1:4566", "http://127.0.0.1:8080", False),
        ("127.0.0.1:4566", "https://evil.example", False),
        ("127.0.0.1:4566", "null", False),
        ("127.0.0.1:4566", "", False),
        ("evil.example:4566", "http://evil.example:4566", False),
    ],
)
def test_requests_of_other_web_pages_are_refused(host: str, origin: str | None, allowed: bool) -> None:
    """A foreign Origin and, on loopback, a foreign Host are refused; clients that are no browsers pass."""
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert (refusal("POST", headers, "127.0.0.1", page=False) is None) == allowed


def test_a_server_for_other_machines_takes_their_names() -> None:
    """Who listens on all addresses is called by names that nobody can list; the origin still has to match."""
    assert refusal("GET", {"host": "build-server:4566"}, "0.0.0.0", page=False) is None
    assert (
        refusal("GET", {"host": "build-server:4566", "origin": "http://evil.example"}, "0.0.0.0", page=False)
        is not None
    )
