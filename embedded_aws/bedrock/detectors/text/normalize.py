"""Fold text so that disguised spellings compare equal, keeping where each folded character came from.

Detectors search the folded text and report offsets in the original one. `legible`, for detectors that depend on case,
drops what shows nothing and makes plain what looks plain; `readings` adds the other ways to read a text; `fold`, for
words, goes further: it case-folds and maps the letters of other scripts that look like Latin ones (a hand-picked part
of Unicode TS #39 confusables) to those. `hidden` decodes base 64 and hexadecimal. bench/adversarial.py measures what
this finds.

Which characters show nothing, and which are marks on others, is known from Unicode's properties (UAX #44), as the
package `regex` has them: General_Category and Default_Ignorable_Code_Point.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import regex

# Look-alikes after case-folding: Cyrillic, Greek, Armenian, Latin extensions and small capitals, each above its twin.
_CONFUSABLES = str.maketrans(
    "асԁеһіјӏорԛѕтѵԝхуѡкмнвгαβγεηικνορτυχωցհոսօɑɡɩıʏʀɢɪʟɴʙʜꜱᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢøđłħƒⅼ",
    "acdehijlopqstvwxywkmhbrabyenikvoptuxwghnuoagiiyrgilnbhsacdejkmoptuvwzodlhfl",
)
# Control characters that are white space. Tab, line feed and carriage return are in ordinary texts, the others hardly.
_RARE_BLANKS = r"\x0b\x0c\x1c-\x1f\x85\u2028\u2029"
_INVISIBLE = rf"[[\p{{Default_Ignorable_Code_Point}}\p{{Cc}}\p{{Cf}}]--[\t\n\r{_RARE_BLANKS}]]"
_ADDED = rf"(?:{_INVISIBLE}|\p{{M}})"
# What reads differently in compatibility form, as a dash, blank or digit.
_WHITE_ON_BLACK = "\U0001f150-\U0001f169\U0001f170-\U0001f189"  # letters in black circles and squares
_ODD = rf"[[\p{{NFKC_QC=N}}\p{{Dash}}\p{{Zs}}\p{{N}}\u2800{_RARE_BLANKS}{_WHITE_ON_BLACK}]--[\x20-\x7e]]"
_CLUSTER = regex.compile(rf"{_ODD}{_ADDED}*|.{_ADDED}+|{_ADDED}", regex.V1 | regex.S)
_SHOWS_NOTHING = regex.compile(_INVISIBLE, regex.V1)
_TRAILING = regex.compile(rf"(?<=.){_INVISIBLE}+\Z", regex.V1 | regex.S)
_MARK = regex.compile(r"\p{M}")
_LETTER_ON_BLACK = re.compile(f"[{_WHITE_ON_BLACK}]")
_INVISIBLES = regex.compile(rf"{_INVISIBLE}+", regex.V1)
_DASH = regex.compile(r"\p{Dash}")
_REMOVABLE = regex.compile(rf"[\p{{M}}{_RARE_BLANKS}]", regex.V1)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONGEST_CLUSTER = 32  # characters; real ones have a handful


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

    def then(self, later: Folded) -> Folded:
        """This folding and one of its text, as one folding of the original."""
        if not self.starts:
            return later
        if not later.starts:
            return Folded(later.text, self.starts, self.ends)
        starts = tuple(self.starts[start] for start in later.starts)
        return Folded(later.text, starts, tuple(self.ends[end - 1] for end in later.ends))


@lru_cache(maxsize=4096)
def _single(char: str) -> str:
    """One character in compatibility form; blanks, dashes and digits of any script, in circles or with a full stop, as
    those of ASCII."""
    if char == "\u2800" or char.isspace():  # the blank of Braille is a symbol
        return " " if unicodedata.category(char) in ("Zs", "So") else "\n"
    plain = unicodedata.normalize("NFKC", char)
    if _DASH.fullmatch(char):
        return "-" if len(plain) == 1 else plain
    if _LETTER_ON_BLACK.fullmatch(char):
        return unicodedata.name(char)[-1]
    return _digit(char) or "".join(_digit(part) or part for part in plain)


def _digit(char: str) -> str:
    """The digit that a character other than a letter represents; empty if it represents none."""
    if char.isascii() or char.isalpha():
        return ""
    value = unicodedata.numeric(char, -1.0)
    return str(int(value)) if value in range(10) else ""


@lru_cache(maxsize=8192)
def _plain(cluster: str, accents: bool) -> tuple[str, int]:
    """A character as it reads with the marks and invisible characters after it, and how long it is with its marks.

    The text is empty if the character shows nothing.

    Marks stay that belong to their letter: those of its script (vowel signs and points of Arabic, Hebrew, Thai, Indic
    scripts), and, with `accents`, those that Unicode composes with it. Marks on digits and signs never do.
    """
    base = cluster[0]
    length = len(_TRAILING.sub("", cluster))
    if _SHOWS_NOTHING.match(base) or _MARK.match(base):
        return "", length
    marks = [char for char in cluster[1:] if _MARK.match(char) and not _SHOWS_NOTHING.match(char)]
    if not marks or not base.isalpha():
        return _single(base), length
    own = "".join(mark for mark in marks if _script(mark) == _script(base))
    others = "".join(mark for mark in marks if _script(mark) != _script(base))
    if accents and others:
        composed = unicodedata.normalize("NFKC", base + others)
        if not any(map(unicodedata.combining, composed)):
            return composed + own, length
    return _single(base) + own, length


def _script(char: str) -> str:
    """The script of a letter or mark, which begins its name (names never change); "COMBINING" for marks of all."""
    return unicodedata.name(char, "").partition(" ")[0]


def _read(text: str, *, accents: bool, blanks: bool) -> Folded:
    """The text in plain characters. Without `blanks`, rare control characters that are white space show nothing."""
    if text.isascii() and not _CONTROL.search(text):
        return Folded(text)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in _CLUSTER.finditer(text):
        start, end = match.span()
        cluster = match.group()
        plain, length = _plain(cluster[:_LONGEST_CLUSTER], accents)
        if plain == "\n" and not blanks and cluster[0] not in "\t\n\r":
            plain = ""
        if plain == cluster:
            continue
        pieces += (text[at:start], plain)
        starts += range(at, start)
        ends += range(at + 1, start + 1)
        starts += [start] * len(plain)
        ends += [start + length if len(cluster) <= _LONGEST_CLUSTER else end] * len(plain)
        at = end
    if not at:
        return Folded(text)
    pieces.append(text[at:])
    starts += range(at, len(text))
    ends += range(at + 1, len(text) + 1)
    return Folded("".join(pieces), tuple(starts), tuple(ends))


def fold(text: str, *, strip_accents: bool = False) -> Folded:
    """Fold `text`; with `strip_accents` also drop diacritics ("fück" -> "fuck"). Linear in the text's length."""
    if text.isascii() and not _CONTROL.search(text):
        return Folded(text.lower())
    plain = _read(text, accents=not strip_accents, blanks=True)
    pieces = [_folded_letter(char, strip_accents) for char in plain.text]
    folded = "".join(pieces)
    if len(folded) == len(plain.text) and all(len(piece) == 1 for piece in pieces):
        return Folded(folded, plain.starts, plain.ends)
    places = [place for place, piece in enumerate(pieces) for _ in piece]
    return plain.then(Folded(folded, tuple(places), tuple(place + 1 for place in places)))


