"""A deployed guardrail's configuration, judged by the embedded Bedrock of this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.wire import JsonService, ServiceError
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import GuardrailRef

_MEMBERS = ("name", "description", "blockedInputMessaging", "blockedOutputsMessaging")
NOT_JUDGED = "automatedReasoningPolicy"
"""The policy that only AWS can evaluate."""


class EmbeddedGuardrails:
    """Guardrails made from GetGuardrail's answers; `apply_guardrail` is boto3's."""

    def __init__(self, folder: Path) -> None:
        bedrock = Bedrock(folder / "bedrock.sqlite")
        self._control = JsonService("bedrock", bedrock.control)
        self._runtime = JsonService("bedrock-runtime", bedrock.runtime)

    def add(self, shown: Mapping[str, Any]) -> GuardrailRef:
        """A guardrail with the configuration that GetGuardrail returned, without automated reasoning.

        Raises InvalidRequest with the embedded Bedrock's reason to refuse it.
        """
        try:
            made = self._control.call("CreateGuardrail", creation(shown))
        except ServiceError as error:
            raise InvalidRequest(f"The embedded Bedrock cannot judge {shown['name']}: {error.message}") from None
        return GuardrailRef(str(made["guardrailId"]), "DRAFT")

    def apply_guardrail(self, **request: Any) -> Mapping[str, Any]:
        """ApplyGuardrail on this machine."""
        return self._runtime.call("ApplyGuardrail", request)


def creation(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The CreateGuardrail request that makes the guardrail of a GetGuardrail answer, without automated reasoning.

    The request has `Config` at the end of each policy's name and of the names in it.
    """
    request = {name: shown[name] for name in _MEMBERS if shown.get(name)}
    for name, policy in shown.items():
        if name.endswith("Policy") and name != NOT_JUDGED and policy:
            request[f"{name}Config"] = {f"{member}Config": value for member, value in policy.items() if value}
    if profile := (shown.get("crossRegionDetails") or {}).get("guardrailProfileId"):
        request["crossRegionConfig"] = {"guardrailProfileIdentifier": profile}
    return request
