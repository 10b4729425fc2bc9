"""A bank for tests, and an embedding model that needs no weights: counts of the runs of three letters."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

from stepguard.aws.embedding import MODEL
from stepguard.guard.bank.matching import PROBE, Matcher
from stepguard.guard.bank.model import Bank, Item, Limits, normalise
from stepguard.guard.bank.vectors import Vectors

VISITS = Item("Visits", ("What are the visiting hours?", "When can I visit?"), "From 14:00.", "visits", "en")
BESUCH = Item(
    "Besuche", ("Wann darf ich zu Besuch kommen?", "Wie sind die Besuchszeiten?"), "Ab 14 Uhr.", "visits", "de"
)
PARKING = Item("Parking", ("Where can I park my car?",), "On River Road.", "parking", "en")
NO_HITS = (
    Item("NoHits", ("no_hits",), "Please call us."),
    Item("NoHits.de", ("no_hits",), "Bitte rufen Sie an.", language="de"),
    Item("NoHits.parking", ("no_hits",), "Ask the porter.", "parking", "en"),
)
LIMITS = Limits(0.8, 0.1, 0.5)


def embed(text: str) -> Sequence[float]:
    """A unit vector of 64 values."""
    vector = [0.0] * 64
    plain = f" {normalise(text)} "
    for start in range(len(plain) - 2):
        vector[zlib.crc32(plain[start : start + 3].encode()) % 64] += 1
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


def bank(*items: Item, dont_know: tuple[Item, ...] = NO_HITS, embedder: str = MODEL) -> Bank:
    """A bank of items."""
    vectors = Vectors.of([embed(text) for item in items for text in item.texts])
    return Bank("0" * 16, items, dont_know, embedder, 64, LIMITS, tuple(embed(PROBE)), vectors)


def matcher(*items: Item) -> Matcher:
    """A bank that can be asked."""
    return Matcher(bank(*items), embed)
