"""The objects of some buckets as files: one folder for each bucket.

A file's name is the percent-encoded key. As in S3, `/` is an ordinary character, so that `a` and `a/b` are two files in
one folder. A name that is too long for a file system is split into folders whose names end in `!`, which no encoded key
contains. Capitals are encoded, too, because some file systems ignore case.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import uuid4

from embedded_aws.wire import ServiceError

_PIECE = 200  # file systems have room for 255 bytes
_MORE = "!"


class Buckets:
    """Some buckets, one folder each. Thread-safe: a write is a rename."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self.names = names

    def get(self, bucket: str, key: str) -> Path:
        """The object's file. Raises ServiceError NoSuchKey."""
        file = self.file(bucket, key)
        if not file.is_file():
            raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
        return file

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object: all of it or nothing."""
        self.write(bucket, key, [body])

    def write(self, bucket: str, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object piece by piece."""
        file = self.file(bucket, key)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = file.parent / f".{uuid4().hex}"
        try:
            with unfinished.open("wb") as target:
                target.writelines(pieces)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; a missing object is not an error."""
        self.file(bucket, key).unlink(missing_ok=True)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """The keys of a bucket in S3's order, by their UTF-8 bytes."""
        root = self._root(bucket)
        found = map(unquote, _names(root)) if root.is_dir() else ()
        return sorted((key for key in found if key.startswith(prefix)), key=str.encode)

    def parts(self, bucket: str, upload: str) -> Path:
        """The folder of a multipart upload. Raises ServiceError NoSuchUpload."""
        folder = self._root(bucket) / f".upload-{upload}"
        if not re.fullmatch(r"[0-9a-f]{32}", upload) or not folder.is_dir():
            raise ServiceError("NoSuchUpload", "The specified multipart upload does not exist.", 404)
        return folder

    def begin(self, bucket: str) -> str:
        """A new multipart upload."""
        upload = uuid4().hex
        (self._root(bucket) / f".upload-{upload}").mkdir(parents=True, mode=0o700)
        return upload

    def _root(self, bucket: str) -> Path:
        if bucket not in self.names:
            raise ServiceError("NoSuchBucket", "The specified bucket does not exist.", 404)
        return self._folder / bucket

    def file(self, bucket: str, key: str) -> Path:
        """The path of an object, whether it exists or not. Raises ServiceError KeyTooLongError."""
        if not 0 < len(key.encode()) <= 1024:
            raise ServiceError("KeyTooLongError", "Your key is too long", 400)
        # Capitals first: those of the escapes are all capitals and stay.
        name = "".join(
            f"%{ord(character):02X}" if "A" <= character <= "Z" else quote(character, safe=" ()+,=@-_")
            for character in key
        )
        pieces = [name[start : start + _PIECE] for start in range(0, len(name), _PIECE)]
        # No piece points outside the folder or has the name of an unfinished file.
        pieces = [re.sub(r"^\.", "%2E", piece) for piece in pieces]
        return self._root(bucket).joinpath(*(piece + _MORE for piece in pieces[:-1]), pieces[-1])


def _names(folder: str | Path, before: str = "") -> Iterator[str]:
    """The encoded keys of all files in a folder; names that begin with a dot are not keys."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _names(entry.path, before + entry.name.removesuffix(_MORE))
            else:
                yield before + entry.name
