"""Denied topics, zero-shot: a text is compared with a topic's name, definition and examples by embedding.

Raw cosine similarity cannot be compared between topics (a wide definition is near everything), so each similarity is
measured against what a bank of generic harmless texts has with the same topic: (similarity - median) / standard
deviation. The same is done in a space whitened by the bank's covariance, which removes what all requests have in
common (Su et al. 2021, https://arxiv.org/abs/2103.15316). A definition that lists things ("balance, transfers, bills")
is also compared part by part. A logistic combination of these, trained on public intent sets with whole topics left
out, gives the score; 0.5 is the threshold, which the combination moves with the number of examples and with how far
the topic spreads the bank. A text that is nearer to a harmless everyday sentence (an anchor: "Talk to your doctor
about ...") than to anything of the topic loses some of its score. As with the heads, the odds of one of n sentences
are divided by n.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.embedding.encoder import DIMENSIONS, Embeddings, embed
from embedded_aws.bedrock.detectors.text.disguises import undisguised
from embedded_aws.bedrock.detectors.text.sentences import WHOLE_CHARACTERS, sentences
from embedded_aws.bedrock.detectors.wrappers.unwrap import values

WEIGHTS = Path(__file__).with_name("weights") / "topics.npz"
SHRINKAGE = 0.6  # towards a round covariance: 2,000 texts estimate 384 dimensions poorly
THRESHOLD = 0.5
CONTRAST = 18.0  # logits per unit of cosine by which an anchor is nearer than the topic
MAX_CONTRAST = 6.0  # logits: an anchor that happens to be about the topic must not hide a clear case
MAX_DISCOUNT = 32  # sentences
MAX_PARTS = 24  # of a definition
SIMILARITIES = 3  # in each space: with the mean of the prototypes, the nearest one, the nearest one or part
_PART = re.compile(r"[:;,.]|\b(?:or|and)\b")
_EXCLUDES = re.compile(r"\b(?:not|except|excluding|exclude[sd]?|unless|other than|unrelated)\b", re.IGNORECASE)

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
    """The trained part: weights of the eight features and the bias."""

    weights: Array
    bias: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A topic's prototypes in both spaces, how many of them are no parts of the definition, the bank's median and
    deviation of each similarity, and the two features that do not depend on the text.
    """

    plain: Embeddings
    white: Embeddings
    whole: int
    median: Array
    deviation: Array
    level: Array


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Everything that a tuple of topics needs for one text, T topics side by side.

    `first` (384, anchors + plain columns + 384) is the one large product: anchors, prototypes, whitening; `second`
    are the prototypes in the whitened space; `starts` are the columns at which each similarity begins.
    """

    first: Array
    second: Array
    shift: Array
    anchors: int
    starts: NDArray[np.intp]
    factors: Array
    constants: Array


def detect(text: str, topics: Sequence[Topic]) -> dict[str, TopicScore]:
    """Score a text, or each value of a wrapped one, whole and by sentence (the best counts, sentences discounted), for
    each topic; keys are the topics' names.
    """
    found = [logits for value in values(text) if len(logits := _text_logits(value.text, topics))]
    if not found:
        return {topic.name: TopicScore(0.0, False) for topic in topics}
    best = _probability(np.maximum.reduce(found)).tolist()
    return {topic.name: TopicScore(score, score >= THRESHOLD) for topic, score in zip(topics, best, strict=True)}


def _text_logits(text: str, topics: Sequence[Topic]) -> Array:
    """The logits of one text, shape (T,); empty for a text without words."""
    text = undisguised(text)
    parts = sentences(text)
    if not parts or not topics:
        return np.empty(0, dtype=np.float32)
    whole = [text.strip()] if len(parts) > 1 and len(text) <= WHOLE_CHARACTERS else []
    logits = _logits(embed([*whole, *parts]), _bundle(tuple(topics)))
    logits[len(whole) :] -= np.float32(np.log(min(len(parts), MAX_DISCOUNT)))
    best: Array = logits.max(axis=0)
    return best


def score_vectors(vectors: Embeddings, topic: Topic) -> Array:
    """Scores of embedded texts for one topic, each as if it stood alone, shape (n,)."""
    return _probability(_logits(vectors, _bundle((topic,)))[:, 0])


def _logits(vectors: Embeddings, bundle: _Bundle) -> Array:
    """Shape (n, T)."""
    product = vectors @ bundle.first
    anchor = product[:, : bundle.anchors].max(axis=1, keepdims=True)
    white = _unit(product[:, -DIMENSIONS:] - bundle.shift) @ bundle.second
    near = np.maximum.reduceat(product[:, bundle.anchors : -DIMENSIONS], bundle.starts, axis=1)
    near_white = np.maximum.reduceat(white, bundle.starts, axis=1)
    values = np.concatenate([near, near_white], axis=1) * bundle.factors
    logits = values.reshape(len(vectors), 2, -1, SIMILARITIES).sum(axis=(1, 3)) + bundle.constants
    contrast = np.clip(CONTRAST * (anchor - near[:, 2::SIMILARITIES]), 0.0, MAX_CONTRAST)
    found: Array = (logits - contrast).astype(np.float32)
    return found


def _probability(logits: Array) -> Array:
    result: Array = (1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
    return result


def topic_features(vectors: Embeddings, white: Embeddings, topic: Prepared) -> Array:
    """Eight features per text, shape (n, 8): six similarities in standard deviations above the bank's median, and the
    topic's own two.
    """
    raw = _similarities(vectors, white, topic.plain, topic.white, topic.whole)
    level = np.broadcast_to(topic.level, (len(vectors), len(topic.level)))
    result: Array = np.concatenate([(raw - topic.median) / topic.deviation, level], axis=1)
    return result


def prepare(topic: Topic, space: Space) -> Prepared:
    """Embed a topic's prototypes and measure the bank against them."""
    whole = [topic.name, topic.definition, *topic.examples]
    plain = embed([*whole, *definition_parts(topic.definition)])
    white = whiten(plain, space)
    bank = _similarities(space.bank, space.whitened, plain, white, len(whole))
    deviation = bank.std(axis=0) + np.float32(1e-6)
    level = np.array([len(topic.examples) / 5, deviation[1] * 20], dtype=np.float32)
    return Prepared(plain, white, len(whole), np.median(bank, axis=0).astype(np.float32), deviation, level)