@lru_cache(maxsize=4096)
def _folded_letter(char: str, strip_accents: bool) -> str:
    folded = unicodedata.normalize("NFKC", char).casefold()
    if strip_accents and char.isalpha():
        bare = "".join(part for part in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(part))
        folded = unicodedata.normalize("NFC", bare)
    return folded.translate(_CONFUSABLES)


# Separate Latin letters stay ("Søren"); capitals look like others than their small letters do.
_LOOK_ALIKES = {twin: latin for twin, latin in _CONFUSABLES.items() if chr(twin) not in "øđłħƒı"} | str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧՍՕ", "ABESIJKMHOPCTYXQWABEZHIKMNOPTYXUO"
)
_LOOK_ALIKE = re.compile(f"[{''.join(map(chr, _LOOK_ALIKES))}]")
_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile("[A-Za-z]")


@lru_cache(maxsize=16)  # one text is read by several policies, and by every regular expression
def legible(text: str) -> Folded:
    """The text as its reader sees it, in the same case: "4111\\u200b1111" reads 41111111, and "pаypal" is ASCII.

    Invisible and control characters are dropped, compatibility forms (full-width, mathematical, ligatures, no-break
    space), digits of all scripts and dashes become plain, marks that belong to no letter go, and look-alikes of Latin
    letters become these in words or texts that are otherwise Latin: a Russian word in a Russian text stays one. The
    fast path for texts without such characters costs microseconds.
    """
    return _latin(_read(text, accents=True, blanks=True))


