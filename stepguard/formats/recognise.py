"""Which format a corpus has, and how its rows are read."""

from __future__ import annotations

import re

from stepguard.formats import bedrock, openai, promptfoo, table, tools
from stepguard.formats.mapping import Mapped
from stepguard.formats.model import Format, Plan, Profile
from stepguard.formats.references import with_references
from stepguard.guard.errors import InvalidRequest

FORMATS: tuple[Format, ...] = (*bedrock.FORMATS, *tools.FORMATS, *openai.FORMATS, *tools.AFTER_MESSAGES)
"""In the order in which they are tried; promptfoo is tried first, a table last."""


def plan_of(profile: Profile, mapped: Mapped) -> Plan:
    """The plan for a corpus, with its reference answers; columns that the user maps make it a table. Raises
    InvalidRequest."""
    return with_references(_plan(profile, mapped), profile, mapped)


def _plan(profile: Profile, mapped: Mapped) -> Plan:
    if mapped:
        return table.plan(profile, mapped)
    if found := promptfoo.plan(profile):
        return found
    if profile.strings and not profile.columns:
        return Plan("array of texts", lambda row: iter((dict(row),)), frozenset())
    for entry in FORMATS:
        if entry.matches(profile):
            known = profile.names if entry.known == ("*",) else frozenset(entry.known)
            return Plan(entry.name, entry.read, frozenset(entry.used), known, entry.notes)
    return table.plan(profile, mapped)


def columns_of(plan: Plan, profile: Profile) -> dict[str, list[str]]:
    """The columns that are used and ignored, by their names in the file."""
    shown = {name: column.name or "(no name)" for name, column in profile.columns.items()}
    return {
        "used": [name for key, name in shown.items() if key in plan.used],
        "ignored": [name for key, name in shown.items() if key not in plan.used],
    }


def not_understood(plan: Plan, profile: Profile) -> list[str]:
    """The ignored columns that the format does not define."""
    unknown = profile.names - plan.used - plan.known
    return sorted(profile.columns[name].name or "(no name)" for name in unknown if profile.columns[name].cells)


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def check_inventory(cells: list[list[str]]) -> None:
    """Raise InvalidRequest for the rows of an S3 inventory: they name objects and have no texts."""
    buckets = {row[0] for row in cells if row}
    is_list = len(cells) > 0 and all(len(row) > 2 and not re.search(r"\s", row[0] + row[1]) for row in cells)
    numbers = is_list and all(any(cell.isdigit() or re.match(r"\d{4}-\d\d-\d\dT", cell) for cell in row[2:])
                              for row in cells)  # fmt: skip
    if numbers and len(buckets) == 1 and _BUCKET.fullmatch(bucket := next(iter(buckets))):
        raise InvalidRequest(
            f"is an S3 inventory: it lists objects of the bucket {bucket} and has no texts. Evaluate the objects "
            f"themselves: s3://{bucket}/PREFIX/"
        )
