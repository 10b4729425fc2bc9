"""Corpora in S3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

from stepguard.aws.objects import Address, Objects
from stepguard.evaluation.corpus import TEXTS, BadRow, Entry, read_file, suffix_of
from stepguard.evaluation.limits import Limits, Meter, read_limits
from stepguard.guard.request import Kind


def read_corpus(objects: Objects, address: Address, kind: Kind | None, meter: Meter) -> Iterator[Entry]:
    """The items of an object, or of the documents in a folder. Raises StepguardError."""
    if not address.folder:
        with objects.open(address) as stream:
            yield from read_file(address.key, stream, kind, meter)
        return
    for found in objects.list(address):
        name = found.key.removeprefix(address.key)
        if suffix_of(name) not in TEXTS:
            yield BadRow(name, 0, f"is none of {', '.join(TEXTS)}, which a folder of documents holds")
            continue
        with objects.open(found) as stream:
            yield from read_file(name, stream, kind, meter)


@cache
def limits() -> Limits:
    """The largest corpus that this deployment evaluates. Raises ConfigurationError that names the variable."""
    return read_limits(os.environ)
