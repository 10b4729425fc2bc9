"""How well a statement is supported by a source text: the features of the grounding detector.

Lexical agreement (words, word pairs, numbers, names, negation) and the similarity of embeddings, each against the
source's best matching window, as facts taken from two places of a source need not be true together.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from local.bedrock.detectors.embedding import Embeddings, embed
from local.bedrock.detectors.sentences import sentences

FEATURES = (
    "cosine", "words", "words in best window", "pairs", "pairs in best window",
    "numbers missing", "names missing", "negation differs",
)  # fmt: skip
MAX_EMBEDDED = 48  # of a long source, only the windows that share most words with the statements are embedded
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CITATION = re.compile(r"\[\d+(?:\s*[,–-]\s*\d+)*\]")  # "[2]": points at the source, says no number
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATIONS = frozenset(
    {"no", "not", "never", "none", "nobody", "nothing", "neither", "nor", "cannot", "without", "n't"}
)
_STOPWORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does", "for",
    "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "may",
    "me", "more", "most", "my", "no", "not", "of", "on", "one", "or", "our", "s", "she", "should", "so", "some",
    "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to",
    "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would",
    "you", "your", "also", "about", "all", "any", "because", "before", "after", "between", "both", "each",
    "other", "over", "under", "up", "down", "out", "only", "own", "same", "very", "just", "now", "t",
})  # fmt: skip


Array = NDArray[np.float32]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Source:
    """A source text cut into overlapping pairs of sentences."""

    windows: tuple[str, ...]
    words: tuple[frozenset[str], ...]
    pairs: tuple[frozenset[tuple[str, str]], ...]
    all_words: frozenset[str]
    all_pairs: frozenset[tuple[str, str]]
    numbers: frozenset[str]
    negated: tuple[bool, ...]


def read_source(text: str) -> Source:
    """Cut and index a source text of any length."""
    parts = sentences(text)
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(parts)] or parts
    words = [content_words(window) for window in pairs]
    found = [frozenset(word_pairs(window)) for window in pairs]
    return Source(
        tuple(pairs), tuple(frozenset(group) for group in words), tuple(found),
        frozenset(content_words(text)), frozenset(word_pairs(text)), frozenset(_NUMBER.findall(text)),
        tuple(_negated(window) for window in pairs),
    )  # fmt: skip


def features(source: Source, statements: Sequence[str]) -> Array:
    """One row of FEATURES per statement, shape (n, 8)."""
    if not source.windows:
        return np.zeros((len(statements), len(FEATURES)), dtype=np.float32)
    chosen = _closest(source, statements)
    windows = embed([source.windows[index] for index in chosen])
    vectors = embed(statements)
    return np.stack(
        [_row(source, chosen, windows, text, vector) for text, vector in zip(statements, vectors, strict=True)]
    )


def content_words(text: str) -> list[str]:
    """Lower-cased words without stop words, lightly stemmed."""
    return [_stem(word) for word in _TOKEN.findall(text.casefold()) if word not in _STOPWORDS]


def word_pairs(text: str) -> list[tuple[str, str]]:
    """Neighbouring content words."""
    words = content_words(text)
    return list(itertools.pairwise(words))


def _row(source: Source, chosen: Sequence[int], windows: Embeddings, text: str, vector: Embeddings) -> Array:
    bare = _CITATION.sub(" ", text)
    words, pairs = content_words(bare), word_pairs(bare)
    similar = windows @ vector
    local_words = [_share(words, source.words[index]) for index in chosen]
    local_pairs = [_share(pairs, source.pairs[index]) for index in chosen]
    best = int(np.argmax(similar + np.asarray(local_words)))
    numbers = _NUMBER.findall(bare)
    names = _names(bare)
    return np.array(
        [
            similar.max(), _share(words, source.all_words), max(local_words),
            _share(pairs, source.all_pairs), max(local_pairs),
            1.0 - _share(numbers, source.numbers), 1.0 - _share(names, source.all_words),
            float(_negated(text) != source.negated[chosen[best]]),
        ],
        dtype=np.float32,
    )  # fmt: skip


def _closest(source: Source, statements: Sequence[str]) -> list[int]:
    """Indices of the windows to embed: all of a short source, else those that share most words with the statements."""
    if len(source.windows) <= MAX_EMBEDDED:
        return list(range(len(source.windows)))
    wanted = [frozenset(content_words(text)) for text in statements]
    best = sorted(
        range(len(source.windows)),
        key=lambda index: max(len(source.words[index] & words) for words in wanted),
        reverse=True,
    )
    return sorted(best[:MAX_EMBEDDED])


def _share(items: Sequence[_T], known: frozenset[_T]) -> float:
    """Share of the items that are known; 1 for no items: what is not said is not unsupported."""
    return sum(item in known for item in items) / len(items) if items else 1.0


def _names(text: str) -> list[str]:
    """Stemmed capitalised words that do not begin the statement."""
    words = text.split()
    return [
        _stem(token.casefold()) for word in words[1:] for token in _TOKEN.findall(word)
        if token[:1].isupper() and token.casefold() not in _STOPWORDS
    ]  # fmt: skip


def _negated(text: str) -> bool:
    lowered = text.casefold()
    return "n't" in lowered or "n’t" in lowered or any(word in _NEGATIONS for word in _TOKEN.findall(lowered))


def _stem(word: str) -> str:
    for ending in ("ings", "ing", "ied", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
