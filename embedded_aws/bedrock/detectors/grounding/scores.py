"""Contextual grounding: is an answer supported by its source (grounding), and does it answer the query (relevance).

Each sentence of the answer, but for phrases such as "I hope this helps", is compared with the source (support.py); the
answer's grounding is the mean of its length-weighted mean and its worst sentence, as one invented sentence makes an
answer ungrounded. Scores are 0 to 1; the caller compares them with its thresholds. No natural language inference is
done: a fluent contradiction without a changed name, number, negation or listed opposite can pass
(docs/measurements/detectors.md).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.grounding.support import NEAREST, Source, content_words, features, read_source
from embedded_aws.bedrock.detectors.text.lexical import without_particle
from embedded_aws.bedrock.detectors.text.sentences import sentences
from embedded_aws.bedrock.encoder.model import encode

WEIGHTS = Path(__file__).parents[1] / "weights" / "grounding.npz"

Array = NDArray[np.float32]
# Weights of support.FEATURES, set by hand: likeness, and conflicts so strong that one outweighs it. Trained weights did
# worse on every set but their own: statements made by editing documents say nothing of how far a true paraphrase moves
# from its source, and labelled hallucination sets differ by answer length (docs/measurements/detectors.md).
SUPPORT = np.array([50.0, -6.0, -5.0, -12.0, -8.0, -7.0, -2.5], dtype=np.float32)
SUPPORT_BIAS = -43.15
_CLAIMS_NOTHING = re.compile(
    r"(?:i hope (?:this|that) helps|(?:please )?(?:let me know|feel free to ask)|thank you|you(?:'re| are) welcome|"
    r"is there anything else)\b|(?:sure|certainly|of course)[!,.]?$",
    re.IGNORECASE,
)
_TERSE = 3.0  # content words at which an answer counts as half terse


@dataclass(frozen=True, slots=True)
class GroundingScores:
    """Both from 0 (ungrounded, beside the question) to 1."""

    grounding: float
    relevance: float


@dataclass(frozen=True, slots=True)
class Logistic:
    """Weights (features,) and bias of one trained score."""

    weights: Array
    bias: float

    def __call__(self, rows: Array) -> Array:
        """Probabilities of rows of features, shape (n,)."""
        result: Array = 1.0 / (1.0 + np.exp(-np.clip(rows @ self.weights + self.bias, -30, 30)))
        return result


def scores(source: str, query: str, answer: str) -> GroundingScores:
    """Score an answer against its source and query; an empty answer is grounded in nothing and answers nothing:
    zeros.
    """
    answer_sentences = sentences(answer)
    if not answer_sentences:
        return GroundingScores(0.0, 0.0)
    claims = [part for part in answer_sentences if not _CLAIMS_NOTHING.match(part)] or answer_sentences
    parts = [without_particle(part) for part in claims]
    given = _read(source)
    supported = Logistic(SUPPORT, SUPPORT_BIAS)(features(given, parts))
    lengths = np.array([len(part) for part in parts], dtype=np.float32)
    mean = float(supported @ lengths / lengths.sum())
    return GroundingScores(
        grounding=(mean + float(supported.min())) / 2,
        relevance=float(_relevance()(relevance_features(given, query, answer))[0]),
    )


def relevance_features(source: Source, query: str, answer: str) -> Array:
    """Six features, shape (1, 6): similarity of query and answer (whole, best sentence), of the query and the source
    sentence nearest to the answer, the share of the query's words that answer or sentence say; how terse the answer is,
    and this times the third, as a name or date has little likeness alone.
    """
    parts = sentences(answer)
    query_vector = encode([query])[0]
    answer_vectors = encode([answer, *parts])
    content = content_words(answer)
    words = frozenset(content)
    known, context = words, 0.0
    if source.sentences:
        shared = [len(words & group) for group in source.content]
        ranked = sorted(range(len(shared)), key=shared.__getitem__, reverse=True)[:NEAREST]
        vectors = encode([source.sentences[index] for index in ranked])
        nearest = int(np.argmax(vectors @ answer_vectors[0]))
        known, context = words | source.content[ranked[nearest]], float(vectors[nearest] @ query_vector)
    wanted = content_words(query)
    share = sum(word in known for word in wanted) / len(wanted) if wanted else 1.0
    terse = 1.0 / (1.0 + len(content) / _TERSE)
    row = [
        _spread(answer_vectors[0] @ query_vector),
        _spread((answer_vectors[1:] @ query_vector).max()),
        _spread(context),
        share,
        terse,
        terse * _spread(context),
    ]
    return np.array([row], dtype=np.float32)


def _spread(cosine: float) -> float:
    """A cosine of the encoder, nearly always 0.7 to 1, as 0 to 1."""
    return max(0.0, (float(cosine) - 0.7) / 0.3)


@lru_cache(maxsize=16)
def _read(source: str) -> Source:
    return read_source(source)


@lru_cache(maxsize=1)
def _relevance() -> Logistic:
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return Logistic(stored["relevance"].astype(np.float32), float(stored["relevance_bias"]))
