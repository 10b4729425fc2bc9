"""CreateGuardrail's rules that botocore's service model lacks.

Sources: the Bedrock user guide's pages on guardrail components and safeguard tiers, the service quotas of the AWS
general reference, and error messages that users of AWS reported (docs/reference/embedded-bedrock.md lists which
messages are AWS's own words). Everything is a ValidationException.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from embedded_aws.bedrock.packages import ENCODER
from embedded_aws.bedrock.policies.base import tier
from embedded_aws.wire import ServiceError

GUARDRAILS = 100
VERSIONS = 20
TAGS = 200
_PROFILE_ID_LENGTH = range(15, 31)
_DEFINITION_LENGTH = {"CLASSIC": 200, "STANDARD": 1000}
_ENCODED = ("contentPolicyConfig", "topicPolicyConfig", "contextualGroundingPolicyConfig")
"""The policies whose detectors read the encoder's vectors."""


def check_configuration(config: Mapping[str, Any]) -> None:
    """Raise ServiceError(ValidationException) unless the embedded Bedrock accepts this guardrail."""
    if reasons := unevaluated(config):  # accepting what is never evaluated would let everything through
        where, reason = next(iter(reasons.items()))
        raise _refuse(f"{where}: {reason}. Remove the policy, or try this guardrail on AWS.")
    check_rules(config)


def unevaluated(config: Mapping[str, Any]) -> dict[str, str]:
    """The members for which the embedded Bedrock refuses a guardrail that Bedrock may accept, each with the reason."""
    reasons = {"automatedReasoningPolicyConfig": "the embedded Bedrock cannot evaluate automated reasoning policies"}
    if importlib.util.find_spec(ENCODER) is None:  # a platform that the package has no wheel for
        reasons |= dict.fromkeys(
            _ENCODED, f"the embedded Bedrock needs the package {ENCODER} for this, which is missing"
        )
    return {name: reason for name, reason in reasons.items() if config.get(name)}


def check_rules(config: Mapping[str, Any]) -> None:
    """Raise ServiceError(ValidationException) unless Bedrock would accept this guardrail."""
    _check_policies(config)
    _check_tiers(config)
    _check_topics(config.get("topicPolicyConfig") or {})
    _check_content(config.get("contentPolicyConfig") or {})
    _check_sensitive_information(config.get("sensitiveInformationPolicyConfig") or {})
    _check_words(config.get("wordPolicyConfig") or {})
    _check_grounding(config.get("contextualGroundingPolicyConfig") or {})


def _refuse(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _check_policies(config: Mapping[str, Any]) -> None:
    policies = (value for name, value in config.items() if name.endswith("PolicyConfig") and value)
    if not any(any(isinstance(members, list) and members for members in policy.values()) for policy in policies):
        raise _refuse("At least one policy must be configured for the guardrail.")


def _check_tiers(config: Mapping[str, Any]) -> None:
    if chosen := config.get("crossRegionConfig"):
        # The model lets an ARN end in what is too short or too long for its own guardrailProfileId.
        if len(chosen["guardrailProfileIdentifier"].rpartition("/")[2]) not in _PROFILE_ID_LENGTH:
            raise _refuse(
                "crossRegionConfig.guardrailProfileIdentifier: there is no such guardrail profile. "
                "Profiles are called, for example, us.guardrail.v1:0."
            )
        return
    for name in ("topicPolicyConfig", "contentPolicyConfig", "contextualGroundingPolicyConfig"):
        if tier(config.get(name) or {}) == "STANDARD":
            raise _refuse(
                f"{name}.tierConfig: the STANDARD tier requires cross-Region inference. "
                "Set crossRegionConfig.guardrailProfileIdentifier, for example to us.guardrail.v1:0."
            )


def _check_topics(policy: Mapping[str, Any]) -> None:
    topics = policy.get("topicsConfig") or []
    _check_unique("topicPolicyConfig.topicsConfig", "name", topics)
    if any(len(topic["definition"]) > _DEFINITION_LENGTH[tier(policy)] for topic in topics):
        raise _refuse(
            "One or more of your guardrail topic definitions exceeds the maximum allowed length. Shorten your topic "
            "definitions or update your guardrail topic policy configuration to support longer definitions."
        )


def _check_content(policy: Mapping[str, Any]) -> None:
    filters = policy.get("filtersConfig") or []
    _check_unique("contentPolicyConfig.filtersConfig", "type", filters)
    for entry in filters:
        for member in ("inputModalities", "outputModalities"):
            for value in _repeated(entry.get(member) or ()):
                raise _refuse(f"{entry['type']} content filter: {member} has {value} more than once.")
        if entry["type"] == "PROMPT_ATTACK" and entry["outputStrength"] != "NONE":
            raise _refuse("PROMPT ATTACK content filter strength for response must be NONE")


def _check_sensitive_information(policy: Mapping[str, Any]) -> None:
    from embedded_aws.bedrock.detectors.words.regexes import check_pattern

    _check_unique("sensitiveInformationPolicyConfig.piiEntitiesConfig", "type", policy.get("piiEntitiesConfig") or [])
    regexes = policy.get("regexesConfig") or []
    _check_unique("sensitiveInformationPolicyConfig.regexesConfig", "name", regexes)
    for number, entry in enumerate(regexes, 1):
        try:
            check_pattern(entry["pattern"])
        except ValueError as error:
            where = f"sensitiveInformationPolicyConfig.regexesConfig.{number}.member.pattern"
            raise _refuse(f"The regular expression at '{where}' is not valid: {error}") from None


def _check_words(policy: Mapping[str, Any]) -> None:
    _check_unique("wordPolicyConfig.managedWordListsConfig", "type", policy.get("managedWordListsConfig") or [])
    for number, entry in enumerate(policy.get("wordsConfig") or [], 1):
        if not entry["text"].strip():
            raise _refuse(f"The word at 'wordPolicyConfig.wordsConfig.{number}.member.text' is blank.")


def _check_grounding(policy: Mapping[str, Any]) -> None:
    filters = policy.get("filtersConfig") or []
    _check_unique("contextualGroundingPolicyConfig.filtersConfig", "type", filters)
    for entry in filters:
        if entry["threshold"] >= 1:
            raise _refuse(
                f"The {entry['type']} threshold of contextualGroundingPolicyConfig must be at least 0 and less than 1: "
                "a threshold of 1 would block everything."
            )


def _check_unique(where: str, member: str, entries: Sequence[Mapping[str, Any]]) -> None:
    for value in _repeated(str(entry[member]) for entry in entries):
        raise _refuse(f"{where}: the {member} '{value}' is given more than once.")


def _repeated(values: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    repeated = []
    for value in values:
        if value in seen:
            repeated.append(value)
        seen.add(value)
    return repeated


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise ServiceError(TooManyTagsException, ValidationException) for a set of tags no resource may have."""
    if len(tags) > TAGS:
        raise ServiceError("TooManyTagsException", f"A resource can have at most {TAGS} tags.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise _refuse("aws: prefixed tag key names are not allowed for external use.")
