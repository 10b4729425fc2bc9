"""The position of a stored execution, for the next process after a crash and for RedriveExecution.

Stored histories never end between two states (see `history`), so the main line is either before its first state or
inside one. That state runs again: its task is called again, a Wait continues with its remaining time, and a
Distributed Map keeps the children that have ended.
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from sqlite3 import Row

from embedded_aws.states.language.json_text import Json, load


@dataclass(slots=True)
class Position:
    """`state` is None before the first state; `data` is its input, `entered` its event's id and `entered_at` time.

    `since` holds the types of the events after that.
    """

    state: str | None = None
    data: Json = None
    entered: int = 0
    entered_at: float = 0.0
    last: int = 0
    since: set[str] = field(default_factory=set)
    variables: dict[str, Json] = field(default_factory=dict)


def position(events: Iterable[Row]) -> Position:
    """Find the position in a history. States inside branches and iterations are skipped: names are unique."""
    here = Position()
    for event in events:
        here.last = event["id"]
        kind = event["type"]
        if here.state is None and kind.endswith("StateEntered"):
            details = load(event["details"])
            here.state, here.data = details["name"], load(details["input"])
            here.entered, here.entered_at = event["id"], event["timestamp"]
            here.since.clear()
            continue
        here.since.add(kind)
        if kind.endswith("StateExited"):
            details = load(event["details"])
            if details["name"] == here.state:
                here.state = None
                assigned = details.get("assignedVariables", {})
                here.variables.update({name: load(text) for name, text in assigned.items()})
    return here
