"""The bank of curated answers, as a published version keeps it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepguard.guard.bank.vectors import Vectors, VectorsError
from stepguard.guard.errors import ConfigurationError

FORMAT = 1
MOST_QUESTIONS = 2_000
"""The questions of a bank; a larger collection is for a knowledge base."""

MOST_BYTES = 24_000_000
"""A stored version of the longest questions and answers is smaller."""

_NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Item:
    """One curated answer. An item without a topic or a language serves all of them.

    `alternates` are the same answer for other channels, under QnABot's names (markdown, ssml). A passage item has no
    questions: its own text is compared with what is asked.
    """

    qid: str
    questions: tuple[str, ...]
    answer: str
    topic: str = ""
    language: str = ""
    alternates: Mapping[str, str] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What is compared with a question by meaning."""
        return self.questions or (self.answer,)

    def to_dict(self) -> dict[str, Any]:
        """The item as JSON."""
        full = {
            "qid": self.qid,
            "questions": list(self.questions),
            "answer": self.answer,
            "topic": self.topic,
            "language": self.language,
            "alternates": dict(self.alternates or {}),
        }
        return {key: value for key, value in full.items() if value}


@dataclass(frozen=True, slots=True)
class Limits:
    """How alike a question and a curated one must be, as cosines, for one embedding model.

    A question matches from `threshold` on, if the best item is better by `margin` than every item with another answer.
    From `near` on it belongs to the topic of the nearest item.
    """

    threshold: float
    margin: float
    near: float

    def to_dict(self) -> dict[str, float]:
        """The limits as JSON."""
        return {"threshold": self.threshold, "margin": self.margin, "near": self.near}


@dataclass(frozen=True, slots=True)
class Bank:
    """A version of the bank: what it answers, and the vectors of its questions in the order of the items' texts.

    `probe` is the vector of one fixed text: an embedding model that gives another one is another model, whatever its
    name.
    """

    version: str
    items: tuple[Item, ...]
    dont_know: tuple[Item, ...]
    embedder: str
    dimensions: int
    limits: Limits
    probe: Sequence[float]
    vectors: Vectors


def normalise(text: str) -> str:
    """A question without what does not change it: letter case, punctuation, width of letters, white space.

    A text without letters or digits stays as it is.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _NOT_WORDS.sub(" ", folded).strip() or " ".join(text.split())


def to_json(bank: Bank) -> bytes:
    """A version as it is stored. Its name is not part of it, because the name is made of the content."""
    return json.dumps(
        {
            "format": FORMAT,
            "embedder": bank.embedder,
            "dimensions": bank.dimensions,
            "limits": bank.limits.to_dict(),
            "items": [item.to_dict() for item in bank.items],
            "dont_know": [item.to_dict() for item in bank.dont_know],
            "probe": [round(value, 6) for value in bank.probe],
            "vectors": bank.vectors.to_dict(),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def from_json(content: bytes, version: str) -> Bank:
    """Read a stored version. Raises ConfigurationError."""
    try:
        held = json.loads(content)
        if held["format"] != FORMAT:
            raise ValueError
        items = tuple(map(_item, held["items"]))
        bank = Bank(
            version,
            items,
            tuple(map(_item, held["dont_know"])),
            str(held["embedder"]),
            int(held["dimensions"]),
            Limits(*(float(held["limits"][name]) for name in ("threshold", "margin", "near"))),
            tuple(map(float, held["probe"])),
            Vectors.from_dict(held["vectors"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, VectorsError):
        raise ConfigurationError(
            f"The curated answers' version {version} cannot be read: publish the bank again with this release."
        ) from None
    if bank.vectors.count != sum(len(item.texts) for item in items):
        raise ConfigurationError(f"The curated answers' version {version} has not one vector for each question.")
    return bank


def _item(held: Mapping[str, Any]) -> Item:
    return Item(
        str(held["qid"]),
        tuple(map(str, held.get("questions", ()))),
        str(held["answer"]),
        str(held.get("topic", "")),
        str(held.get("language", "")),
        dict(held.get("alternates", {})) or None,
    )
