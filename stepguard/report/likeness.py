"""Groups of texts that are alike: what people ask, each question once with its number.

Texts are compared by the three-character pieces of their words, weighted by rarity (TF-IDF, cosine), which needs no
model and works in every language that writes words. Word order and endings count little, other words much; the same
question in quite other words makes a separate group.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

LIKE = 0.45
"""The least cosine of two texts of one group."""


def groups(texts: Sequence[str], like: float = LIKE) -> list[list[int]]:
    """The positions of the texts, grouped; the largest group first, and in each the text that is most like the others.

    Each text joins the group whose first text it is most like, so the order of the texts matters a little.
    """
    vectors = _vectors(texts)
    found: list[list[int]] = []
    first: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for position, vector in enumerate(vectors):
        scores: defaultdict[int, float] = defaultdict(float)
        for piece, weight in vector.items():
            for group, other in first[piece]:
                scores[group] += weight * other
        best = max(scores, key=lambda group: (scores[group], -group), default=None)
        if best is not None and scores[best] >= like:
            found[best].append(position)
            continue
        for piece, weight in vector.items():
            first[piece].append((len(found), weight))
        found.append([position])
    return sorted((_central(group, vectors) for group in found), key=lambda group: (-len(group), min(group)))


def _vectors(texts: Sequence[str]) -> list[Mapping[str, float]]:
    counts = [Counter(_pieces(text)) for text in texts]
    documents = Counter(piece for count in counts for piece in count)
    vectors: list[Mapping[str, float]] = []
    for count in counts:
        weights = {
            piece: (1 + math.log(times)) * math.log(1 + len(texts) / documents[piece]) for piece, times in count.items()
        }
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        vectors.append({piece: weight / length for piece, weight in weights.items()})
    return vectors


def _pieces(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(character if character.isalnum() else " " for character in plain).split()
    return [f" {word} "[at : at + 3] for word in words for at in range(max(1, len(word)))]


def _central(group: list[int], vectors: Sequence[Mapping[str, float]]) -> list[int]:
    """The group with the text in front that is most like all of it."""
    if len(group) < 3:
        return group
    total: defaultdict[str, float] = defaultdict(float)
    for position in group:
        for piece, weight in vectors[position].items():
            total[piece] += weight
    score = {position: sum(weight * total[piece] for piece, weight in vectors[position].items()) for position in group}
    front = max(group, key=lambda position: (score[position], -position))
    return [front, *(position for position in group if position != front)]
