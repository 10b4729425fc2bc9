"""XML and HTML: the text of each element, the values of attributes, comments and CDATA sections."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from embedded_aws.bedrock.detectors.text.lexicon import listed
from embedded_aws.bedrock.detectors.text.normalize import Folded
from embedded_aws.bedrock.detectors.wrappers.pieces import NOTHING, Piece, cut, joined, trimmed

_ATTRIBUTE = r"\s{1,20}[A-Za-z_@:][\w:@.-]{0,60}(?:\s{0,9}=\s{0,9}(?:\"[^\"<]*\"|'[^'<]*'|[^\s\"'<>=]{1,2000}))?"
_TAG = re.compile(
    r"(?P<comment><!--)|(?P<data><!\[CDATA\[)|(?P<other><[!?][A-Za-z][^<>]{0,500}>)"
    rf"|<(?P<slash>/?)(?P<name>[A-Za-z][\w:.-]{{0,60}})(?P<attributes>(?:{_ATTRIBUTE}){{0,60}})\s{{0,20}}(?P<closed>/?)>"
)
_VALUE = re.compile(r"([A-Za-z_@:][\w:@.-]{0,60})\s{0,9}=\s{0,9}(?:\"([^\"<]*)\"|'([^'<]*)'|([^\s\"'<>=]+))")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31}\d{0,2});")
# Elements within a line: without them the words on both sides read as one text.
_INLINE = listed(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q s samp small span strike "
    "strong sub sup time tt u var wbr"
)
# Elements that may be without an end, and blocks of HTML, whose names say nothing about their text.
_HTML = _INLINE | listed(
    "address article aside blockquote body br button caption center col colgroup dd details dialog div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html iframe img input legend li link main menu "
    "meta nav ol optgroup option p pre script section select source style summary table tbody td textarea tfoot th "
    "thead title tr ul"
)


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag, comment or section at start:end; `inside` are the places of a comment's or section's text."""

    start: int
    end: int
    match: re.Match[str] | None = None
    inside: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The element's name in small letters; empty for other things than elements."""
        return (self.match["name"] or "").lower() if self.match else ""

    @property
    def ends(self) -> bool:
        """Whether it is an end tag."""
        return bool(self.match and self.match["slash"])


def split(text: str) -> list[Piece] | None:
    """The texts of a marked-up document or of marked-up stretches in a text; None without markup."""
    tags = _tags(text)
    opened = {tag.name for tag in tags if tag.name and not tag.ends}
    paired = opened & {tag.name for tag in tags if tag.ends}
    known = [tag for tag in tags if not tag.name or tag.name in paired or tag.name in _HTML or _self_closed(tag)]
    if not known:
        return None
    pieces: list[Piece] = []
    run: list[Folded] = []
    keys: list[tuple[str, Folded]] = []
    at = 0

    def close(end: int) -> None:
        run.append(_read(text, at, end))
        if (words := trimmed(joined(run))).text:
            pieces.append(Piece(words, keys[-1][1] if keys else NOTHING))
        run.clear()

    for tag in known:
        if tag.name in _INLINE:
            run.append(_read(text, at, tag.start))
        else:
            close(tag.start)
        if tag.inside:
            pieces.append(Piece(cut(text, *tag.inside)))
        elif tag.match and tag.name:
            pieces += _attributes(text, tag.match)
            _nest(keys, tag, text)
        else:
            pieces.append(Piece(cut(text, tag.start + 2, tag.end - 1)))  # a declaration
        at = tag.end
    close(len(text))
    return pieces


def _tags(text: str) -> list[_Tag]:
    tags: list[_Tag] = []
    at = 0
    endless: set[str] = set()
    while match := _TAG.search(text, at):
        at = match.end()
        mark = "-->" if match["comment"] else "]]>" if match["data"] else ""
        if not mark:
            tags.append(_Tag(match.start(), at, match))
            continue
        end = -1 if mark in endless else text.find(mark, at)
        if end < 0:
            endless.add(mark)  # looked for once
        else:
            tags.append(_Tag(match.start(), end + len(mark), None, (at, end)))
            at = end + len(mark)
    return tags


def _self_closed(tag: _Tag) -> bool:
    return bool(tag.match and tag.match["closed"])


def _nest(keys: list[tuple[str, Folded]], tag: _Tag, text: str) -> None:
    """Enter or leave an element whose name says what its text is."""
    if tag.name in _HTML or tag.match is None or _self_closed(tag):
        return
    if not tag.ends:
        keys.append((tag.name, cut(text, *tag.match.span("name"))))
        return
    for depth in range(len(keys) - 1, max(-1, len(keys) - 16), -1):
        if keys[depth][0] == tag.name:
            del keys[depth:]
            return


def _attributes(text: str, tag: re.Match[str]) -> list[Piece]:
    """The values of a tag's attributes, and the names of attributes without one."""
    found = []
    at, end = tag.span("attributes")
    for match in _VALUE.finditer(text, at, end):
        group = next(number for number in (2, 3, 4) if match[number] is not None)
        value = _read(text, *match.span(group))
        found += [Piece(cut(text, at, match.start())), Piece(trimmed(value), cut(text, *match.span(1)))]
        at = match.end()
    return [piece for piece in (*found, Piece(cut(text, at, end))) if piece.text.text]


def _read(text: str, start: int, end: int) -> Folded:
    """text[start:end] with its entities as characters."""
    parts: list[Folded] = []
    at = start
    for match in _ENTITY.finditer(text, start, end):
        plain = html.unescape(match[0])
        if plain != match[0]:
            parts.append(_kept(text, at, match.start()))
            parts.append(Folded(plain, (match.start(),) * len(plain), (match.end(),) * len(plain)))
            at = match.end()
    parts.append(_kept(text, at, end))
    return joined(parts)


def _kept(text: str, start: int, end: int) -> Folded:
    return Folded(text[start:end], tuple(range(start, end)), tuple(range(start + 1, end + 1)))
