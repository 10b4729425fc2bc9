"""How like texts are to a denied topic, by the multilingual encoder's embeddings: what topics.py weighs.

The encoder's cosines are all near 0.8, so vectors are centred on the mean of a bank of generic texts first. Then the
directions in which the means of languages differ are taken out (Yang et al. 2021, https://arxiv.org/abs/2109.04727):
the same sentence is thus about as near to an English definition in every language.
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
_NAMED = re.compile(r"(?:\b(?:such as|including|like|for example|for instance|e\.g\.),?|:)\s+", re.IGNORECASE)
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
    """Where texts are compared: the centre of both layers (2, 384), the directions of languages in each (2, k, 384),
    the whitening of the last one (384, 384), the bank's vectors with and without it, and those of service and
    information near denied subjects.
    """

    centre: Array
    languages: Array
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


def make_space(centre: Array, languages: Array, bank: Embeddings, neighbours: Embeddings) -> Space:
    """The space of a bank and neighbours, both placed, shape (n, 384)."""
    covariance = np.cov(bank.T)
    round_part = np.trace(covariance) / DIMENSIONS * np.eye(DIMENSIONS)
    precision = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * round_part)
    whitening = np.linalg.cholesky(precision).astype(np.float32)
    return Space(centre, languages, whitening, bank, unit(bank @ whitening), neighbours)


def placed(vectors: Embeddings, centre: Array, languages: Array) -> Embeddings:
    """Layers' vectors, shape (n, 2, 384), centred, without the directions of languages, with length one."""
    centred = vectors - centre
    shares = np.einsum("nld,lkd->nlk", centred, languages)
    return unit(centred - np.einsum("nlk,lkd->nld", shares, languages))


def read(vectors: Embeddings, space: Space) -> Read:
    """Texts by their layers' vectors, shape (n, 2, 384)."""
    both = placed(vectors, space.centre, space.languages)
    plain = both[:, -1]
    return Read(plain, unit(plain @ space.whitening), both.reshape(len(vectors), -1) * np.float32(SCALE))


def prepare(topic: Topic, space: Space) -> Prepared:
    """Embed a topic's prototypes and measure the bank against them."""
    whole = [topic.name, stated(topic.definition), *topic.examples]
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


def stated(definition: str) -> str:
    """A definition without its exclusions, as likeness knows no negation: of a sentence such as "anything unrelated to
    our bank, such as recipes and sports" only what it names counts. A definition of exclusions alone is kept.
    """
    kept = []
    for sentence in re.split(r"(?<=[.!?])\s+", definition):
        excluded = _EXCLUDES.search(sentence)
        if excluded is None:
            kept.append(sentence)
        elif excluded.group().lower() == "unrelated" and len(named := _NAMED.split(sentence, maxsplit=1)) > 1:
            kept.append(named[1])
    return " ".join(kept) or definition


def definition_parts(definition: str) -> list[str]:
    """What a definition lists and does not exclude, at most 24 phrases."""
    kept = stated(definition)
    if _EXCLUDES.search(kept):
        return []
    parts = [piece.strip() for piece in _PART.split(kept) if len(piece.strip()) > 2]
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
