"""Repeats a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.errors import InvalidRequest


def replayed(document: Mapping[str, Any], caller: str) -> dict[str, Any]:
    """The input of a replay: the same request without pinned guardrails, so that the current ones decide.

    Raises InvalidRequest when the input holds no request.
    """
    request = document.get("request")
    if not isinstance(request, Mapping):
        raise InvalidRequest("This execution's input has no request to replay.")
    return {"request": {key: value for key, value in request.items() if key != "guardrails"} | {"caller": caller}}
