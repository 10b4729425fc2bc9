"""How well a statement is supported by a source text: the features of the grounding detector.

A statement is supported as far as its meaning is that of a sentence of the source: by the multilingual encoder's
embeddings, so that other words and other languages count. Embeddings hardly notice that a sentence says the contrary:
the statement is also compared word by word with the sentence nearest to it: another number or name in the same place, a
negation on one side only, an opposite, the same words in another order. These conflicts count only where most of the
rest agrees: a sentence about something else contradicts nothing.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.text.lexical import (
    Token,
    abbreviated,
    denials,
    initials,
    negated,
    opposites,
    tokens,
)
from embedded_aws.bedrock.detectors.text.sentences import sentences
from embedded_aws.bedrock.encoder.model import encode

FEATURES = (
    "cosine", "names absent", "numbers absent", "substituted", "negation differs", "opposites", "order differs",
)  # fmt: skip
NEAREST = 3  # sentences of a long source that are embedded per statement, chosen by shared words
MAX_EMBEDDED = 48  # sentences of a source: more are chosen by shared words
_SHARED = 0.1  # weight of shared words beside the cosine, when the nearest sentence is chosen
_PARTLY = 0.4  # of a negation that differs though both sentences deny or restrict something
_BESIDE = 2  # content words: where a substituted name or number is looked for
_UNSAID = 0.8  # of a number that the whole source does not have, whatever else agrees
_AGREES = (0.5, 0.7)  # share of the aligned sentence's words from which a conflict counts, and counts in full

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """A source text by sentences; `content`: stems (and acronyms of the names) of each, `everything`: of all."""

    sentences: tuple[str, ...]
    words: tuple[tuple[Token, ...], ...]
    content: tuple[frozenset[str], ...]
    everything: frozenset[str]
    names: frozenset[str]


def read_source(text: str) -> Source:
    """Cut and index a source text of any length."""
    parts = [clause.strip() for part in sentences(text) for clause in part.split(";") if clause.strip()]
    names = frozenset(token.stem for part in parts for token in tokens(part) if token.kind == "name")
    words = [tokens(part, names) for part in parts]
    content = [[token.stem for token in group if token.kind != "stop"] for group in words]
    known = [frozenset(stems) | initials(group) for stems, group in zip(content, words, strict=True)]
    everything = frozenset().union(*known)
    return Source(tuple(parts), tuple(tuple(group) for group in words), tuple(known), everything, names)


def content_words(text: str) -> list[str]:
    """Stems of a text's content words."""
    return [token.stem for token in tokens(text) if token.kind != "stop"]


def features(source: Source, statements: Sequence[str]) -> Array:
    """One row of FEATURES per statement, shape (n, 7); zeros for an empty source."""
    if not source.sentences:
        return np.zeros((len(statements), len(FEATURES)), dtype=np.float32)
    read = [abbreviated(tokens(statement, source.names), source.everything) for statement in statements]
    shared = np.array([[_share(words, content) for content in source.content] for words in read], dtype=np.float32)
    chosen = _compared(shared)
    cosines = encode(statements) @ encode([source.sentences[index] for index in chosen]).T
    rows = []
    for words, shares, cosine in zip(read, shared[:, chosen], cosines, strict=True):
        best = int(chosen[int(np.argmax(cosine + _SHARED * shares))])
        rows.append([float(cosine.max()), *_conflicts(source, words, best)])
    return np.array(rows, dtype=np.float32)


