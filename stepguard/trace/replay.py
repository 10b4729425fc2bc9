"""Repeats a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.verdict import Layer


def replayed(
    document: Mapping[str, Any], caller: str, guardrails: Mapping[Layer, GuardrailRef] | None = None
) -> dict[str, Any]:
    """The input of a replay: the same request with the given guardrails, or else with the deployed ones, alone: a
    replay is no turn of the conversation.

    Raises InvalidRequest when the input holds no request.
    """
    request = document.get("request")
    if not isinstance(request, Mapping):
        raise InvalidRequest("This execution's input has no request to replay.")
    chosen = {"guardrails": {str(layer): ref.to_dict() for layer, ref in guardrails.items()}} if guardrails else {}
    kept = {key: value for key, value in request.items() if key not in ("guardrails", "conversation", "listener")}
    return {"request": kept | {"caller": caller} | chosen}
