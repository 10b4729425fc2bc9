"""Who may read the documents from which an execution has words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stepguard.guard.passages import readers_in
from stepguard.guard.stages import INVOKE_MODEL, RETRIEVE_PASSAGES
from stepguard.trace.model import parsed


def readers_in_history(events: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """The groups of each document from which the execution's events have words."""
    for event in events:
        details = event.get("stateExitedEventDetails")
        if isinstance(details, Mapping) and details.get("name") in (RETRIEVE_PASSAGES.state, INVOKE_MODEL.state):
            document = parsed(details.get("output"))
            if isinstance(document, dict):
                yield from readers_in(document)
