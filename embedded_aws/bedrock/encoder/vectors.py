"""A cache of embeddings in a block of memory that processes may share, keyed by the text's hash; never on disk.

It holds bytes and needs no numpy, so that the process which only starts the workers need not load it.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import zlib
from functools import lru_cache

ENTRIES = 8192
BODY = 384 * 4
"""Bytes of a vector: 384 numbers of four bytes, or the encoder's two layers of 384 numbers of two."""
_KEY = 16
_CHECK = 4
_ENTRY = _KEY + _CHECK + BODY
SIZE = ENTRIES * _ENTRY
"""Bytes of the whole cache: 12.7 MB."""


def shareable() -> int | None:
    """A descriptor of memory for `VectorCache`, to be passed to child processes; None where there is no such thing."""
    if not hasattr(os, "memfd_create"):  # macOS: each process has a separate cache
        return None
    descriptor = os.memfd_create("embeddings")
    os.truncate(descriptor, SIZE)
    return descriptor


class VectorCache:
    """Each text has one place, where a newer text of the same place replaces it.

    Safe for threads and processes without locks: an entry that is half written, or of another text, fails its
    checksum and counts as missing.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """`descriptor` as from `shareable`; without one the cache is this process's alone."""
        self._memory = mmap.mmap(-1 if descriptor is None else descriptor, SIZE)

    def get(self, text: str) -> bytes | None:
        """The text's vector, BODY bytes, if it is there."""
        key = _key(text)
        at = _place(key)
        entry = self._memory[at : at + _ENTRY]
        body = entry[_KEY + _CHECK :]
        if entry[:_KEY] != key or entry[_KEY : _KEY + _CHECK] != _checksum(key, body):
            return None
        return body

    def put(self, text: str, vector: bytes) -> None:
        """Keep a text's vector until another text takes its place."""
        key = _key(text)
        at = _place(key)
        self._memory[at : at + _ENTRY] = key + _checksum(key, vector) + vector


def share(descriptor: int) -> None:
    """Make this process's cache the one behind a descriptor from `shareable`. To be called before `cache`."""
    global _shared
    _shared = descriptor


@lru_cache(maxsize=1)
def cache() -> VectorCache:
    """This process's cache."""
    return VectorCache(_shared)


_shared: int | None = None


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY).digest()


def _place(key: bytes) -> int:
    return int.from_bytes(key[:8], "big") % ENTRIES * _ENTRY


def _checksum(key: bytes, body: bytes) -> bytes:
    return zlib.crc32(body, zlib.crc32(key)).to_bytes(_CHECK, "big")
