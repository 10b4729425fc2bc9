"""Users of a local user pool at the embedded API Gateway: groups and tenant come from a verified ID token."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from moto.cognitoidp.models import cognitoidp_backends

from embedded_aws.wire.caller import Caller as Signer
from stepguard.guard.callers import Caller, read_caller
from tests.contract.test_endpoint_http_api import OK, FakeLambda, call

ACCOUNT = "000000000000"


@pytest.fixture
def pool() -> Iterator[str]:
    """A user pool of moto."""
    backends: Any = cognitoidp_backends
    backend = backends[ACCOUNT]["us-east-1"]
    made = backend.create_user_pool("p", {})
    yield str(made.id)
    backend.delete_user_pool(made.id)


def _key(name: str) -> RSAKey:
    packed = resources.files("moto.cognitoidp").joinpath("resources", f"{name}.json.gz").read_bytes()
    document = json.loads(gzip.decompress(packed))
    return RSAKey.import_key(document["keys"][0] if "keys" in document else document)


def token(pool: str, key: RSAKey | None = None, **claims: Any) -> str:
    """An ID token of this pool, as moto makes it."""
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
    made = {"iss": issuer, "sub": "ann", "token_use": "id", "exp": int(time.time()) + 60,
            "cognito:groups": ["staff", "ward"], "custom:tenant": "north"} | claims  # fmt: skip
    return jwt.encode({"alg": "RS256", "kid": "dummy"}, made, key or _key("jwks-private"))


@pytest.mark.parametrize("prefix", ["", "Bearer "])
def test_a_users_groups_and_tenant_come_from_the_token(pool: str, prefix: str) -> None:
    """As the authorizer of a REST API passes them on."""
    functions = FakeLambda(OK)
    assert call(functions, "GET", "/health", authorization=prefix + token(pool)).status == 200
    context = functions.events[0]["requestContext"]
    assert context["authorizer"]["claims"]["cognito:groups"] == "staff,ward"
    caller = read_caller(context)
    assert caller == Caller("ann", frozenset({"staff", "ward"}), pooled=True, tenant="north")


@pytest.mark.parametrize("change", [
    {"exp": 1}, {"token_use": "access"}, {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"},
    {"iss": "https://example.com/us-east-1_x"}, {"exp": "never"}, {"key": True},
])  # fmt: skip
def test_no_other_token_is_taken(pool: str, change: dict[str, Any]) -> None:
    """Expired, an access token, another issuer, another key: 401, and no Lambda runs."""
    key = RSAKey.generate_key(2048) if change.pop("key", False) else None
    functions = FakeLambda(OK)
    assert call(functions, "GET", "/health", authorization=token(pool, key, **change)).status == 401
    assert functions.events == []


def test_a_changed_token_is_refused(pool: str) -> None:
    """Another user's groups in a valid token."""
    head, _, signature = token(pool).split(".")
    body = token(pool, None, **{"cognito:groups": ["operators"]}).split(".")[1]
    assert call(FakeLambda(OK), "GET", "/health", authorization=f"{head}.{body}.{signature}").status == 401


def test_signed_and_plain_requests_are_as_before(pool: str) -> None:
    """A SigV4 signature is no token."""
    functions = FakeLambda(OK)
    header = "AWS4-HMAC-SHA256 Credential=AKID/20261130/us-east-1/execute-api/aws4_request, Signature=ab"
    assert call(functions, "GET", "/health", caller=Signer("AKID"), authorization=header).status == 200
    assert "authorizer" not in functions.events[0]["requestContext"]
