"""Whether answers are streamed, and who listens to an execution. Every part of the API imports this."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from stepguard.guard.errors import ConfigurationError


class Mode(StrEnum):
    """LLM_STREAMING_ENABLED: nothing is sent, stages and the whole answer, or pieces of the answer too."""

    OFF = "off"
    FINAL = "final"
    PIECES = "pieces"


def read_mode(text: str) -> Mode:
    """The mode that LLM_STREAMING_ENABLED names; `final` if it is empty. Raises ConfigurationError."""
    try:
        return Mode(text.strip().lower() or Mode.FINAL)
    except ValueError:
        raise ConfigurationError(f"LLM_STREAMING_ENABLED is '{text}'; it must be {', '.join(Mode)}.") from None


def listener_of(event: Mapping[str, Any]) -> str | None:
    """The connection that listens to the execution whose stage gets this event; None if nobody does."""
    request = event.get("request") or (event.get("document") or {}).get("request")
    listener = request.get("listener") if isinstance(request, Mapping) else None
    connection = listener.get("connection") if isinstance(listener, Mapping) else None
    return connection if isinstance(connection, str) and connection else None


def without_listener(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """An execution's input without who listens: the same question over another connection is the same question."""
    request = document.get("request")
    if not isinstance(request, Mapping) or "listener" not in request:
        return document
    return {**document, "request": {name: value for name, value in request.items() if name != "listener"}}
