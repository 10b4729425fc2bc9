"""Takes texts out of what wraps them, before any detector judges them.

`{"role": "user", "content": "How do I pay?"}` is a question and not an attack. The order of all detectors is: unwrap,
undo disguises (text/disguises.py), cut into sentences, score. Wrappers are JSON, XML, HTML, code fences, transcripts,
quoted e-mails and fields of logs, also inside one another. Nothing is lost: every word of the wrapped text is in a
value or a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from embedded_aws.bedrock.detectors.text.normalize import Folded
from embedded_aws.bedrock.detectors.text.spans import Span
from embedded_aws.bedrock.detectors.wrappers import lines, markup, structured
from embedded_aws.bedrock.detectors.wrappers.pieces import NOTHING, Piece

_SPLITTERS: tuple[tuple[re.Pattern[str], Callable[[str], list[Piece] | None]], ...] = (
    (re.compile(r"[{\[]"), structured.split),
    (re.compile("```|~~~|\"\"\"|'''"), lines.fences),
    (re.compile(r"<[A-Za-z!?/]"), markup.split),
    (re.compile(r"^[ \t]{0,3}>", re.MULTILINE), lines.quotes),
    (re.compile('="'), lines.pairs),
    (re.compile("[:：]"), lines.transcript),
)
_DEEPEST = 6  # wrappers inside one another
_FEW = 4  # a value of fewer words is scored together with its neighbours, if there are many, and a single word always
_MANY = 8
_ROOM = 300  # characters of such values in one text
_TECHNICAL = frozenset({"class", "style", "d", "points", "viewbox"})  # attributes without sentences
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|_")


@dataclass(frozen=True, slots=True)
class Rendered:
    """The wrapped text as lines "key: value". `folded` holds the places of every character.

    `values` are the stretches of `folded.text` that are values, `keys` those that are keys: a finding must not reach
    over the borders, or a mask would destroy the wrapper.
    """

    folded: Folded
    values: tuple[tuple[int, int], ...]
    keys: tuple[tuple[int, int], ...]

    def original(self, wrapped: str, span: Span) -> Iterator[Span]:
        """A finding of the rendered text as findings of the wrapped one: in each value that it touches, or in a key."""
        inside = [
            (max(start, span.start), min(end, span.end))
            for start, end in self.values
            if start < span.end and span.start < end
        ]
        if not inside:
            inside = [(span.start, span.end) for start, end in self.keys if start <= span.start and span.end <= end]
        for start, end in inside:
            for first, last in _unbroken(wrapped, self.folded, start, end):
                yield Span(first, last, span.label, span.score)


def _unbroken(wrapped: str, folded: Folded, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The places of a stretch in the wrapped text, cut where a tag was left out."""
    first = start
    for at in range(start + 1, end):
        if folded.ends[at - 1] < folded.starts[at] and "<" in wrapped[folded.ends[at - 1] : folded.starts[at]]:
            yield folded.starts[first], folded.ends[at - 1]
            first = at
    yield folded.starts[first], folded.ends[end - 1]


@lru_cache(maxsize=16)
def values(text: str) -> tuple[Folded, ...]:
    """The texts to judge, with their places: the text itself if nothing wraps it.

    Short values ("user", "2024-05-01", names of classes) and keys come together, in order, as one text or a few.
    """
    pieces = _pieces(text)
    if pieces is None:
        return (Folded(text),)
    keys = [piece.key for piece in pieces if len(_WORD.findall(piece.key.text)) >= _FEW]
    counted = [(piece, _words(piece)) for piece in pieces if piece.text.text]
    few = _FEW if sum(1 < words < _FEW for _, words in counted) > _MANY else 2
    long = [piece.text for piece, words in counted if words >= few]
    short = [piece.text for piece, words in counted if words < few]
    return (*keys, *long, *_together(short)) or (Folded(text),)


def _words(piece: Piece) -> int:
    """How many words a value has; scripts without blanks count as many, values that are no sentences as one."""
    if piece.key.text.lower() in _TECHNICAL:
        return 1
    words = len(piece.text.text.split())
    return words if piece.text.text.isascii() else max(words, len(piece.text.text) // 3)


@lru_cache(maxsize=16)
def rendered(text: str) -> Rendered | None:
    """The text as lines "key: value"; None if nothing wraps it."""
    pieces = _pieces(text)
    if pieces is None:
        return None
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    found: list[tuple[int, int]] = []
    keys: list[tuple[int, int]] = []
    for piece in pieces:
        key = _spaced(piece.key)
        if key.text:
            keys.append((len(starts), len(starts) + len(key.text)))
        found.append((len(starts) + len(key.text) + (2 if key.text else 0),) * 2)
        for part, mark in ((key, ": " if key.text else ""), (piece.text, "\n")):
            parts += (part.text, mark)
            starts += part.starts
            ends += part.ends
            place = ends[-1] if ends else 0
            starts += [place] * len(mark)
            ends += [place] * len(mark)
        found[-1] = (found[-1][0], len(starts) - 1)
    return Rendered(Folded("".join(parts), tuple(starts), tuple(ends)), tuple(found), tuple(keys))


def _pieces(text: str) -> list[Piece] | None:
    """The pieces of all wrappers, those without words left out; None if nothing wraps the text."""
    pieces = _unwrapped(Piece(Folded(text)), _DEEPEST)
    if len(pieces) == 1 and not pieces[0].text.starts:
        return None
    return [piece for piece in pieces if piece.text.text or piece.key.text]


def _unwrapped(piece: Piece, depth: int) -> list[Piece]:
    text = piece.text.text
    for hint, split in _SPLITTERS if depth else ():
        if hint.search(text) and (parts := split(text)) is not None:
            inside = [_placed(part, piece) for part in parts if part.text.text or part.key.text]
            named = [Piece(NOTHING, piece.key)] if piece.key.text else []
            return [*named, *(inner for part in inside for inner in _unwrapped(part, depth - 1))]
    return [piece]


def _placed(part: Piece, outer: Piece) -> Piece:
    """A part of a piece's text as a piece of the whole."""
    return Piece(
        outer.text.then(part.text) if part.text.text else NOTHING,
        outer.text.then(part.key) if part.key.text else NOTHING,
    )


def _spaced(key: Folded) -> Folded:
    """A key as words: "firstName" and "first_name" are "first Name" and "first name"."""
    if not _HUMP.search(key.text):
        return key
    parts = []
    at = 0
    for match in _HUMP.finditer(key.text):
        parts.append((at, match.start()))
        at = match.end()
    parts.append((at, len(key.text)))
    text, starts, ends = "", list[int](), list[int]()
    for start, end in parts:
        if text and start < len(key.text):
            text += " "
            starts.append(key.starts[start])
            ends.append(key.starts[start])
        text += key.text[start:end]
        starts += key.starts[start:end]
        ends += key.ends[start:end]
    return Folded(text, tuple(starts), tuple(ends))


def _together(short: list[Folded]) -> Iterator[Folded]:
    """Short texts joined to a few longer ones."""
    run: list[Folded] = []
    size = 0
    for part in short:
        if run and size + len(part.text) > _ROOM:
            yield _listed(run)
            run, size = [], 0
        run.append(part)
        size += len(part.text) + 2
    if run:
        yield _listed(run)


def _listed(parts: list[Folded]) -> Folded:
    text, starts, ends = "", list[int](), list[int]()
    for part in parts:
        if text:
            text += ", "
            starts += [ends[-1]] * 2
            ends += [ends[-1]] * 2
        text += part.text
        starts += part.starts
        ends += part.ends
    return Folded(text, tuple(starts), tuple(ends))
