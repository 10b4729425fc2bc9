"""What all policies share: the direction of a text, per-direction settings, and the section a policy reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["INPUT", "OUTPUT"]
Entry = dict[str, Any]
CHARACTERS_PER_UNIT = 1000

# Configuration says what to do, an assessment says what was done.
_DONE = {"BLOCK": "BLOCKED", "ANONYMIZE": "ANONYMIZED", "NONE": "NONE"}


@dataclass(frozen=True, slots=True)
class Mask:
    """`texts[block][start:end]` is to be replaced by `placeholder`."""

    block: int
    start: int
    end: int
    placeholder: str


@dataclass(frozen=True, slots=True)
class Section:
    """One policy's part of an assessment.

    `name` is its key (`wordPolicy`), `lists` its wire entries including those with `detected: false`, `units` the
    counters of GuardrailUsage that it adds to. `scores` are those of entries for which AWS's answer has no member, each
    with the score from which it is detected.
    """

    name: str
    lists: Mapping[str, Sequence[Entry]]
    units: Mapping[str, int]
    masks: Sequence[Mask] = ()
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether some finding blocks the whole text."""
        return any(entry["action"] == "BLOCKED" for entries in self.lists.values() for entry in entries)

    def wire(self, *, full: bool) -> Mapping[str, Sequence[Entry]] | None:
        """The section as it is answered: detected entries, or all of them; None when there is nothing to say."""
        if full:
            return self.lists
        detected = {name: [entry for entry in entries if entry["detected"]] for name, entries in self.lists.items()}
        return detected if any(detected.values()) else None


def text_units(characters: int) -> int:
    """One for every 1,000 characters begun (AWS pricing page)."""
    return -(-characters // CHARACTERS_PER_UNIT)


def enabled(entry: Mapping[str, Any], direction: Direction) -> bool:
    """Whether the entry is evaluated for this direction; a disabled one is neither reported nor billed."""
    return entry.get("inputEnabled" if direction == "INPUT" else "outputEnabled", True) is not False


def tier(policy: Mapping[str, Any]) -> str:
    """The policy's tier, CLASSIC or STANDARD."""
    return str((policy.get("tierConfig") or {}).get("tierName", "CLASSIC"))


def action(entry: Mapping[str, Any], direction: Direction) -> str:
    """The action of this entry's findings, as in an assessment: BLOCKED, ANONYMIZED or NONE (detect mode)."""
    own = entry.get("inputAction" if direction == "INPUT" else "outputAction")
    return _DONE[own or entry.get("action") or "BLOCK"]
