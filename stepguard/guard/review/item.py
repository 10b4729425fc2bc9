"""An item of the queue of reviews: one answer, why it was selected, and what a person decided. It has no text of the
chat: the history of its execution has the texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stepguard.guard.conversation import iso_time

DAYS = 90
"""As long as Step Functions keeps the history that an item is about."""

NOTE_CHARACTERS = 1_000


class Standing(StrEnum):
    """Where an item stands."""

    OPEN = "open"
    DECIDED = "decided"
    EXPIRED = "expired"


class Label(StrEnum):
    """A person's verdict: the answer's outcome was right, or what should have happened instead."""

    RIGHT = "right"
    ANSWER = "answer"
    MASK = "mask"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One item. Times are ISO 8601 in UTC: `asked` is that of the question, `ended` that of the decision or expiry.

    `token` lets a person decide, as long as the item is open; `why` says why it expired.
    """

    execution: str
    asked: str
    queued: str
    outcome: str
    source: str
    reasons: tuple[str, ...]
    standing: Standing
    label: Label | None = None
    by: str = ""
    note: str = ""
    ended: str = ""
    why: str = ""
    token: str = ""

    @property
    def expected(self) -> str | None:
        """The label of a corpus's row: what the guards should do with the question. None without a decision."""
        if self.label is None:
            return None
        happened = {"blocked": "blocked", "masked": "masked"}.get(self.outcome, "passed")
        return {Label.ANSWER: "passed", Label.MASK: "masked", Label.BLOCK: "blocked"}.get(self.label, happened)

    def to_dict(self) -> dict[str, Any]:
        """For people and programs, without the token."""
        return {
            "execution": self.execution,
            "asked": self.asked,
            "queued": self.queued,
            "outcome": self.outcome,
            "source": self.source,
            "reasons": list(self.reasons),
            "standing": str(self.standing),
            "label": None if self.label is None else str(self.label),
            "expected": self.expected,
            "by": self.by or None,
            "note": self.note or None,
            "ended": self.ended or None,
            "why": self.why or None,
        }


def review_key(asked: str) -> str:
    """The partition of the items of a day; `asked` is an ISO 8601 time in UTC. `#` is in no execution's name."""
    return f"review#{asked[:10]}"


def review_input(
    execution: str, started: float, outcome: str, source: str, reasons: Sequence[str], now: float
) -> dict[str, str]:
    """The input of review.asl.json; times in seconds since 1970."""
    asked = iso_time(started)
    return {
        "key": review_key(asked),
        "name": execution,
        "asked": asked,
        "queued": iso_time(now),
        "outcome": outcome,
        "source": source,
        "reasons": json.dumps(list(reasons)),
        "expires": str(int(now) + DAYS * 86_400),
    }


def read_item(item: Mapping[str, Mapping[str, Any]]) -> ReviewItem:
    """An item in DynamoDB's form. Raises KeyError, TypeError or ValueError for another item."""
    held = {name: str(value["S"]) for name, value in item.items() if "S" in value}
    return ReviewItem(
        held["turn"],
        held["asked"],
        held["queued"],
        held["outcome"],
        held["source"],
        tuple(map(str, json.loads(held["reasons"]))),
        Standing(held["standing"]),
        Label(held["label"]) if "label" in held else None,
        held.get("by", ""),
        held.get("note", ""),
        held.get("ended", ""),
        held.get("why", ""),
        held.get("token", ""),
    )
