"""Denied topics, zero-shot: a text is compared with a topic's name, definition and examples by embedding.

Raw cosine similarity cannot be compared between topics (a wide definition is near everything), so each similarity is
measured against what a bank of generic harmless texts has with the same topic: (similarity - median) / standard
deviation. The same is done in a space whitened by the bank's covariance, which removes what all requests have in
common (Su et al. 2021, https://arxiv.org/abs/2103.15316). A logistic combination of these, trained on public intent
sets with whole topics left out, gives the score; 0.5 is the threshold. A text that is nearer to a harmless everyday
sentence (an anchor: "Talk to your doctor about ...") than to anything of the topic loses some of it. As with the
heads, the odds of one of n sentences are divided by n.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local.bedrock.detectors.embedding import DIMENSIONS, Embeddings, embed
from local.bedrock.detectors.sentences import WHOLE_CHARACTERS, sentences

WEIGHTS = Path(__file__).with_name("weights") / "topics.npz"
SHRINKAGE = 0.6  # towards a round covariance: 2,000 texts estimate 384 dimensions poorly
THRESHOLD = 0.5
CONTRAST = 12.0  # logits per unit of cosine by which an anchor is nearer than the topic
MAX_CONTRAST = 3.0  # logits: an anchor that happens to be about the topic must not hide a clear case
MAX_DISCOUNT = 32  # sentences

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Topic:
    """A denied topic as CreateGuardrail has it."""

    name: str
    definition: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopicScore:
    """`score` 0 to 1; detected from 0.5 on."""

    score: float
    detected: bool


@dataclass(frozen=True, slots=True)
class Space:
    """The bank of generic texts and what follows from it: mean (384,), whitening (384, 384), the bank's vectors in
    both spaces.
    """

    mean: Array
    whitening: Array
    bank: Embeddings
    whitened: Embeddings


@dataclass(frozen=True, slots=True)
class Combination:
    """The trained part: weights of the four features and the bias."""

    weights: Array
    bias: float


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A topic's prototypes in both spaces, and the bank's median and deviation of each feature."""

    plain: Embeddings
    white: Embeddings
    median: Array
    deviation: Array


def detect(text: str, topics: Sequence[Topic]) -> dict[str, TopicScore]:
    """Score a text, whole and by sentence (the best counts, sentences discounted), for each topic; keys are the topics'
    names.
    """
    parts = sentences(text)
    if not parts:
        return {topic.name: TopicScore(0.0, False) for topic in topics}
    whole = [text.strip()] if len(parts) > 1 and len(text) <= WHOLE_CHARACTERS else []
    vectors = embed([*whole, *parts])
    discount = np.full(len(vectors), np.log(min(len(parts), MAX_DISCOUNT)), dtype=np.float32)
    discount[: len(whole)] = 0.0
    found = {}
    for topic in topics:
        score = float(_probability(_logits(vectors, topic) - discount).max())
        found[topic.name] = TopicScore(score, score >= THRESHOLD)
    return found


def score_vectors(vectors: Embeddings, topic: Topic) -> Array:
    """Scores of embedded texts for one topic, each as if it stood alone, shape (n,)."""
    return _probability(_logits(vectors, topic))


def _logits(vectors: Embeddings, topic: Topic) -> Array:
    _, combination, anchors = _stored()
    prepared = _prepared(topic)
    features = topic_features(vectors, whiten(vectors, _space()), prepared)
    nearer = (vectors @ anchors.T).max(axis=1) - (vectors @ prepared.plain.T).max(axis=1)
    contrast = np.clip(CONTRAST * nearer, 0.0, MAX_CONTRAST)
    found: Array = (features @ combination.weights + combination.bias - contrast).astype(np.float32)
    return found


def _probability(logits: Array) -> Array:
    result: Array = (1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
    return result


def topic_features(vectors: Embeddings, white: Embeddings, topic: _Prepared) -> Array:
    """Four features per text, in standard deviations above the bank's median, shape (n, 4)."""
    raw = _similarities(vectors, white, topic.plain, topic.white)
    result: Array = (raw - topic.median) / topic.deviation
    return result


def prepare(topic: Topic, space: Space) -> _Prepared:
    """Embed a topic's prototypes and measure the bank against them."""
    plain = embed([topic.name, topic.definition, *topic.examples])
    white = whiten(plain, space)
    bank = _similarities(space.bank, space.whitened, plain, white)
    return _Prepared(plain, white, np.median(bank, axis=0).astype(np.float32), bank.std(axis=0) + np.float32(1e-6))


def make_space(bank: Embeddings) -> Space:
    """Mean and whitening of a bank of embeddings, shape (n, 384)."""
    mean = bank.mean(axis=0)
    covariance = np.cov((bank - mean).T)
    round_part = np.trace(covariance) / DIMENSIONS * np.eye(DIMENSIONS)
    precision = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * round_part)
    space = Space(mean, np.linalg.cholesky(precision).astype(np.float32), bank, bank)
    return Space(mean, space.whitening, bank, whiten(bank, space))


def whiten(vectors: Embeddings, space: Space) -> Embeddings:
    """Unit vectors in the whitened space."""
    return _unit((vectors - space.mean) @ space.whitening)


def _similarities(vectors: Embeddings, white: Embeddings, plain_topic: Embeddings, white_topic: Embeddings) -> Array:
    """Cosine with the mean prototype and with the nearest one, in the plain and in the whitened space: shape (n, 4)."""
    columns = []
    for points, prototypes in ((vectors, plain_topic), (white, white_topic)):
        columns += [points @ _unit(prototypes.mean(axis=0)), (points @ prototypes.T).max(axis=1)]
    result: Array = np.stack(columns, axis=1)
    return result


def _unit(vectors: NDArray[Any]) -> Embeddings:
    unit: Embeddings = (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
    return unit


@lru_cache(maxsize=512)
def _prepared(topic: Topic) -> _Prepared:
    return prepare(topic, _space())


@lru_cache(maxsize=1)
def _space() -> Space:
    return make_space(_stored()[0])


@lru_cache(maxsize=1)
def _stored() -> tuple[Embeddings, Combination, Embeddings]:
    """The bank, the trained combination and the anchors (vectors are stored as 8-bit integers; unit length is
    restored).
    """
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        combination = Combination(stored["weights"].astype(np.float32), float(stored["bias"]))
        return _unit(stored["bank"].astype(np.float32)), combination, _unit(stored["anchors"].astype(np.float32))
