"""Repeats a request, as it was or with other texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import from_document
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer

EDITED = frozenset({"kind", "text", "passages", "query", "completion"})
"""The members of a request that an operator may change; caller, guardrails and conversation are the route's."""


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


def edited(document: Mapping[str, Any], changes: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """The input of a run with another request: the members of `changes` replace those of the first; null removes one.

    It is checked as every request is, has the caller's own groups, and is no turn of a conversation.
    Raises InvalidRequest.
    """
    request = replayed(document, caller.id)["request"] | changes
    who = {"id": caller.id, "groups": sorted(caller.groups), "tenant": caller.tenant}
    kept = {name: value for name, value in request.items() if value is not None and name in EDITED}
    return {"request": from_document(kept | {"caller": who}).to_document()}
