"""How like texts are to a denied topic, by the multilingual encoder's embeddings: what topics.py weighs.

The encoder's cosines are all near 0.8, so vectors are centred on the mean of a bank of generic texts first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.encoder.model import DIMENSIONS, Embeddings, encode_layers

SHRINKAGE = 0.6  # towards a round covariance: 2,000 texts estimate 384 dimensions poorly
SCALE = 3.0  # of the layers side by side, relative to one L2 penalty
MAX_PARTS = 24  # of a definition
_ACT = 4.0  # logits of the speech act, at most
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
class Logistic:
    """Weights (features,) and bias of a trained opinion."""

    weights: Array
    bias: float

    def __call__(self, rows: Array) -> Array:
        """Logits of rows of features, shape (n,)."""
        found: Array = rows @ self.weights + np.float32(self.bias)
        return found


@dataclass(frozen=True, slots=True)
class Space:
    """Where texts are compared: the centre of both layers (2, 384), the whitening of the last one (384, 384), the
    bank's vectors with and without it, and those of service and information near denied subjects.
    """

    centre: Array
    whitening: Array
    bank: Embeddings
    whitened: Embeddings
    neighbours: Embeddings


@dataclass(frozen=True, slots=True)
class Read:
    """Texts in a space: the last layer centred (n, 384), the same whitened, and both layers side by side (n, 768)."""

    plain: Embeddings
    white: Embeddings
    both: Array


@dataclass(frozen=True, slots=True)
class Prepared:
    """A topic's prototypes in both spaces, how many of them are no parts of the definition, the vectors of its
    examples, the bank's median and deviation of each similarity, and the two features that do not depend on the text.
    """

    plain: Embeddings
    white: Embeddings
    whole: int
    examples: Embeddings
    median: Array
    deviation: Array
    level: Array


def make_space(centre: Array, bank: Embeddings, neighbours: Embeddings) -> Space:
    """The space of a bank and neighbours, both centred, shape (n, 384)."""
    covariance = np.cov(bank.T)
    round_part = np.trace(covariance) / DIMENSIONS * np.eye(DIMENSIONS)
    precision = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * round_part)
    whitening = np.linalg.cholesky(precision).astype(np.float32)
    return Space(centre, whitening, bank, unit(bank @ whitening), neighbours)


def read(vectors: Embeddings, space: Space) -> Read:
    """Texts by their layers' vectors, shape (n, 2, 384)."""
    centred = unit(vectors - space.centre)
    plain = centred[:, -1]
    return Read(plain, unit(plain @ space.whitening), centred.reshape(len(vectors), -1) * np.float32(SCALE))


def prepare(topic: Topic, space: Space) -> Prepared:
    """Embed a topic's prototypes and measure the bank against them."""
    whole = [topic.name, topic.definition, *topic.examples]
    given = read(encode_layers([*whole, *definition_parts(topic.definition)]), space)
    bank = _similarities(space.bank, space.whitened, given.plain, given.white, len(whole))
    deviation = bank.std(axis=0) + np.float32(1e-6)
    level = np.array([len(topic.examples) / 5, deviation[1] * 20], dtype=np.float32)
    return Prepared(
        given.plain,
        given.white,
        len(whole),
        given.plain[2 : len(whole)],
        np.median(bank, axis=0).astype(np.float32),
        deviation,
        level,
    )


def definition_parts(definition: str) -> list[str]:
    """What a definition lists, at most 24 phrases; none from a sentence about exclusions, as likeness knows no
    negation.
    """
    stated = [part for part in re.split(r"(?<=[.!?])\s+", definition) if not _EXCLUDES.search(part)]
    parts = [piece.strip() for part in stated for piece in _PART.split(part) if len(piece.strip()) > 2]
    return parts[:MAX_PARTS] if len(parts) > 1 else []


def topic_features(given: Read, topic: Prepared) -> tuple[Array, Array]:
    """Eight features per text (n, 8): six similarities in standard deviations above the bank's median, and the topic's
    own two; and the similarities themselves (n, 6).
    """
    raw = _similarities(given.plain, given.white, topic.plain, topic.white, topic.whole)
    level = np.broadcast_to(topic.level, (len(raw), len(topic.level)))
    found: Array = np.concatenate([(raw - topic.median) / topic.deviation, level], axis=1)
    return found, raw


def subject_features(given: Read, raw: Array, act: Array, space: Space) -> Array:
    """Three more (n, 3): how much nearer a text is to service or information than to the topic with the parts of its
    definition, and without them, and the speech act."""
    near = (given.plain @ space.neighbours.T).max(axis=1)
    found: Array = np.stack([near - raw[:, 2], near - raw[:, 1], np.clip(act, -_ACT, _ACT)], axis=1)
    return found


def _similarities(vectors: Embeddings, white: Embeddings, plain_topic: Embeddings, white_topic: Embeddings,
                  whole: int) -> Array:  # fmt: skip
    """Cosine with the mean prototype, the nearest one and the nearest one or part of the definition, in the plain and
    in the whitened space: shape (n, 6).
    """
    columns = []
    for points, prototypes in ((vectors, plain_topic), (white, white_topic)):
        cosine = points @ prototypes.T
        columns += [points @ unit(prototypes[:whole].mean(axis=0)), cosine[:, :whole].max(axis=1), cosine.max(axis=1)]
    result: Array = np.stack(columns, axis=1)
    return result


def unit(vectors: NDArray[Any]) -> Embeddings:
    """The vectors with length one."""
    found: Embeddings = (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
    return found


def quantised(vectors: Embeddings) -> NDArray[np.int8]:
    """Vectors as 8-bit integers, to be stored."""
    found: NDArray[np.int8] = np.round(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)
    return found


def restored(vectors: NDArray[np.int8]) -> Embeddings:
    """Stored vectors with length one."""
    return unit(vectors.astype(np.float32))