@lru_cache(maxsize=16)
def readings(text: str) -> tuple[Folded, ...]:
    """The ways to read a text, the legible one first.

    Another one, if the text has marks or rare control characters, is without any: "e" with an acute accent is one
    letter in a name and a disguise in a key, and a form feed is a blank or nothing.
    """
    first = legible(text)
    if not _REMOVABLE.search(text):
        return (first,)
    other = _latin(_read(text, accents=False, blanks=False))
    return (first,) if other.text == first.text else (first, other)


def separated(text: str) -> Folded | None:
    """The text with invisible and control characters as blanks, not as nothing; None if it has none.

    A NUL between two fields of a record joins them for `legible`; here the values at such a border are whole.
    """
    if not _INVISIBLES.search(text):
        return None
    return legible(_INVISIBLES.sub(lambda match: " " * len(match.group()), text))


def encoded(text: str) -> tuple[Folded, ...]:
    """The texts hidden in the text as it reads, in base 64, hexadecimal or invisible characters, with their places in
    the original."""
    found = legible(text)
    return (*(found.then(inside) for inside in hidden(found.text)), *unseen(text))


_TAGS = re.compile("[\U000e0020-\U000e007e]")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FEWEST_UNSEEN = 4  # flags of regions have more: "gbeng"


def unseen(text: str) -> tuple[Folded, ...]:
    """The texts in invisible characters that a model may read: ASCII in tags, bytes in variation selectors (16 and 240
    of them), each with its places."""
    if text.isascii():
        return ()
    texts = []
    tags = [match.start() for match in _TAGS.finditer(text)]
    if len(tags) >= _FEWEST_UNSEEN:
        texts.append(Folded("".join(chr(ord(text[at]) & 0x7F) for at in tags), tuple(tags), _after(tags)))
    selectors = [match.start() for match in _SELECTORS.finditer(text)]
    if len(selectors) >= _FEWEST_UNSEEN:
        codes = [ord(text[at]) for at in selectors]
        octets = bytes(code - 0xFE00 if code < 0xE0000 else code - 0xE0100 + 16 for code in codes)
        if octets.isascii() and (plain := octets.decode()).isprintable():
            texts.append(Folded(plain, tuple(selectors), _after(selectors)))
    return tuple(texts)


def _after(places: list[int]) -> tuple[int, ...]:
    return tuple(place + 1 for place in places)


def _latin(folded: Folded) -> Folded:
    """A text with the look-alikes of Latin letters replaced."""
    if folded.text.isascii() or not _LOOK_ALIKE.search(folded.text):
        return folded
    text = _WORD.sub(lambda match: _latinised(match.group(), latin=False), folded.text)
    if 2 * len(_LATIN.findall(text)) >= sum(map(str.isalpha, text)):
        text = _WORD.sub(lambda match: _latinised(match.group(), latin=True), text)
    return Folded(text, folded.starts, folded.ends)


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
