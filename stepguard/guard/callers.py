"""The caller, as API Gateway authenticated it, and the executions that the caller may read.

The request context of a REST API's proxy event:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ANONYMOUS = "anonymous"
"""The caller of an unsigned request; only without an authorizer, as on the embedded AWS."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`id` is the Cognito subject or the IAM principal's ARN; `groups` are Cognito's."""

    id: str
    groups: frozenset[str] = frozenset()

    def is_operator(self, operators: frozenset[str]) -> bool:
        """Whether this caller may read the executions of all callers.

        `operators` holds names of Cognito groups and ARNs of IAM users and roles. An ARN never matches a group, and a
        role includes all of its sessions.
        """
        arns = frozenset(entry for entry in operators if entry.startswith("arn:"))
        if self.groups & (operators - arns):
            return True
        return self.id in arns or _role(self.id) in {_role(entry) for entry in arns} - {None}

    def may_read(self, document: Mapping[str, Any], operators: frozenset[str]) -> bool:
        """Whether an execution with this input was started by this caller, or the caller is an operator."""
        request = document.get("request")
        owner = request.get("caller") if isinstance(request, Mapping) else None
        return owner == self.id or self.is_operator(operators)


def read_caller(context: Mapping[str, Any]) -> Caller:
    """The caller of a proxy event's `requestContext`; the body and the headers are never used."""
    claims = (context.get("authorizer") or {}).get("claims") or {}
    if claims.get("sub"):
        named = claims.get("cognito:groups") or ()
        groups = named.split(",") if isinstance(named, str) else named
        return Caller(str(claims["sub"]), frozenset(str(group).strip() for group in groups))
    identity = context.get("identity") or {}
    return Caller(str(identity.get("userArn") or identity.get("caller") or ANONYMOUS))


def operators_of(text: str) -> frozenset[str]:
    """The entries of a comma-separated list: CHAT_OPERATORS."""
    return frozenset(entry.strip() for entry in text.split(",") if entry.strip())


def _role(arn: str) -> tuple[str, str, str] | None:
    """(partition, account, name) of a role's ARN or of a session's; a role's name is unique in its account.

    A session's ARN, `arn:aws:sts::1:assumed-role/NAME/SESSION`, leaves out the path of `arn:aws:iam::1:role/PATH/NAME`.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return None
    partition, service, account, resource = parts[1], parts[2], parts[4], parts[5].split("/")
    if service == "sts" and resource[0] == "assumed-role" and len(resource) > 2:
        return partition, account, resource[1]
    if service == "iam" and resource[0] == "role" and len(resource) > 1:
        return partition, account, resource[-1]
    return None
