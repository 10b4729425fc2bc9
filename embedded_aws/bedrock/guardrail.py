"""A guardrail as the service knows it, and the shape in which GetGuardrail gives it back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from embedded_aws.wire import Account

DRAFT = "DRAFT"

# Members of CreateGuardrail that are not part of a version's configuration.
_NOT_CONFIGURATION = ("tags", "clientRequestToken", "guardrailIdentifier")
_POLICIES = (
    "topicPolicyConfig",
    "contentPolicyConfig",
    "wordPolicyConfig",
    "sensitiveInformationPolicyConfig",
    "contextualGroundingPolicyConfig",
)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One version of a guardrail.

    `config` holds the members of the CreateGuardrail request (the write shape), without tags and token. `revision`
    changes whenever a DRAFT is replaced, so ARN, version and revision name a configuration for good: they alone
    decide about equality, and what is derived from a guardrail can be kept under it.
    """

    id: str
    arn: str
    version: str
    revision: int
    config: Mapping[str, Any] = field(compare=False)
    created_at: datetime = field(compare=False)
    updated_at: datetime = field(compare=False)
    description: str | None = field(compare=False, default=None)

    def policy(self, name: str) -> Mapping[str, Any]:
        """The configuration of a policy (`topicPolicyConfig`…), or empty."""
        policy: Mapping[str, Any] = self.config.get(name) or {}
        return policy


def configuration(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a version keeps of a CreateGuardrail or UpdateGuardrail request."""
    return {name: value for name, value in request.items() if name not in _NOT_CONFIGURATION and value is not None}


def summary(guardrail: Guardrail, account: Account) -> dict[str, Any]:
    """The entry of ListGuardrails."""
    return {
        "id": guardrail.id,
        "arn": guardrail.arn,
        "status": "READY",
        "name": guardrail.config["name"],
        "description": guardrail.description,
        "version": guardrail.version,
        "createdAt": guardrail.created_at,
        "updatedAt": guardrail.updated_at,
        "crossRegionDetails": _cross_region_details(guardrail.config, account),
    }


def description(guardrail: Guardrail, account: Account) -> dict[str, Any]:
    """GetGuardrail's answer: the read shape, in which every `…Config` member has lost its suffix."""
    config = guardrail.config
    answer: dict[str, Any] = {
        "name": config["name"],
        "description": guardrail.description,
        "guardrailId": guardrail.id,
        "guardrailArn": guardrail.arn,
        "version": guardrail.version,
        "status": "READY",
        "statusReasons": [],
        "failureRecommendations": [],
        "createdAt": guardrail.created_at,
        "updatedAt": guardrail.updated_at,
        "blockedInputMessaging": config["blockedInputMessaging"],
        "blockedOutputsMessaging": config["blockedOutputsMessaging"],
        "crossRegionDetails": _cross_region_details(config, account),
        "kmsKeyArn": _kms_key_arn(config.get("kmsKeyId"), account),
    }
    for name in _POLICIES:
        if policy := config.get(name):
            answer[_read_name(name)] = {_read_name(member): value for member, value in policy.items()}
    return answer


def _read_name(name: str) -> str:
    return name.removesuffix("Config")


def _cross_region_details(config: Mapping[str, Any], account: Account) -> dict[str, str] | None:
    chosen = config.get("crossRegionConfig")
    if not chosen:
        return None
    profile = chosen["guardrailProfileIdentifier"].rpartition("/")[2]
    return {
        "guardrailProfileId": profile,
        "guardrailProfileArn": account.arn("bedrock", f"guardrail-profile/{profile}"),
    }


def _kms_key_arn(key: str | None, account: Account) -> str | None:
    """The key's ARN; an alias, which only KMS could resolve, gets a separate made-up key."""
    if key is None or ":key/" in key:
        return key
    if "alias/" in key:
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
    return account.arn("kms", f"key/{key}")
