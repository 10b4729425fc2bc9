"""Our sentences for the NAME and ADDRESS tagger (pii_authored/*.txt), whose slots pii_values.py fills.

One template a line. Slots that are labelled: name, first, last (NAME); address, streetline, zipcity (ADDRESS);
org, firm, orgperson (ORG); city, country, state, landmark (LOC). All other slots are plain text.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("pii_authored")


@cache
def templates(name: str) -> tuple[str, ...]:
    """The templates of "people", "places" or "plain" (texts without personal information)."""
    return tuple(line for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines() if line)


@cache
def lists() -> dict[str, list[str]]:
    """What slots are filled with (values.txt): list name -> values."""
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for line in (FOLDER / "values.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            values = found.setdefault(line[1:], [])
        elif not line.startswith("#"):
            values += [entry.strip() for entry in line.split(";") if entry.strip()]
    return found
