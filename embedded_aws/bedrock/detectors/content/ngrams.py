"""Hashed character and word n-grams: a sparse vector of a text, computed in numpy without a vocabulary.

The hashing trick (Weinberger et al. 2009, https://arxiv.org/abs/0902.2206) with a polynomial hash over code points,
so that a whole document is hashed in a few vectorised passes.
"""

import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 17
CHARACTER_ORDERS = (2, 3, 4, 5)
WORD_ORDERS = (1, 2, 3)
_MULTIPLIER = np.uint32(0x01000193)
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))

Indices = NDArray[np.int64]
Values = NDArray[np.float32]


def ngrams(text: str) -> tuple[Indices, Values]:
    """Bucket numbers (sorted, unique) and weights (1 + log count) of the text's n-grams; empty arrays for no words."""
    words = normalise(text).split()
    if not words:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    hashes = np.concatenate([_characters(words), _words(words)])
    buckets, counts = np.unique(hashes % np.uint32(BUCKETS), return_counts=True)
    return buckets.astype(np.int64), (1.0 + np.log(counts)).astype(np.float32)


def weighted(buckets: Indices, values: Values, rarity: NDArray[np.float32]) -> Values:
    """The weights times each bucket's rarity (inverse document frequency, shape (BUCKETS,)), scaled to unit length."""
    product = values * rarity[buckets]
    result: Values = product / max(float(np.linalg.norm(product)), 1e-9)
    return result


def normalise(text: str) -> str:
    """Compatibility forms, invisible characters and case removed; digits become 0, other than words no information."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE).casefold().translate(_READ)


class _Reading(dict[int, str]):
    """How each character is read, filled when one is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = found = char if char.isalpha() or char in "'@$!?*" else ("0" if char.isdigit() else " ")
        return found


_READ = _Reading()


def _mix(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread the polynomial hash over all bits (finaliser of MurmurHash3)."""
    hashes = hashes ^ (hashes >> np.uint32(16))
    hashes = hashes * np.uint32(0x85EBCA6B)
    hashes = hashes ^ (hashes >> np.uint32(13))
    hashes = hashes * np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))


def _rolled(codes: NDArray[np.uint32], order: int, seed: int) -> NDArray[np.uint32]:
    """Hashes of all runs of `order` successive codes."""
    length = len(codes) - order + 1
    if length <= 0:
        return np.empty(0, dtype=np.uint32)
    hashes = np.full(length, seed, dtype=np.uint32)
    for offset in range(order):
        hashes = hashes * _MULTIPLIER + codes[offset : offset + length]
    return _mix(hashes)


def _characters(words: list[str]) -> NDArray[np.uint32]:
    """Character n-grams of the words joined by single spaces, with a space at both ends."""
    joined = f" {' '.join(words)} "
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    return np.concatenate([_rolled(codes, order, order) for order in CHARACTER_ORDERS])


def _words(words: list[str]) -> NDArray[np.uint32]:
    """Word n-grams; a word's code is the hash of its characters."""
    codes = np.array([_word_code(word) for word in words], dtype=np.uint32)
    return np.concatenate([_rolled(codes, order, 100 + order) for order in WORD_ORDERS])


@lru_cache(maxsize=65536)
def _word_code(word: str) -> int:
    code = 0x811C9DC5
    for character in word[:64]:
        code = ((code ^ ord(character)) * 0x01000193) & 0xFFFFFFFF
    return code
