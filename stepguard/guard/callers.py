"""The caller, as API Gateway authenticated it, and the executions that the caller may read.

The request context of a REST API's proxy event:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepguard.guard.errors import ConfigurationError

ANONYMOUS = "anonymous"
"""The caller of an unsigned request; only without an authorizer, as on the embedded AWS."""

OWNER_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """`id` is the Cognito subject or the IAM principal's ARN; `groups` are Cognito's.

    `tenant` is the claim `custom:tenant` of a user pool. `pooled` callers are users of a Cognito user pool, whose
    authorizer permits every route.
    """

    id: str
    groups: frozenset[str] = frozenset()
    pooled: bool = False
    tenant: str | None = None

    @property
    def owner(self) -> str:
        """The name of the caller's folder in a bucket: 32 hexadecimal digits of a hash of its id.

        Different callers have different names, and a name contains no part of an id, so no slash and no dot.
        """
        return hashlib.sha256(self.id.encode(errors="surrogatepass")).hexdigest()[:OWNER_DIGITS]

    def is_operator(self, operators: frozenset[str]) -> bool:
        """Whether this caller may read the executions of all callers.

        `operators` are entries of `operators_of`: names of Cognito groups match groups, ARNs match ids. An ARN matches
        exactly that user, session, federated user or root; only a role's ARN, `arn:aws:iam::1:role/NAME`, includes
        every session of the role.
        """
        arns = frozenset(entry for entry in operators if entry.startswith("arn:"))
        if self.groups & (operators - arns):
            return True
        if self.pooled:  # another provider's subject may look like an ARN
            return False
        role = _role_of_session(self.id)
        return self.id in arns or (role is not None and role in {_role(entry) for entry in arns})

    def may_read(self, document: Mapping[str, Any], operators: frozenset[str]) -> bool:
        """Whether an execution with this input was started by this caller, or the caller is an operator."""
        return owner_of(document.get("request")) == self.id or self.is_operator(operators)


def owner_of(request: object) -> str | None:
    """The id in a request's `caller`, which is the id alone or `{id, groups, tenant}`; None if there is none."""
    caller = request.get("caller") if isinstance(request, Mapping) else None
    owner = caller.get("id") if isinstance(caller, Mapping) else caller
    return owner if isinstance(owner, str) else None


def read_caller(context: Mapping[str, Any]) -> Caller:
    """The caller of a proxy event's `requestContext`; the body and the headers are never used."""
    authorizer = context.get("authorizer") or {}
    claims = authorizer.get("claims") or (authorizer.get("jwt") or {}).get("claims") or {}
    if claims.get("sub"):
        tenant = claims.get("custom:tenant")
        groups = _groups(claims.get("cognito:groups"))
        return Caller(str(claims["sub"]), groups, pooled=True, tenant=str(tenant) if tenant else None)
    identity = context.get("identity") or {}
    return Caller(str(identity.get("userArn") or identity.get("caller") or ANONYMOUS), pooled=bool(claims))


def _groups(claim: object) -> frozenset[str]:
    """The groups of a token: a REST API passes `a,b`, an HTTP API `[a b]`; a group's name contains no blank."""
    if isinstance(claim, str):
        return frozenset(re.split(r"[\s,]+", claim.removeprefix("[").removesuffix("]"))) - {""}
    return frozenset(map(str, claim)) if isinstance(claim, list | tuple) else frozenset()


def with_groups(caller: Caller, groups: Mapping[str, frozenset[str]]) -> Caller:
    """An IAM caller with the groups that the deployment gives it; a user of a user pool has those of its token."""
    if caller.pooled:
        return caller
    role = _role_of_session(caller.id)
    given = [names for arn, names in groups.items() if arn == caller.id or (role is not None and _role(arn) == role)]
    return replace(caller, groups=caller.groups.union(*given)) if given else caller


def groups_of(text: str) -> dict[str, frozenset[str]]:
    """CALLER_GROUPS: groups by the ARN of a user, a role, or one session. Raises ConfigurationError."""
    try:
        document = json.loads(text or "{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ConfigurationError(
            'CALLER_GROUPS must be a JSON object such as {"arn:aws:iam::111122223333:role/Ward": ["staff"]}.'
        )
    for arn, names in document.items():
        if not re.fullmatch(_PRINCIPAL, arn):
            raise ConfigurationError(f"CALLER_GROUPS: {arn!r} is not the whole ARN of a user, a role or a session.")
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            raise ConfigurationError(f"CALLER_GROUPS: {arn} must have a list of names of groups.")
    return {arn: frozenset(names) for arn, names in document.items()}


def operators_of(text: str) -> frozenset[str]:
    """The entries of a comma-separated list: CHAT_OPERATORS. Raises ConfigurationError that names a wrong entry."""
    entries = frozenset(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in entries:
        if not re.fullmatch(_GROUP, entry) and not re.fullmatch(_PRINCIPAL, entry):
            raise ConfigurationError(
                f"CHAT_OPERATORS: {entry!r} is neither the name of a Cognito group nor the whole ARN of an IAM user, "
                "a role, a role's session, a federated user or an account's root; wildcards are not supported."
            )
    return entries


# Patterns, not compiled here: most requests of a chat need none.
_GROUP = r"(?!(?i:arn):)[^\s,*?\[\]]+"
_NAME = r"[\w+=.@-]+"
_PATH = rf"(?:{_NAME}/)*"
_PRINCIPAL = (
    r"(?a)arn:[a-z-]+:(?:"
    rf"iam::\d{{12}}:(?:root|user/{_PATH}{_NAME}|role/{_PATH}{_NAME})"
    rf"|sts::\d{{12}}:(?:assumed-role/{_NAME}/{_NAME}|federated-user/{_NAME}))"
)
_SESSION = r"(?a)(arn:[a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/[^/]+"
_ROLE = r"(?a)(arn:[a-z-]+):iam::(\d{12}):role/(?:[^/]+/)*([^/]+)"


def _role(arn: str) -> tuple[str, ...] | None:
    """(partition, account, name) of a role's ARN; a role's name is unique in its account, whatever its path."""
    found = re.fullmatch(_ROLE, arn)
    return found.groups() if found else None


def _role_of_session(arn: str) -> tuple[str, ...] | None:
    """The same of a session's ARN, which leaves out the role's path."""
    found = re.fullmatch(_SESSION, arn)
    return found.groups() if found else None
