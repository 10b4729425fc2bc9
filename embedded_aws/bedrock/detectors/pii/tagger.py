"""A linear-chain CRF that labels the tokens of a text as parts of names, addresses, organisations or places.

Lafferty et al. 2001, with hashed features (Weinberger et al. 2009): each token is described by its word, affixes, shape
and entries in word lists; combinations of these over a window of three tokens to either side index a table of 8-bit
weights. Organisations and places are labelled only so that they are not taken for names and addresses.
The weights (data/tagger.npz for English, data/tagger_languages.npz for five other languages) are trained by
training/pii_tagger.py.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.text import lexicon
from embedded_aws.bedrock.detectors.text.spans import Span

LABELS = ("O", "B-NAME", "I-NAME", "B-ADDRESS", "I-ADDRESS", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
BITS = 17  # the table has 2**17 rows
_NAME_LABELS = [LABELS.index("B-NAME"), LABELS.index("I-NAME")]
LONGEST = 400  # tokens decoded together; longer texts are cut at line ends where possible

_TOKEN = re.compile(r"[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*|\d+|\n+|[^\w\s]|_")
WORD, PREFIX2, PREFIX3, SUFFIX2, SUFFIX3, SHAPE, LISTS, CLASS = range(8)
# A feature is one or more (offset, kind) pairs.
_TEMPLATES: tuple[tuple[tuple[int, int], ...], ...] = (
    *(((0, kind),) for kind in range(8)),
    *(((offset, kind),) for offset in (-1, 1) for kind in (WORD, SUFFIX3, SHAPE, LISTS, CLASS)),
    *(((offset, kind),) for offset in (-2, 2) for kind in (WORD, SHAPE, LISTS, CLASS)),
    *(((offset, kind),) for offset in (-3, 3) for kind in (WORD, LISTS, CLASS)),
    ((-1, WORD), (0, WORD)),
    ((0, WORD), (1, WORD)),
    ((-2, WORD), (-1, WORD)),
    ((1, WORD), (2, WORD)),
    ((-1, WORD), (0, LISTS)),
    ((0, LISTS), (1, WORD)),
    ((-1, LISTS), (0, LISTS)),
    ((0, LISTS), (1, LISTS)),
    ((-1, LISTS), (0, LISTS), (1, LISTS)),
    ((-2, LISTS), (-1, LISTS), (0, LISTS)),
    ((0, LISTS), (1, LISTS), (2, LISTS)),
    ((-2, WORD), (-1, WORD), (0, LISTS)),
    ((0, LISTS), (1, WORD), (2, WORD)),
    ((-1, SHAPE), (0, SHAPE), (1, SHAPE)),
    ((-1, CLASS), (0, LISTS), (1, CLASS)),
    ((-2, CLASS), (-1, CLASS), (0, LISTS)),
    ((0, LISTS), (1, CLASS), (2, CLASS)),
)
FEATURES = len(_TEMPLATES)
REACH = 3  # tokens on either side that features use
Index = NDArray[np.int64]


def tokenize(text: str) -> list[tuple[str, int, int]]:
    """Words, numbers, marks and line ends with their offsets."""
    return [(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text)]


_ELISION = re.compile(r"^(?:o|d|l)['’]")


def _hash(kind: int, value: str) -> int:
    return zlib.crc32(value.encode("utf-8", "replace"), kind * 0x9E3779B1 & 0xFFFFFFFF)


def _shape(token: str) -> str:
    """Its kinds of characters: Xx, X, x, XxXx, 9999 (digits by number), or the mark itself."""
    if token.isdecimal():
        return "9" * min(len(token), 7)
    if not token[0].isalpha():
        return token[0]
    kinds = "".join("X" if char.isupper() else "x" if char.isalpha() else "'" for char in token[:12])
    return re.sub(r"(.)\1+", r"\1", kinds) + ("1" if len(token) == 1 else "")


@lru_cache(maxsize=16384)
def columns(token: str, listed: bool = True, common_words: str = "common_words") -> tuple[int, ...]:
    """The hashes that describe a token by itself, one per kind; without `listed`, as if no name list knew it.

    `common_words` is the list of common words of the text's language.
    """
    lower = token.lower()
    core = _ELISION.sub("", lower)  # the lists contain "O'Neil" and "D'Angelo" as Neil and Angelo
    word = lower if not token.isdecimal() else "9" * min(len(token), 7)
    shape = _shape(token)
    case = shape if len(shape) <= 2 else "mixed" if token[0].isalpha() else shape[:1]
    flags = "".join(
        mark
        for mark, name in (("f", "first_names"), ("l", "last_names"), ("c", "cities"))
        if listed and core in lexicon.words(name)
    )
    common = "w" if lower in lexicon.words(common_words) else ""
    return (
        _hash(WORD, word),
        _hash(PREFIX2, lower[:2]),
        _hash(PREFIX3, lower[:3]),
        _hash(SUFFIX2, lower[-2:]),
        _hash(SUFFIX3, lower[-3:]),
        _hash(SHAPE, shape),
        _hash(LISTS, f"{flags}{common}/{case}"),
        _hash(CLASS, lexicon.word_class(lower) or ("9" if token.isdecimal() else case)),
    )


EDGE = tuple(_hash(kind, "<edge>") for kind in range(8))
_PARTS = 3  # a template of fewer parts is filled up with a constant column
_OFFSETS = np.array(
    [[part[0] for part in template] + [0] * (_PARTS - len(template)) for template in _TEMPLATES], dtype=np.int64
)
_KINDS = np.array(
    [[part[1] for part in template] + [8] * (_PARTS - len(template)) for template in _TEMPLATES], dtype=np.int64
)
_SALTS = np.arange(1, FEATURES + 1, dtype=np.uint32) * np.uint32(0x9E3779B1)
_ODD = (np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35), np.uint32(0x27D4EB2F))


def feature_index(rows: list[tuple[int, ...]]) -> Index:
    """Row numbers of the weight table, shape (tokens, FEATURES), for the columns of a text's tokens."""
    padded = np.array([(*row, 0) for row in [EDGE] * REACH + rows + [EDGE] * REACH], dtype=np.uint32)
    places = np.arange(REACH, REACH + len(rows))[:, None]
    mixed = np.broadcast_to(_SALTS, (len(rows), FEATURES))
    for part, odd in enumerate(_ODD):  # 32-bit arithmetic wraps around
        mixed = (mixed ^ padded[places + _OFFSETS[:, part], _KINDS[:, part]]) * odd
        mixed = mixed ^ (mixed >> np.uint32(15))
    return np.asarray(mixed >> np.uint32(32 - BITS), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Tagger:
    """Weights of a trained model: `table` (2**BITS, labels) int8 times `scale`, and the label transitions.

    `transitions[i, j]` is the score of label j after label i; `starts` those of the first label.
    """

    table: NDArray[np.int8]
    scale: float
    transitions: NDArray[np.float32]
    starts: NDArray[np.float32]

    def emissions(self, index: Index) -> NDArray[np.float32]:
        """Scores of every label for every token, shape (tokens, labels)."""
        return np.asarray(self.table[index].sum(axis=1, dtype=np.int32) * np.float32(self.scale), dtype=np.float32)

    def decode(self, emissions: NDArray[np.float32]) -> list[int]:
        """The best label sequence (Viterbi)."""
        score = self.starts + emissions[0]
        back: list[NDArray[np.int64]] = []
        for row in emissions[1:]:
            paths = score[:, None] + self.transitions
            best = paths.argmax(axis=0)
            back.append(best)
            score = paths[best, np.arange(len(best))] + row
        labels = [int(score.argmax())]
        for best in reversed(back):
            labels.append(int(best[labels[-1]]))
        return labels[::-1]


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a trained model in data/: its weights, and the list of common words that it looks words up in."""

    weights: str
    common_words: str


ENGLISH = Source("tagger.npz", "common_words")
LANGUAGES = Source("tagger_languages.npz", "common_words_languages")
"""German, French, Spanish, Portuguese and Italian."""


@cache
def _tagger(name: str) -> Tagger:
    """A trained model that ships with the package."""
    with (
        resources.files("embedded_aws.bedrock.detectors").joinpath(f"data/{name}").open("rb") as file,
        np.load(file, allow_pickle=False) as data,
    ):
        return Tagger(data["table"], float(data["scale"]), data["transitions"], data["starts"])


def _pieces(tokens: list[tuple[str, int, int]]) -> list[list[tuple[str, int, int]]]:
    """The tokens in runs of at most LONGEST, cut after a line end or full stop where there is one."""
    pieces: list[list[tuple[str, int, int]]] = []
    start = 0
    while start < len(tokens):
        end = min(start + LONGEST, len(tokens))
        if end < len(tokens):
            cuts = [at for at in range(start + LONGEST // 2, end) if tokens[at][0][0] == "\n" or tokens[at][0] == "."]
            end = cuts[-1] + 1 if cuts else end
        pieces.append(tokens[start:end])
        start = end
    return pieces


def label_spans(tokens: list[tuple[str, int, int]], labels: list[int]) -> list[tuple[int, int, str]]:
    """(start, end, type) of every labelled stretch, in text offsets."""
    spans: list[tuple[int, int, str]] = []
    previous = "O"
    for (_, start, end), number in zip(tokens, labels, strict=True):
        label = LABELS[number]
        if label == "O":
            previous = "O"
            continue
        if label[0] == "I" and spans and previous[2:] == label[2:]:
            spans[-1] = (spans[-1][0], end, label[2:])
        else:
            spans.append((start, end, label[2:]))
        previous = label
    return spans


def find(text: str, boost: Callable[[str, str], float], source: Source = ENGLISH) -> list[Span]:
    """Names and addresses; `boost(previous, token)` is added to the score of a token's being in a name.

    The boost trades precision for recall without another training.
    """
    model = _tagger(source.weights)
    found: list[Span] = []
    for piece in _pieces(tokenize(text)):
        words = [token for token, _, _ in piece]
        emissions = model.emissions(feature_index([columns(word, True, source.common_words) for word in words]))
        emissions[:, _NAME_LABELS] += np.array(list(map(boost, ["", *words], words)), dtype=np.float32)[:, None]
        spans = label_spans(piece, model.decode(emissions))
        found += [Span(*span, 0.9) for span in spans if span[2] in ("NAME", "ADDRESS")]
    return found
