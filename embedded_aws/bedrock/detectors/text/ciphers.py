"""Reads texts in ciphers that a language model reads at sight: shifted letters (rot13, Caesar), Atbash, text written
backwards, Morse code, and characters as numbers (binary, hexadecimal or decimal with gaps, base 32).

Letters are only exchanged where a stretch of words is in no vocabulary and its reading is, so that foreign languages,
names and part numbers stay as they are.
"""

import base64
import binascii
import itertools
import re
import string
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache, partial

_LETTERS = string.ascii_lowercase
_WORD = re.compile(r"[A-Za-z]+")
_SHORT = 3  # letters: such words are in a stretch whether known or not, as "or" is "be" in rot13
_FEWEST = 3  # words of a stretch, and words of it that its reading makes known
_FEWEST_LETTERS = 14
_KNOWN_SHARE = 0.7  # of a reading's letters that are in known words
_LONGEST = 2000  # characters of a stretch that are tried before the rest follows the reading found

_MORSE_LETTERS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. .-.-.- --..-- ..--.. -.-.-- -..-. .----. ---... -....-"
)
_MORSE = dict(zip(_MORSE_LETTERS.split(), _LETTERS + string.digits + ".,?!/':-", strict=True))
_MORSE_SIGNS = str.maketrans("·•∙⋅*−–—_", "..." + ".." + "----")
_IN_MORSE = re.compile(r"(?<![^\s/|\"'(:])[.\-·•∙⋅*−–—_]{1,6}(?:(?: {1,7}| ?[/|] ?|\n)[.\-·•∙⋅*−–—_]{1,6}){7,}")
_MORSE_GAP = re.compile(r" ?[/|] ?| {2,}|\n")
_DISTINCT = 5  # letters in a Morse text; a table's rule has one

_OCTETS = (
    (re.compile(r"(?<!\w)(?:0b)?[01]{8}(?:[\s,]{0,2}(?:0b)?[01]{8}){3,}(?!\w)"), re.compile(r"[01]{8}"), 2),
    (
        re.compile(r"(?<!\w)(?:0x)?[0-9A-Fa-f]{2}(?:[\s,:]{1,2}(?:0x)?[0-9A-Fa-f]{2}){7,}(?!\w)"),
        re.compile(r"(?<!0(?=x))[0-9A-Fa-f]{2}"),
        16,
    ),
    (re.compile(r"(?<!\w)\d{2,3}(?:[\s,]{1,2}\d{2,3}){7,}(?!\w)"), re.compile(r"\d{2,3}"), 10),
)
_IN_BASE_32 = re.compile(r"(?<![\w=])(?:[A-Z2-7]{8}){2,}(?:[A-Z2-7]{2,7}={0,6})?(?![\w=])")


def deciphered(text: str, known: Callable[[], Collection[str]]) -> str:
    """The text with its enciphered stretches as they read, the same string if there are none; `known`: the words of the
    languages read. Linear in the text's length."""
    text = _IN_MORSE.sub(_from_morse, text)
    for run, number, base in _OCTETS:
        text = run.sub(partial(_from_octets, number, base), text)
    text = _IN_BASE_32.sub(_from_base_32, text)
    for start, end in reversed([*_strange(text, known())]):
        if (reading := _read(text[start:end], known())) is not None:
            text = text[:start] + reading + text[end:]
    return text


def _from_morse(match: re.Match[str]) -> str:
    words = _MORSE_GAP.split(match[0].translate(_MORSE_SIGNS))
    letters = [[_MORSE.get(code) for code in word.split()] for word in words]
    flat = [letter for word in letters for letter in word]
    if None in flat or len(set(flat)) < _DISTINCT:
        return match[0]
    return " ".join("".join(letter or "" for letter in word) for word in letters)


def _from_octets(number: re.Pattern[str], base: int, match: re.Match[str]) -> str:
    codes = [int(code, base) for code in number.findall(match[0])]
    return _plain(bytes(codes), match[0]) if max(codes) < 256 else match[0]


def _from_base_32(match: re.Match[str]) -> str:
    digits = match[0].rstrip("=")
    try:
        return _plain(base64.b32decode(digits + "=" * (-len(digits) % 8)), match[0])
    except binascii.Error:
        return match[0]


def _plain(octets: bytes, otherwise: str) -> str:
    """The text in the bytes if it is one: printable, and mostly letters and blanks."""
    try:
        found = octets.decode()
    except UnicodeDecodeError:
        return otherwise
    letters = sum(char.isalpha() or char == " " for char in found)
    return found if found.isprintable() and letters >= 0.8 * len(found) else otherwise


def _strange(text: str, known: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where stretches of words begin and end that hold at least three unknown ones.

    Short words, and one known word between two unknown ones, do not interrupt a stretch; short known words at its ends
    are not in it.
    """
    words = [*_WORD.finditer(text)]
    strange = [match[0].lower() not in known for match in words]
    odd = [unknown and len(match[0]) > _SHORT for unknown, match in zip(strange, words, strict=True)]
    inside = [
        odd[at] or len(match[0]) <= _SHORT or (any(odd[at - 1 : at]) and any(odd[at + 1 : at + 2]))
        for at, match in enumerate(words)
    ]
    for within, group in itertools.groupby(range(len(words)), inside.__getitem__):
        run = [*group]
        unknown = [at for at in run if strange[at]]
        if not within or sum(odd[at] for at in run) < _FEWEST:
            continue
        start, end = words[unknown[0]].start(), words[unknown[-1]].end()
        if end - start >= _FEWEST_LETTERS:
            yield start, end


def _read(stretch: str, known: Collection[str]) -> str | None:
    """The reading of a stretch whose words are known best; None if too few are."""
    tried = stretch[:_LONGEST]
    best, reading = _KNOWN_SHARE, None
    for table in _tables():
        share = _known_share(tried.translate(table), known)
        if share > best:
            best, reading = share, stretch.translate(table)
    if _known_share(tried[::-1], known) > best:
        reading = stretch[::-1]
    return reading


def _known_share(text: str, known: Collection[str]) -> float:
    """Share of a text's letters in known words; 0 with fewer than three known words that are not short."""
    words = [word.lower() for word in _WORD.findall(text)]
    found = [word for word in words if word in known]
    if sum(len(word) > _SHORT for word in found) < _FEWEST:
        return 0.0
    return sum(map(len, found)) / sum(map(len, words))


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[int, int], ...]:
    """Atbash and the 25 shifts of the alphabet."""
    alphabets = [_LETTERS[::-1], *(_LETTERS[shift:] + _LETTERS[:shift] for shift in range(1, 26))]
    return tuple(str.maketrans(_LETTERS + _LETTERS.upper(), other + other.upper()) for other in alphabets)
