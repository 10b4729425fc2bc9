"""Tokens of a Cognito user pool of this machine, as a REST API's user pool authorizer reads them.

The pools are moto's, in this process. Its signing key is published with moto, so a valid signature proves that a token
was not changed by accident, and no more: the embedded AWS is a test double and no protection.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

_TOKEN = re.compile(r"(?:Bearer\s+)?([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
_ISSUER = re.compile(r"https://cognito-idp\.([a-z0-9-]+)\.amazonaws\.com/([\w-]+)")


class Unauthorized(Exception):
    """A token is no valid ID token of a user pool of this machine."""


def claims_of(authorization: str, account_id: str) -> dict[str, str] | None:
    """The claims of an ID token in an Authorization header, as the authorizer passes them on: texts, lists joined with
    commas. None if the header has no token. Raises Unauthorized.
    """
    found = _TOKEN.fullmatch(authorization.strip())
    if found is None:
        return None
    claims = _verified(found[1])
    issuer = _ISSUER.fullmatch(str(claims.get("iss")))
    expires = claims.get("exp")
    if (
        claims.get("token_use") != "id"
        or not isinstance(expires, int | float)
        or expires <= time.time()
        or issuer is None
        or not _has_pool(account_id, *issuer.groups())
    ):
        raise Unauthorized
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in claims.items()
    }


def _verified(token: str) -> Mapping[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        claims: Mapping[str, Any] = jwt.decode(token, _key(), algorithms=["RS256"]).claims
    except (JoseError, ValueError):
        raise Unauthorized from None
    return claims


@cache
def _key() -> Any:
    from joserfc.jwk import RSAKey

    packed = resources.files("moto.cognitoidp").joinpath("resources", "jwks-public.json.gz").read_bytes()
    return RSAKey.import_key(json.loads(gzip.decompress(packed))["keys"][0])


def _has_pool(account_id: str, region: str, pool: str) -> bool:
    from moto.cognitoidp.models import cognitoidp_backends

    backends: Any = cognitoidp_backends
    return pool in backends[account_id][region].user_pools
