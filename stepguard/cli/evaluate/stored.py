"""Corpora in S3 that PrepareCorpus does not read itself: a copy on this machine, read like any local file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stepguard.aws.objects import Address, Objects
from stepguard.cli.evaluate.intake import DOCUMENTS, inner_suffix
from stepguard.evaluation.corpus import TEXTS
from stepguard.evaluation.limits import Limits, Meter
from stepguard.guard.errors import AccessDenied

READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copy:
    """The objects of an address as files, each with its name below the address."""

    files: Sequence[tuple[str, Path]]
    folder: bool


def copy_of(place: Address, folder: Path, objects: Objects, limits: Limits) -> Copy | None:
    """Copy an object, or the documents of a folder if PrepareCorpus does not read all of them, into `folder`.

    None if these credentials may not read it, or if PrepareCorpus reads the folder. Raises InvalidRequest for a missing
    bucket or object, or a corpus over its limit.
    """
    meter = Meter(limits)
    try:
        if not place.folder:
            return Copy([_copied(place, PurePosixPath(place.key).name, folder / "0", objects, meter)], folder=False)
        found = [(address, address.key.removeprefix(place.key)) for address in objects.list(place)]
        if not any(inner_suffix(name) in set(DOCUMENTS) - set(TEXTS) for _, name in found):
            return None
        shown = [(address, name) for address, name in found if not _is_hidden(name)]
        # Numbers as names: a key may hold "..", or a name that no file can have.
        files = [_copied(address, name, folder / str(n), objects, meter) for n, (address, name) in enumerate(shown)]
        return Copy(files, folder=True)
    except AccessDenied:
        return None


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part.strip(".") for part in PurePosixPath(name).parts)


def _copied(address: Address, name: str, file: Path, objects: Objects, meter: Meter) -> tuple[str, Path]:
    with objects.open(address) as source, file.open("wb") as target:
        while data := source.read(READ_BYTES):
            meter.add_bytes(name, len(data))
            target.write(data)
    return name, file
