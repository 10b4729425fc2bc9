"""The failed items of a run, which another run evaluates again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from stepguard.aws.objects import Address, Objects
from stepguard.guard.errors import InvalidRequest

ITEMS, RESULTS = "items.jsonl", "results.jsonl"


def failed_lines(objects: Objects, folder: Address) -> Iterator[dict[str, Any]]:
    """The Map's lines of a run's items that have no verdict: failed, or without a result.

    Raises InvalidRequest if the run has no results, StepguardError.
    """
    try:
        with objects.open(_in(folder, RESULTS)) as stream:
            judged = {row["number"] for row in map(json.loads, stream) if row["action"] != "failed"}
    except InvalidRequest:
        raise InvalidRequest(f"{folder} has no results yet: continue the run before its failed items.") from None
    for line in lines(objects, folder):
        if line["item"]["number"] not in judged:
            yield line


def lines(objects: Objects, folder: Address) -> Iterator[dict[str, Any]]:
    """The Map's lines of a run. Raises StepguardError."""
    with objects.open(_in(folder, ITEMS)) as stream:
        yield from map(json.loads, stream)


def _in(folder: Address, name: str) -> Address:
    return Address(folder.bucket, f"{folder.key}/{name}")
