"""Feature matrices of many texts for training, with an optional cache of the slow part, the embeddings, between
runs.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from embedded_aws.bedrock.detectors.content.heads import LAYERS
from embedded_aws.bedrock.detectors.content.ngrams import BUCKETS, ngrams, weighted
from embedded_aws.bedrock.detectors.text.disguises import undisguised
from embedded_aws.bedrock.encoder.model import DIMENSIONS, prefixed, run
from embedded_aws.bedrock.encoder.tokens import tokenizer

LONGEST = 96  # pieces of a text: what comes later adds little to what a head learns
TOGETHER = 768  # pieces in one run
CHUNK = 4096  # texts between two lines of progress


def encoded(texts: Sequence[str], cache: Path | None = None) -> NDArray[np.float32]:
    """The encoder's layers of each text without its disguises, shape (n, layers, 384). `cache` (.npz) is read and
    extended.
    """
    known: dict[bytes, NDArray[np.float16]] = {}
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            known = {bytes(key): vectors for key, vectors in zip(stored["keys"], stored["vectors"], strict=True)}
    missing = [text for text in dict.fromkeys(texts) if _key(text) not in known]
    for start in range(0, len(missing), CHUNK):
        part = missing[start : start + CHUNK]
        known |= zip(map(_key, part), _encoded(part), strict=True)
        print(f"encoded {start + len(part)} of {len(missing)} texts", flush=True)
    if cache is not None and missing:
        keys = np.array([np.frombuffer(key, dtype=np.uint8) for key in known])
        np.savez(cache, keys=keys, vectors=np.stack(list(known.values())))
    return np.stack([known[_key(text)] for text in texts]).astype(np.float32)


def _encoded(texts: Sequence[str]) -> NDArray[np.float16]:
    """Texts of equally many pieces together, which saves half of the time of short texts."""
    cut = [tokenizer().encode(prefixed(undisguised(text)), LONGEST) for text in texts]
    rows = np.empty((len(texts), LAYERS, DIMENSIONS), dtype=np.float16)
    by_length: dict[int, list[int]] = {}
    for row, pieces in enumerate(cut):
        by_length.setdefault(len(pieces), []).append(row)
    for length, same in by_length.items():
        together = max(1, min(32, TOGETHER // length))
        for start in range(0, len(same), together):
            chosen = same[start : start + together]
            rows[chosen] = run(np.array([cut[row] for row in chosen], dtype=np.int64))
    return rows


def rarity(texts: Sequence[str]) -> NDArray[np.float32]:
    """Inverse document frequency of every bucket (smoothed), in half precision as it is stored, shape (buckets,)."""
    seen = np.zeros(BUCKETS)
    for text in texts:
        seen[ngrams(undisguised(text))[0]] += 1
    return np.log((1 + len(texts)) / (1 + seen)).astype(np.float16).astype(np.float32)


def sparse_matrix(texts: Sequence[str], rare: NDArray[np.float32]) -> Any:
    """Hashed n-grams of texts, weighted by rarity, as a sparse matrix (n, buckets)."""
    found = map(ngrams, map(undisguised, texts))
    pieces = [(buckets, weighted(buckets, values, rare)) for buckets, values in found]
    pointers = np.concatenate([[0], np.cumsum([len(buckets) for buckets, _ in pieces])])
    buckets = np.concatenate([buckets for buckets, _ in pieces]).astype(np.int32)
    values = np.concatenate([values for _, values in pieces]).astype(np.float32)
    return csr_matrix((values, buckets, pointers), shape=(len(texts), BUCKETS))


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
