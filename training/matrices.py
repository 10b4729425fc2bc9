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

from embedded_aws.bedrock.detectors.content.heads import whole
from embedded_aws.bedrock.detectors.content.ngrams import BUCKETS, ngrams, weighted
from embedded_aws.bedrock.detectors.text.disguises import undisguised


def whole_embeddings(texts: Sequence[str], cache: Path | None = None) -> NDArray[np.float32]:
    """Embeddings of whole texts, shape (n, 384); texts without words get zeros. `cache` (.npz) is read and extended."""
    known: dict[str, NDArray[np.float32]] = {}
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            known = dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))
    missing = [text for text in dict.fromkeys(texts) if _key(text) not in known]
    for number, text in enumerate(missing, start=1):
        known[_key(text)] = whole(text)
        if number % 5000 == 0:
            print(f"embedded {number} of {len(missing)} texts", flush=True)
    if cache is not None and missing:
        np.savez(cache, texts=np.array(list(known)), vectors=np.stack(list(known.values())))
    return np.stack([known[_key(text)] for text in texts])


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


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
