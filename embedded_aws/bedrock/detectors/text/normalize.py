"""Fold text so that look-alike spellings compare equal, keeping where each folded character came from.

Detectors search the folded text and report offsets in the original one. `fold`, for words, removes invisible
characters, applies NFKC (full-width, mathematical and ligature forms), case-folds, and maps the letters of other
scripts that look like Latin ones (a hand-picked part of Unicode TS #39 confusables) to those. `legible`, for detectors
that depend on case, changes less. `hidden` decodes base 64 and hexadecimal. bench/adversarial.py measures what this
finds.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Look-alikes after case-folding: Cyrillic, Greek, Armenian, Latin extensions and small capitals, each above its twin.
_CONFUSABLES = str.maketrans(
    "асԁеһіјӏорԛѕтѵԝхуѡкмнвгαβγεηικνορτυχωցհոսօɑɡɩıʏʀɢɪʟɴʙʜꜱᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢøđłħƒⅼ",
    "acdehijlopqstvwxywkmhbrabyenikvoptuxwghnuoagiiyrgilnbhsacdejkmoptuvwzodlhfl",
)
# A base character with the marks that follow it: composed as one unit, so that both forms of "é" fold alike.
_MARKS = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_CLUSTER = re.compile(rf".{_MARKS}*", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded `text`; `starts[i]:ends[i]` is the stretch of the original that character i came from.

    Both are empty when folding kept every position (plain ASCII), the common and fast case.
    """

    text: str
    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The offsets in the original text of the non-empty folded stretch start:end."""
        if not self.starts:
            return start, end
        return self.starts[start], self.ends[end - 1]


def _composed(cluster: str) -> str:
    """A character with its marks in compatibility form; without them when some belong to no letter (strike-through)."""
    composed = unicodedata.normalize("NFKC", cluster)
    if len(cluster) > 1 and composed[:1].isalnum() and any(map(unicodedata.combining, composed)):
        return unicodedata.normalize("NFKC", cluster[0])
    return composed


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str, strip_accents: bool) -> str:
    """The folded form of one character with its marks; empty for invisible characters."""
    kept = "".join(char for char in cluster if unicodedata.category(char) not in ("Cf", "Cc", "Mn") or char in "\t\n\r")
    if not strip_accents:
        kept = _composed(kept + "".join(char for char in cluster[1:] if unicodedata.category(char) == "Mn"))
    folded = unicodedata.normalize("NFKC", kept).casefold()
    if strip_accents:
        folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return folded.translate(_CONFUSABLES)


def fold(text: str, *, strip_accents: bool = False) -> Folded:
    """Fold `text`; with `strip_accents` also drop diacritics ("fück" -> "fuck"). Linear in the text's length."""
    if text.isascii() and not _CONTROL.search(text):
        return Folded(text.lower())
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _CLUSTER.finditer(text):
        cluster = match.group()
        # Marks piled on one character without end are cut: a real cluster has a handful.
        folded = _fold_cluster(cluster if len(cluster) <= 16 else cluster[:16], strip_accents)
        pieces.append(folded)
        starts.extend([match.start()] * len(folded))
        ends.extend([match.end()] * len(folded))
    return Folded("".join(pieces), tuple(starts), tuple(ends))


# Format characters that show nothing: soft hyphen, zero-width and direction marks, joiners, tags, fillers.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\U000e0000-\U000e0fff]"
)
# Separate Latin letters stay ("Søren"); capitals look like others than their small letters do.
_LOOK_ALIKES = {twin: latin for twin, latin in _CONFUSABLES.items() if chr(twin) not in "øđłħƒı"} | str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧՍՕ", "ABESIJKMHOPCTYXQWABEZHIKMNOPTYXUO"
)
_LOOK_ALIKE = re.compile(f"[{''.join(map(chr, _LOOK_ALIKES))}]")
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")
_ODD = re.compile(f"{_MARKS}|{_INVISIBLE.pattern}|[{''.join(map(chr, _DASHES))}]")
_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile("[A-Za-z]")


@lru_cache(maxsize=16)  # one text is read by several policies, and by every regular expression
def legible(text: str) -> Folded:
    """The text as its reader sees it, in the same case: "4111\\u200b1111" reads 41111111, and "pаypal" is ASCII.

    Invisible characters are dropped, compatibility forms (full-width, mathematical, ligatures, no-break space) and
    dashes become plain, marks that belong to no letter go, and look-alikes of Latin letters become these in words or
    texts that are otherwise Latin: a Russian word in a Russian text stays one. The fast path for texts without such
    characters costs microseconds.
    """
    if text.isascii():
        return Folded(text)
    mixed = _LOOK_ALIKE.search(text) is not None
    odd = mixed or _ODD.search(text)
    if not odd and unicodedata.is_normalized("NFKC", text):
        return Folded(text)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _CLUSTER.finditer(text):
        cluster = match.group()
        plain = "" if _INVISIBLE.match(cluster) else _composed(cluster[:16])
        pieces.append(plain)
        starts.extend([match.start()] * len(plain))
        ends.extend([match.end()] * len(plain))
    folded = "".join(pieces).translate(_DASHES)
    if mixed:
        folded = _WORD.sub(lambda match: _latinised(match.group(), latin=False), folded)
        if 2 * len(_LATIN.findall(folded)) >= sum(map(str.isalpha, folded)):
            folded = _WORD.sub(lambda match: _latinised(match.group(), latin=True), folded)
    return Folded(folded, tuple(starts), tuple(ends))


def _latinised(word: str, *, latin: bool) -> str:
    """A word whose foreign letters all look like Latin ones, in Latin, if it or its text is; any other unchanged."""
    if word.isascii() or not (latin or re.search("[A-Za-z0-9]", word)):
        return word
    plain = word.translate(_LOOK_ALIKES)
    return plain if plain.isascii() and len(plain) == len(word) else word


_ENCODED = re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{12,}={0,2}(?![\w+/=-])")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")


@lru_cache(maxsize=16)
def hidden(text: str) -> tuple[Folded, ...]:
    """What readable texts are hidden in base 64 (RFC 4648, either alphabet) or hexadecimal, with their places.

    A decoded character's place is that of the group of digits that holds it. Nothing is decoded twice; runs that do
    not decode to printable UTF-8 are no texts.
    """
    return tuple(found for match in _ENCODED.finditer(text) if (found := _decoded(match.group(), match.start())))


def _decoded(run: str, offset: int) -> Folded | None:
    for group, size, decode in ((2, 1, _from_hexadecimal), (4, 3, _from_base64)):
        plain = decode(run)
        if plain is None or not all(char.isprintable() or char in "\t\n\r" for char in plain):
            continue
        at = 0
        starts: list[int] = []
        ends: list[int] = []
        for char in plain:
            after = at + len(char.encode())
            starts.append(offset + at // size * group)
            ends.append(min(offset + -(-after // size) * group, offset + len(run)))
            at = after
        return Folded(plain, tuple(starts), tuple(ends))
    return None


def _from_hexadecimal(run: str) -> str | None:
    if not _HEXADECIMAL.fullmatch(run):
        return None
    try:
        return bytes.fromhex(run).decode()
    except UnicodeDecodeError:
        return None


def _from_base64(run: str) -> str | None:
    digits = run.rstrip("=").translate(_URL_ALPHABET)
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


_URL_ALPHABET = str.maketrans("-_", "+/")
# Letters written one by one, with the same mark between all: "i g n o r e", "k-i-l-l".
SPELLED = re.compile(r"(?<![^\W_])[^\W\d_]([ .\-_*/|])[^\W\d_](?:\1[^\W\d_])+(?![^\W_])")
