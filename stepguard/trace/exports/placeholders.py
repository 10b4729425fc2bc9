"""Replaces personal data, a value by the same placeholder everywhere, so that a history can be kept as a test.

A placeholder has the form of the original, so that the guardrails decide on it as on the original.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count as numbers
from typing import Any

# Values reserved for examples, if there are any: RFC 2606 and 5737, telephone numbers 555-01xx, SSNs of 219-09-99xx.
_REPLACED = re.compile(r"[0-9A-Za-z]")
_NAMES = ("Maria Lopez", "James Miller", "Anna Schmidt", "David Brown", "Laura Wilson", "Peter Clark", "Emma Davis")
_FORMS = {
    "EMAIL": "person{n}@example.com",
    "PHONE": "(555) 555-01{n:02d}",
    "ADDRESS": "{n}1 Oak Street, Riverton, OH 43085",
    "IP_ADDRESS": "192.0.2.{n}",
    "URL": "https://example.com/{n}",
    "US_SOCIAL_SECURITY_NUMBER": "219-09-99{n:02d}",
    "USERNAME": "person{n}",
}


class Replacements:
    """Raw values and their placeholders. `add` assigns them in order, so that a run can be repeated."""

    def __init__(self, found: Iterable[tuple[str, str]] = ()) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        for value, kind in found:
            self.add(value, kind)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, value: str, kind: str) -> None:
        """Replace a value of a PII type from now on."""
        if not value.strip() or value in self._known:
            return
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        if kind == "NAME":
            self._known[value] = _NAMES[(number - 1) % len(_NAMES)]
        elif kind in _FORMS:
            self._known[value] = _FORMS[kind].format(n=number)
        else:
            self._known[value] = _same_form(value, kind, number)

    def text(self, text: str) -> str:
        """A text with every known value replaced, the longest first."""
        if not self._known:
            return text
        values = sorted(self._known, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, values)), lambda match: self._known[match[0]], text)

    def value(self, value: Any) -> Any:
        """A JSON value with every string in it replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value


def _same_form(value: str, kind: str, number: int) -> str:
    """Other digits and letters in the same places. They depend on the type and number only, so the value cannot be
    computed from them; a card number keeps a valid check digit."""
    if not _REPLACED.search(value):
        return "?" * len(value)
    chosen = _numbers(f"{kind} {number}")

    def other(match: re.Match[str]) -> str:
        char = match[0]
        base, size = ("0", 10) if char.isdigit() else ("A" if char.isupper() else "a", 26)
        return chr(ord(base) + next(chosen) % size)

    same = value
    while same == value:
        same = _REPLACED.sub(other, value)
    return _with_check_digit(same) if kind == "CREDIT_DEBIT_CARD_NUMBER" else same


def _numbers(seed: str) -> Iterator[int]:
    """Numbers that are the same for the same seed."""
    for place in numbers():
        yield from hashlib.sha256(f"{seed} {place}".encode()).digest()


def _with_check_digit(text: str) -> str:
    """A Visa number's first digit, and the last digit by Luhn's rule."""
    places = [place for place, char in enumerate(text) if char.isdigit()]
    if len(places) < 2:
        return text
    digits = list(text)
    digits[places[0]] = "4"
    total = 0
    for count, place in enumerate(reversed(places[:-1])):
        double = int(digits[place]) * (2 if count % 2 == 0 else 1)
        total += double - 9 if double > 9 else double
    digits[places[-1]] = str(-total % 10)
    return "".join(digits)
