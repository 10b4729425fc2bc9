"""The encoder's tokenizer: the likeliest cut of a text into pieces of the vocabulary (Kudo 2018, unigram model,
https://arxiv.org/abs/1804.10959).

The hashes of all parts of a text, up to the longest piece, are looked up together in a sorted table of the pieces'
hashes: 3 MB, where a dictionary of 250,000 pieces takes 49 MB and the library `tokenizers` 282 MB. No piece reaches
from one word into the next, so words are cut one by one, and the cuts of short ones are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.encoder.prepared import prepared
from embedded_aws.bedrock.encoder.weights import Vocabulary, load

_SPACE = "\u2581"
_LONGEST = 16
_KEPT = 20_000
"""Words whose cuts are kept."""
_LONGEST_KEPT = 24
"""Characters of such a word: scripts without blanks have whole sentences as words."""
_ROW = 12
"""Bytes of a piece in the table: a hash of eight, and its number of four."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_PENALTY = 10.0
"""The score of an unknown character is this much below the rarest piece's."""

Hashes = NDArray[np.uint64]


class Tokenizer:
    """Cuts texts into pieces."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._replaced = vocabulary.replaced
        table = prepared("pieces", lambda: _table(vocabulary))
        count = len(table) // _ROW
        self._hashes = np.frombuffer(table, dtype=np.uint64, count=count)
        self._numbers = np.frombuffer(table, dtype=np.int32, count=count, offset=8 * count)
        self._unknown = float(vocabulary.scores.min()) - _PENALTY
        self._known: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str, longest: int) -> list[int]:
        """The numbers of the text's pieces, between those of begin and end; at most `longest` in all."""
        words = self._words(text)
        cuts = self._cuts(words)
        pieces = [piece for word in words for piece in cuts[word]]
        return [self._vocabulary.begin, *pieces[: longest - 2], self._vocabulary.end]

    def _words(self, text: str) -> list[str]:
        """The words, each with the sign of a blank before it."""
        return [_SPACE + word for word in text.translate(self._replaced).replace(_SPACE, " ").split(" ") if word]

    def _cuts(self, words: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The pieces of each word; those that are not kept are cut together."""
        found = {word: self._known.get(word, ()) for word in words}
        new = [word for word, pieces in found.items() if not pieces]
        if new:
            found.update(zip(new, self._cut(new), strict=True))
            if len(self._known) + len(new) > _KEPT:
                self._known = {}
            self._known.update((word, found[word]) for word in new if len(word) <= _LONGEST_KEPT)
        return found

    def _cut(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Viterbi's algorithm, from each character's best cut of what is before it."""
        text = "".join(words)
        count = len(text)
        best = [0.0] + [-1e30] * count
        piece, begin = [0] * (count + 1), [0] * (count + 1)
        ends = self._matches(text)
        for start in range(count):
            before = best[start]
            for end, number, score in ends[start]:
                if before + score > best[end]:
                    best[end], piece[end], begin[end] = before + score, number, start
            if before + self._unknown > best[start + 1]:
                best[start + 1], piece[start + 1], begin[start + 1] = (
                    before + self._unknown,
                    self._vocabulary.unknown,
                    start,
                )
        found = []
        at = count
        for word in reversed(words):
            pieces = []
            start = at - len(word)
            while at > start:
                pieces.append(piece[at])
                at = begin[at]
            found.append(tuple(pieces[::-1]))
        return found[::-1]

    def _matches(self, text: str) -> Sequence[Sequence[tuple[int, int, float]]]:
        """For each character, the pieces that begin there: end, number, score."""
        found: list[list[tuple[int, int, float]]] = [[] for _ in text]
        hashes = np.zeros(len(text), dtype=np.uint64)
        codes = _codes(text)
        for length in range(1, min(_LONGEST, len(text)) + 1):
            count = len(text) - length + 1
            hashes = hashes[:count] * _MULTIPLIER + codes[length - 1 :]
            places = np.searchsorted(self._hashes, hashes)
            places[places == len(self._hashes)] = 0
            starts = np.flatnonzero(self._hashes[places] == hashes)
            numbers = self._numbers[places[starts]]
            scores = self._vocabulary.scores[numbers]
            for start, number, score in zip(starts.tolist(), numbers.tolist(), scores.tolist(), strict=True):
                found[start].append((start + length, number, score))
        return found


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    """The tokenizer of the installed package (0.2 s). Raises PackageMissingError."""
    return Tokenizer(load().vocabulary)


def _codes(text: str) -> Hashes:
    return np.frombuffer(text.encode("utf-32-le", "replace"), dtype="<u4").astype(np.uint64) + np.uint64(1)


def _table(vocabulary: Vocabulary) -> bytes:
    """The hashes of all pieces, sorted, and then their numbers."""
    hashes, pieces = _pieces(vocabulary)
    order = np.argsort(hashes)
    return hashes[order].tobytes() + pieces[order].astype(np.int32).tobytes()


def _pieces(vocabulary: Vocabulary) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes and numbers of all pieces that may occur in a text."""
    raw = bytes(vocabulary.blob)
    codes = _codes(raw.decode("utf-8"))
    first = (np.frombuffer(raw, dtype=np.uint8) & 0xC0) != 0x80  # not the second or a later byte of a character
    before = np.concatenate([[0], np.cumsum(first)])[vocabulary.offsets.astype(np.int64)]
    starts, lengths = before[:-1], np.diff(before)
    hashes = np.zeros(len(lengths), dtype=np.uint64)
    for position in range(_LONGEST):
        rows = np.flatnonzero(lengths > position)
        hashes[rows] = hashes[rows] * _MULTIPLIER + codes[starts[rows] + position]
    lengths[[vocabulary.begin, vocabulary.padding, vocabulary.end, vocabulary.unknown, -1]] = 0  # the last is a mask
    usable = np.flatnonzero(lengths)
    return hashes[usable], usable