def _compared(shared: Array) -> list[int]:
    """Which of the source's sentences are embedded: all, or of many those that share most words with a statement."""
    statements, count = shared.shape
    if count <= MAX_EMBEDDED:
        return list(range(count))
    near = max(1, min(NEAREST, MAX_EMBEDDED // statements))
    return sorted({int(index) for shares in shared for index in np.argsort(-shares, kind="stable")[:near]})


def _conflicts(source: Source, words: Sequence[Token], best: int) -> list[float]:
    """Features 2 to 7, each 0 to 1; 0 where little of the rest agrees, but for the name of a stranger."""
    low, high = _AGREES
    known, theirs = source.content[best], source.words[best]
    agrees = min(1.0, max(0.0, (_share(words, known) - low) / (high - low)))
    own = [token for token in words if token.kind != "stop"]
    stranger = 0.5 * _stranger(own, source.everything)
    absent = [token.kind for token in own if token.stem not in source.everything]
    unsaid = max(agrees, _UNSAID) * min(absent.count("number"), 2) / 2
    if not agrees:
        return [stranger, unsaid, 0.0, 0.0, 0.0, 0.0]
    shared = known & {token.stem for token in own}
    spoken = {token.word for token in theirs}
    opposed = any(opposites().get(token.word, frozenset()) & spoken for token in words if token.word not in spoken)
    found = [
        min(absent.count("name"), 2) / 2,
        min(_substituted(own, [token for token in theirs if token.kind != "stop"], known), 2) / 2,
        _negation_differs(words, theirs, shared),
        float(opposed),
        _disorder(own, theirs),
    ]
    return [max(stranger, agrees * found[0]), unsaid, *(agrees * value for value in found[1:])]


def _negation_differs(words: Sequence[Token], theirs: Sequence[Token], shared: frozenset[str]) -> float:
    """Whether shared words are denied on one side only: 1, or less if both sides deny or restrict something, as "not
    without a receipt" and "only with a receipt" do, or deny twice."""
    if negated(words) & shared == negated(theirs) & shared:
        return 0.0
    mine, other = denials(words), denials(theirs)
    return 1.0 if (mine - other) % 2 and not (mine and other) else _PARTLY


def _stranger(own: Sequence[Token], everything: frozenset[str]) -> bool:
    """Whether a full name (two names beside one another) is unknown to the source: a person made up, whatever the rest
    says.
    """
    return any(a.kind == b.kind == "name" and not {a.stem, b.stem} & everything for a, b in itertools.pairwise(own))


def _substituted(own: Sequence[Token], theirs: Sequence[Token], known: frozenset[str]) -> int:
    """How many names and numbers of the statement have another one, missing from the statement, in their place in the
    aligned sentence.
    """
    mine = {token.stem for token in own}
    places: dict[str, list[int]] = {}
    for index, token in enumerate(theirs):
        places.setdefault(token.stem, []).append(index)
    found = 0
    for index, token in enumerate(own):
        if token.kind not in {"name", "number"}:
            continue
        if token.stem in known:
            unit = own[index + 1].stem if token.kind == "number" and index + 1 < len(own) else ""
            found += _other_number(theirs, places.get(token.stem, []), places.get(unit, []))
            continue
        beside = [own[other].stem for other in range(max(0, index - _BESIDE), min(len(own), index + _BESIDE + 1))]
        spots = [place for stem in beside for place in places.get(stem, ())]
        found += any(
            other.kind == token.kind and other.stem not in mine
            for place in spots for other in theirs[max(0, place - _BESIDE) : place + _BESIDE + 1]
        )  # fmt: skip
    return found


def _other_number(theirs: Sequence[Token], numbers: Sequence[int], units: Sequence[int]) -> bool:
    """Whether the text never has a number next to its unit, but has another one there: "40 minutes" is not in
    "costs 40 pounds and takes 15 minutes".
    """
    if not numbers or any(abs(number - unit) <= _BESIDE for number in numbers for unit in units):
        return False
    return any(unit and theirs[unit - 1].kind == "number" for unit in units)


def _disorder(own: Sequence[Token], theirs: Sequence[Token]) -> float:
    """Share of pairs of words, each once on either side, that are in the opposite order (Kendall's tau, as 0 to 1)."""
    own_counts, their_counts = Counter(token.stem for token in own), Counter(token.stem for token in theirs)
    place = {token.stem: index for index, token in enumerate(theirs) if their_counts[token.stem] == 1}
    places = [place[token.stem] for token in own if own_counts[token.stem] == 1 and token.stem in place]
    pairs = [a > b for index, a in enumerate(places) for b in places[index + 1 :]]
    return sum(pairs) / len(pairs) if pairs else 0.0


def _share(words: Iterable[Token], known: frozenset[str]) -> float:
    """Weighted share of the content words that are known; 1 without content words: an empty statement has no
    unsupported part."""
    total = kept = 0.0
    for token in words:
        total += token.weight
        if token.stem in known:
            kept += token.weight
    return kept / total if total else 1.0
