"""Searching a knowledge base: by meaning (exact cosine), by words (BM25 of SQLite's FTS5), or by both.

The vectors are kept in memory as one matrix and compared with a single product (docs/decisions/0019).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.knowledge.embedding import Vector
from embedded_aws.bedrock.knowledge.filters import Columns, Mask
from embedded_aws.bedrock.knowledge.index_file import Found, IndexFile, service_keys

Mode = Literal["SEMANTIC", "HYBRID"]
MOST_MATCHES = 8_000
"""BM25 costs time for each chunk that has a word. The most frequent words of a question are left out once its rarer
words have this many matches in all, and a word with more matches alone; a knowledge base with few chunks keeps every
word."""
_CANDIDATES = 100
"""Chunks of each kind of search that a hybrid search compares; as many as Retrieve returns at most."""
MEANING = 0.4
"""The weight of the cosine in a hybrid score; the rest is BM25. Chosen on a third of COVID-QA; with 0.3 to 0.5 the
hit rate is within two points."""
_WORD = re.compile(r"[^\W_]+")

Numbers = NDArray[np.int64]


class Searcher:
    """Searches an index. It reads the vectors when the index has changed. Safe to use from several threads."""

    def __init__(self, index: IndexFile) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._changes = -1
        self._numbers: Numbers = np.empty(0, dtype=np.int64)
        self._owners: Numbers = np.empty(0, dtype=np.int64)
        self._matrix: Vector = np.empty((0, 0), dtype=np.float32)
        self._columns = Columns([])
        self._frequencies: dict[str, int] = {}

    def search(
        self, text: str, vector: Vector, mode: Mode, limit: int, condition: Mapping[str, Any] | None
    ) -> list[tuple[Found, float]]:
        """The best chunks that match a filter, with their scores, best first."""
        with self._lock:
            self._refresh()
            allowed = self._columns.mask(condition)[self._owners] if condition else None
            return self._read(self._best(text, vector, mode, limit, allowed))

    def by_words(self, text: str, limit: int) -> list[tuple[Found, float]]:
        """The best chunks by BM25 alone."""
        with self._lock:
            self._refresh()
            scored = self._by_words(text, None).items()
            return self._read(sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:limit])

    def _read(self, scored: list[tuple[int, float]]) -> list[tuple[Found, float]]:
        chunks = self._index.found([number for number, _ in scored])
        return [(chunks[number], score) for number, score in scored if number in chunks]

    def _best(self, text: str, vector: Vector, mode: Mode, limit: int, allowed: Mask | None) -> list[tuple[int, float]]:
        if not len(self._numbers):
            return []
        cosines = self._matrix @ vector[: self._matrix.shape[1]]
        meant = _top(cosines, limit if mode == "SEMANTIC" else _CANDIDATES, allowed)
        if mode == "SEMANTIC":
            return [(int(self._numbers[place]), float(cosines[place])) for place in meant]
        worded = self._by_words(text, allowed)
        best = sorted(worded, key=worded.__getitem__, reverse=True)[:_CANDIDATES]
        places = np.union1d(meant, np.searchsorted(self._numbers, np.array(best, dtype=np.int64))).astype(np.int64)
        if not len(places):
            return []
        near = cosines[places]
        low, high = float(near.min()), float(near.max())
        highest = max((worded[number] for number in best), default=1.0)
        scored = []
        for place, cosine in zip(places, near, strict=True):
            number = int(self._numbers[place])
            meaning = (float(cosine) - low) / (high - low) if high > low else 1.0
            scored.append((number, MEANING * meaning + (1 - MEANING) * worded.get(number, 0.0) / highest))
        return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:limit]

    def _by_words(self, text: str, allowed: Mask | None) -> dict[int, float]:
        """BM25 of the chunks that have a word of the text, by number."""
        words = self._words(text)
        if not words:
            return {}
        matches = self._index.matching(" OR ".join(f'"{word}"' for word in words))
        if allowed is None:
            return dict(matches)
        numbers = np.fromiter((number for number, _ in matches), np.int64, len(matches))
        places = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        kept = allowed[places] & (self._numbers[places] == numbers)  # another process may have added chunks
        return dict(pair for pair, keep in zip(matches, kept, strict=True) if keep)

    def _words(self, text: str) -> list[str]:
        """The words of a question to search for, the rarest first."""
        counted = []
        for word in dict.fromkeys(_WORD.findall(text.lower())):
            if word not in self._frequencies:
                self._frequencies[word] = self._index.frequency(f'"{word}"', MOST_MATCHES + 1)
            if self._frequencies[word]:
                counted.append((self._frequencies[word], word))
        chosen: list[str] = []
        total = 0
        for frequency, word in sorted(counted):
            total += frequency
            if total > MOST_MATCHES:
                break
            chosen.append(word)
        return chosen

    def _refresh(self) -> None:
        """Read what has changed in the index."""
        if self._index.changes() == self._changes:
            return
        new = self._index.snapshot(int(self._numbers[-1]) if len(self._numbers) else 0)
        keep = np.fromiter((int(number) in new.owners for number in self._numbers), bool, len(self._numbers))
        if not keep.all():
            self._numbers, self._matrix = self._numbers[keep], self._matrix[keep]
        if new.added:
            rows = np.stack([np.frombuffer(vector, dtype=np.float16) for _, vector in new.added]).astype(np.float32)
            self._matrix = np.concatenate([self._matrix, rows]) if len(self._numbers) else rows
            added = np.array([number for number, _ in new.added], dtype=np.int64)
            self._numbers = np.concatenate([self._numbers, added])
        positions = {number: position for position, (number, *_) in enumerate(new.documents)}
        self._owners = np.fromiter((positions[owner] for owner in new.owners.values()), np.int64, len(new.owners))
        self._columns = Columns(
            [{**metadata, **service_keys(source, uri)} for _, source, uri, metadata in new.documents]
        )
        self._frequencies = {}
        self._changes = new.changes


def _top(values: Vector, limit: int, allowed: Mask | None) -> Numbers:
    """The positions of the highest values, highest first."""
    chosen = values if allowed is None else values[allowed]
    best = np.sort(np.argpartition(chosen, -limit)[-limit:]) if len(chosen) > limit else np.arange(len(chosen))
    order: Numbers = best[np.argsort(-chosen[best], kind="stable")]
    return order if allowed is None else np.flatnonzero(allowed)[order]
