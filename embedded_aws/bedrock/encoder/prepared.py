"""What is made of the package's weights, and kept on disk for the next process: the graph and the tokenizer's table.

Making both takes 0.6 s of a process's first second, and 200 MB for a moment. The files are in the user's cache folder
(XDG_CACHE_HOME, else ~/.cache), in `stepguard/`; they hold nothing but numbers of the package and may be deleted at any
time. A file's name has a hash of the package's file and of the code that made it, and its first bytes a checksum.
Where there is no such folder, each process makes them anew.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from embedded_aws.bedrock.encoder.weights import FILE, REMEDY
from embedded_aws.bedrock.packages import ENCODER, packaged_file

_CHECKSUM = 8
_UNUSED_SECONDS = 30 * 86400
"""The age from which files of other versions are deleted."""


def prepared(name: str, make: Callable[[], bytes]) -> memoryview:
    """The bytes that `make` makes: those of an earlier process if it kept them. Raises PackageMissingError."""
    file = _file(name)
    if file is not None and (found := _read(file)) is not None:
        return found
    made = make()
    if file is not None:
        with suppress(OSError):  # no room, or not our folder: the next process makes them again
            _write(file, made)
    return memoryview(made)


def folder() -> Path | None:
    """Where the files are; None if the user has no home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given and Path(given).is_absolute():  # a relative one is to be ignored (XDG Base Directory Specification)
        return Path(given) / "stepguard"
    try:
        return Path.home() / ".cache" / "stepguard"
    except RuntimeError:
        return None


def _file(name: str) -> Path | None:
    where = folder()
    if where is None:
        return None
    weights = packaged_file(ENCODER, FILE, REMEDY)
    about = weights.stat()
    digest = hashlib.blake2b(f"{about.st_size} {about.st_mtime_ns}".encode(), digest_size=8)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return where / f"{name}-{digest.hexdigest()}.bin"


def _read(file: Path) -> memoryview | None:
    """The file's content, shared with other processes; None if it is missing or damaged."""
    try:
        with file.open("rb") as opened:
            data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):  # ValueError: an empty file
        return None
    body = data[_CHECKSUM:]
    return body if bytes(data[:_CHECKSUM]) == _checksum(body) else None


def _write(file: Path, data: bytes) -> None:
    """Write the whole file or none. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for other in file.parent.glob(f"{file.name.partition('-')[0]}-*"):
        if time.time() - other.stat().st_mtime > _UNUSED_SECONDS:
            other.unlink(missing_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(_checksum(data) + data)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _checksum(data: bytes | memoryview) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM, "big")