def definition_parts(definition: str) -> list[str]:
    """What a definition lists, at most 24 phrases; none from a sentence about exclusions, as likeness knows no
    negation.
    """
    stated = [part for part in re.split(r"(?<=[.!?])\s+", definition) if not _EXCLUDES.search(part)]
    parts = [piece.strip() for part in stated for piece in _PART.split(part) if len(piece.strip()) > 2]
    return parts[:MAX_PARTS] if len(parts) > 1 else []


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


def _similarities(vectors: Embeddings, white: Embeddings, plain_topic: Embeddings, white_topic: Embeddings,
                  whole: int) -> Array:  # fmt: skip
    """Cosine with the mean prototype, the nearest one and the nearest one or part of the definition, in the plain and
    in the whitened space: shape (n, 6).
    """
    columns = []
    for points, prototypes in ((vectors, plain_topic), (white, white_topic)):
        cosine = points @ prototypes.T
        columns += [points @ _unit(prototypes[:whole].mean(axis=0)), cosine[:, :whole].max(axis=1), cosine.max(axis=1)]
    result: Array = np.stack(columns, axis=1)
    return result


def _unit(vectors: NDArray[Any]) -> Embeddings:
    unit: Embeddings = (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
    return unit


@lru_cache(maxsize=64)
def _bundle(topics: tuple[Topic, ...]) -> _Bundle:
    """Lay the topics' prototypes side by side: for each its mean, its prototypes, and these with the parts."""
    space, (_, combination, anchors) = _space(), _stored()
    prepared = [_prepared(topic) for topic in topics]
    plain: list[Embeddings] = []
    white: list[Embeddings] = []
    starts = [0]
    for topic in prepared:
        for columns, vectors in ((plain, topic.plain), (white, topic.white)):
            columns += [_unit(vectors[: topic.whole].mean(axis=0))[None], vectors[: topic.whole], vectors]
        starts += [starts[-1] + 1, starts[-1] + 1 + topic.whole, starts[-1] + 1 + topic.whole + len(topic.plain)]
    similarities = 2 * SIMILARITIES
    weights = combination.weights[:similarities]
    factors = np.array([weights / topic.deviation for topic in prepared]).reshape(-1, 2, SIMILARITIES)
    constants = [
        combination.bias + float(topic.level @ combination.weights[similarities:])
        - float(topic.median @ (weights / topic.deviation)) for topic in prepared
    ]  # fmt: skip
    return _Bundle(
        np.concatenate([anchors.T, np.concatenate(plain).T, space.whitening], axis=1), np.concatenate(white).T.copy(),
        (space.mean @ space.whitening).astype(np.float32), len(anchors), np.array(starts[:-1]),
        factors.transpose(1, 0, 2).reshape(-1).astype(np.float32), np.array(constants, dtype=np.float32),
    )  # fmt: skip


@lru_cache(maxsize=512)
def _prepared(topic: Topic) -> Prepared:
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
