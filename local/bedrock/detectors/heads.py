"""Heads over a text's embedding and hashed n-grams: the trained part of the graded policies.

A head's logit is the mean of two models' logits: logistic regression on embedding and n-grams, which knows words, and
a small network with one hidden layer on the embedding, which knows that "kill a process" is not "kill a man".

A text is scored as a whole and per window (sentences.py), and the worst score wins, so that one bad sentence in a
long harmless text is found. n windows are n chances of a false alarm: a window's odds are divided by n (the Bonferroni
correction) and by a factor per head that is calibrated on harmless documents, because a sentence out of its context
says less than a text that stands alone. Weights come from `python -m local.train` and are plain arrays in an .npz
file, never pickles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from local.bedrock.detectors.embedding import Embeddings, embed
from local.bedrock.detectors.grades import Grade
from local.bedrock.detectors.ngrams import Indices, Values, ngrams, weighted
from local.bedrock.detectors.sentences import WHOLE_CHARACTERS, sentences

WEIGHTS = Path(__file__).with_name("weights") / "heads.npz"
MAX_DISCOUNT = 32  # windows: padding a text with harmless ones cannot lower a score without end
EMBEDDING_SCALE = 4.0  # relative weight of the dense part under one L2 penalty

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """One text's input to the heads: unit embeddings of (whole text, window, ...) and the n-grams of the same."""

    dense: Embeddings  # (n, 384)
    sparse: Sequence[tuple[Indices, Values]]  # n


@dataclass(frozen=True, slots=True)
class Heads:
    """Weights of all k heads; m hidden units each."""

    names: tuple[str, ...]
    dense: Array  # (384, k)
    sparse: Array  # (buckets, k), for n-grams weighted by rarity
    rarity: Array  # (buckets,)
    bias: Array  # (k,)
    hidden: Array  # (384, k * m)
    hidden_bias: Array  # (k * m,)
    output: Array  # (k, m)
    output_bias: Array  # (k,)
    thresholds: Array  # (k, 3): LOW, MEDIUM, HIGH
    window: Array  # (k,): what is taken from the logit of a window, besides ln n

    def logits(self, features: Features) -> Array:
        """Logits, shape (n, k): one row for the whole text, then one for each window."""
        scaled = features.dense * np.float32(EMBEDDING_SCALE)
        linear = scaled @ self.dense + self.bias
        for row, (buckets, values) in enumerate(features.sparse):
            linear[row] += weighted(buckets, values, self.rarity) @ self.sparse[buckets]
        units = np.maximum(scaled @ self.hidden + self.hidden_bias, 0.0).reshape(len(scaled), *self.output.shape)
        network = (units * self.output).sum(axis=2) + self.output_bias
        result: Array = (linear + network) / 2
        return result

    def text_scores(self, features: Features) -> Array:
        """A text's probabilities, shape (k,): the whole text's or those of its worst window, discounted."""
        found = self.logits(features)
        best, count = found[0], len(found) - 1
        if count:
            best = np.maximum(best, found[1:].max(axis=0) - np.log(min(count, MAX_DISCOUNT)) - self.window)
        result: Array = 1.0 / (1.0 + np.exp(-np.clip(best, -30, 30)))
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
    parts = sentences(text)
    if not parts:
        return Features(np.empty((0, 384), dtype=np.float32), ())
    if len(parts) == 1:
        return Features(embed(parts), (ngrams(parts[0]),))
    if len(text) <= WHOLE_CHARACTERS:
        return Features(embed([text.strip(), *parts]), tuple(ngrams(part) for part in (text, *parts)))
    vectors = embed(parts)
    mean = np.asarray([len(part) for part in parts], dtype=np.float32) @ vectors
    whole = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return Features(np.vstack([whole[None], vectors]), tuple(ngrams(part) for part in (text, *parts)))


@lru_cache(maxsize=256)
def worst_scores(text: str) -> dict[str, float]:
    """Every head's score of a text, from the whole or its worst window; zeros for a text without words."""
    heads = load()
    given = features(text)
    if not len(given.dense):
        return dict.fromkeys(heads.names, 0.0)
    return {name: float(score) for name, score in zip(heads.names, heads.text_scores(given), strict=True)}


@lru_cache(maxsize=1)
def load(path: Path = WEIGHTS) -> Heads:
    """Read the weights once."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files if name != "names"}
        return Heads(names=tuple(str(name) for name in stored["names"]), **arrays)
