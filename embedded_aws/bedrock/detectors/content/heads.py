"""Heads over a text's embedding and hashed n-grams: the trained part of the graded policies.

A head's logit is the mean of two models' logits: logistic regression on embedding and n-grams, which knows words, and
a small network on the embedding whose hidden layer all heads share, which knows that "kill a process" is not "kill a
man". Both read the text without its disguises (disguises.py).

A text is scored as a whole and per window (sentences.py), and the worst score wins, so that one bad sentence in a long
harmless text is found. A sentence out of its context is a weaker signal than a separate text, so a window must stand
out: from its logit are taken a share of the other windows' mean, ln n for the n chances of a false alarm (the
Bonferroni correction) and an amount per head that is set on language models' harmless answers. Weights come from
`python -m training` and are plain arrays in an .npz file, never pickles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.content.grades import Grade
from embedded_aws.bedrock.detectors.content.ngrams import Indices, Values, ngrams, weighted
from embedded_aws.bedrock.detectors.embedding.encoder import DIMENSIONS, Embeddings, embed
from embedded_aws.bedrock.detectors.text.disguises import undisguised
from embedded_aws.bedrock.detectors.text.sentences import WHOLE_CHARACTERS, sentences
from embedded_aws.bedrock.detectors.wrappers import unwrap

WEIGHTS = Path(__file__).parents[1] / "weights" / "heads.npz"
MAX_DISCOUNT = 32  # windows: padding a text with harmless ones cannot lower a score without end
MIN_DISCOUNT = 1.0  # of a window's logit, however harmless the others
CONTRAST = 0.3  # share of the other windows' mean logit: news about a crime is alarming all through, a threat is not
EMBEDDING_SCALE = 4.0  # relative weight of the dense part under one L2 penalty

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """One text's input to the heads: unit embeddings of (whole text, window, ...) and the n-grams of the same."""

    dense: Embeddings  # (n, 384)
    sparse: Sequence[tuple[Indices, Values]]  # n


@dataclass(frozen=True, slots=True)
class Heads:
    """Weights of all k heads over one hidden layer of m units."""

    names: tuple[str, ...]
    dense: Array  # (384, k)
    sparse: Array  # (buckets, k), for n-grams weighted by rarity
    rarity: Array  # (buckets,)
    bias: Array  # (k,)
    hidden: Array  # (384, m)
    hidden_bias: Array  # (m,)
    output: Array  # (m, k)
    output_bias: Array  # (k,)
    thresholds: Array  # (k, 3): LOW, MEDIUM, HIGH
    window: Array  # (k,): what is taken from the logit of a window, besides CONTRAST and ln n

    def logits(self, features: Features) -> Array:
        """Logits, shape (n, k): one row for the whole text, then one for each window."""
        scaled = features.dense * np.float32(EMBEDDING_SCALE)
        linear = scaled @ self.dense + self.bias
        for row, (buckets, values) in enumerate(features.sparse):
            linear[row] += weighted(buckets, values, self.rarity) @ self.sparse[buckets]
        network = np.maximum(scaled @ self.hidden + self.hidden_bias, 0.0) @ self.output + self.output_bias
        return ((linear + network) / 2).astype(np.float32)

    def text_scores(self, features: Features) -> Array:
        """A text's probabilities, shape (k,): the whole text's or those of its worst window, discounted."""
        found = self.logits(features)
        best, count = found[0], len(found) - 1
        if count > 1:
            worst = found[1:].max(axis=0)
            others = (found[1:].sum(axis=0) - worst) / (count - 1)
            discount = CONTRAST * others + np.float32(np.log(min(count, MAX_DISCOUNT))) + self.window
            best = np.maximum(best, worst - np.maximum(discount, MIN_DISCOUNT))
        result: Array = (1.0 / (1.0 + np.exp(-np.clip(best, -30, 30)))).astype(np.float32)
        return result

    def grade(self, name: str, score: float) -> Grade:
        """The confidence level of a head's score by its calibrated thresholds."""
        low, medium, high = (float(value) for value in self.thresholds[self.names.index(name)])
        if score >= high:
            return Grade(score, "HIGH")
        if score >= medium:
            return Grade(score, "MEDIUM")
        return Grade(score, "LOW" if score >= low else "NONE")


def features(text: str) -> Features:
    """Embeddings and n-grams of a text and of its windows.

    A text longer than one embedding can see (1,000 characters) gets the length-weighted mean of its windows' vectors
    as its own.
    """
    text = undisguised(text)
    parts = sentences(text)
    if not parts:
        return Features(np.empty((0, 384), dtype=np.float32), ())
    if len(parts) == 1:
        return Features(embed(parts), (ngrams(parts[0]),))
    if len(text) <= WHOLE_CHARACTERS:
        return Features(embed([text.strip(), *parts]), tuple(ngrams(part) for part in (text, *parts)))
    vectors = embed(parts)
    return Features(np.vstack([_mean(parts, vectors)[None], vectors]), tuple(ngrams(part) for part in (text, *parts)))


def whole(text: str) -> Embeddings:
    """The first row of a text's dense features, shape (384,), without the windows'; zeros for a text without words."""
    text = undisguised(text)
    parts = sentences(text)
    if not parts:
        return np.zeros(DIMENSIONS, dtype=np.float32)
    if len(parts) == 1 or len(text) <= WHOLE_CHARACTERS:
        vector: Embeddings = embed(parts if len(parts) == 1 else [text.strip()])[0]
        return vector
    return _mean(parts, embed(parts))


def _mean(parts: Sequence[str], vectors: Embeddings) -> Embeddings:
    mean = np.asarray([len(part) for part in parts], dtype=np.float32) @ vectors
    unit: Embeddings = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return unit


@lru_cache(maxsize=256)
def worst_scores(text: str) -> dict[str, float]:
    """Every head's score of a text or of the worst value of a wrapped one, from the whole or its worst window; zeros
    for a text without words.
    """
    heads = load()
    found = [heads.text_scores(given) for value in unwrap.values(text) if len((given := features(value.text)).dense)]
    if not found:
        return dict.fromkeys(heads.names, 0.0)
    return {name: float(score) for name, score in zip(heads.names, np.maximum.reduce(found), strict=True)}


@lru_cache(maxsize=1)
def load(path: Path = WEIGHTS) -> Heads:
    """Read the weights once."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files if name != "names"}
        return Heads(names=tuple(str(name) for name in stored["names"]), **arrays)
