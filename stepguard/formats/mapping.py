"""`--map text=COL,…` and `--label WORD=ACTION,…`: columns and words of labels that the user names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation.items import Expected
from stepguard.formats.names import fold
from stepguard.guard.errors import InvalidRequest

TARGETS = (
    "text",
    "prompt",
    "query",
    "completion",
    "passages",
    "expected",
    "id",
    "category",
    "kind",
    "reference",
    "grade",
    "sources",
)
"""What a column may be mapped to: members of our own rows."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The user's choice: for each member of a row the name of a column, and for each label word an action."""

    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.columns or self.labels)

    def to_document(self) -> dict[str, Any]:
        """As the YAML file beside the corpus, and a run, have it."""
        return {name: dict(value) for name, value in (("map", self.columns), ("label", self.labels)) if value}

    def over(self, other: Mapped) -> Mapped:
        """This choice, and what it leaves open from the other."""
        return Mapped({**other.columns, **self.columns}, {**other.labels, **self.labels})


def mapped_of(columns: object, labels: object, where: str = "--map") -> Mapped:
    """Read both; `where` names their place in errors. Raises InvalidRequest."""
    chosen = _pairs(columns, where)
    if wrong := sorted(set(chosen) - set(TARGETS)):
        raise InvalidRequest(f"{where}: '{wrong[0]}' is not one of {', '.join(TARGETS)}, such as text=COLUMN.")
    if {"text", "prompt"} <= set(chosen):
        raise InvalidRequest(f"{where}: text and prompt are two names for the item's text; map one of them.")
    words = _pairs(labels, "--label" if where == "--map" else where)
    known = tuple(str(action) for action in Expected)
    for word, action in words.items():
        if action not in known:
            raise InvalidRequest(f"--label: {word}={action}: the action must be one of {', '.join(known)}.")
    return Mapped(chosen, words)


def _pairs(value: object, where: str) -> dict[str, str]:
    if isinstance(value, Mapping):
        if not all(isinstance(part, str | int | bool | float) for pair in value.items() for part in pair):
            raise InvalidRequest(f"{where}: must be names and values.")
        return {_word(name): _word(entry) for name, entry in value.items()}
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{where}: must be NAME=VALUE pairs.")
    pairs = {}
    for part in (value or "").split(","):
        if not part.strip():
            continue
        name, equals, entry = part.partition("=")
        if not equals or not name.strip() or not entry.strip():
            raise InvalidRequest(f"{where}: '{part.strip()}' is not NAME=VALUE.")
        if name.strip() in pairs:
            raise InvalidRequest(f"{where}: names '{name.strip()}' twice.")
        pairs[name.strip()] = entry.strip()
    return pairs


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def column_of(name: str, columns: Mapping[str, str]) -> str:
    """The folded name of a column that the user named; `columns` maps folded names to those of the file. Raises
    InvalidRequest with the nearest one."""
    if fold(name) in columns:
        return fold(name)
    near = difflib.get_close_matches(fold(name), list(columns), 1, 0.5)
    hint = f" Did you mean '{columns[near[0]]}'?" if near else ""
    raise InvalidRequest(f"there is no column '{name}'.{hint} Its columns: {', '.join(columns.values())}")
