"""Restores disguised texts: look-alikes, encodings, ciphers, spelt-out words and words with digits.

The heads know words; "1gn0re", "i g n o r e" and base 64 have none. Undoing the disguise before embedding and n-grams
is cheaper and generalises better than training on every disguise. On top of normalize.py, what needs a vocabulary: a
word is only changed if it is not in BERT's vocabulary and its reading is, so that "mp3", "h2o" and "covid19" stay.
"""

import itertools
import re
import unicodedata
from functools import lru_cache

from embedded_aws.bedrock.detectors.text import lexicon
from embedded_aws.bedrock.detectors.text.ciphers import deciphered
from embedded_aws.bedrock.detectors.text.normalize import hidden, legible, unseen

_LEET = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "!": "i", "|": "il", "€": "e", "+": "t",
}  # fmt: skip
# The looks ahead go no further than a match: "-----" begins a word at every character.
_MIXED = re.compile(
    r"(?<![^\s'\"(\[{:.,<`-])(?=[0-9@$!|€+]{0,23}[A-Za-z])(?=[A-Za-z]{0,23}[0-9@$!|€+])[A-Za-z0-9@$!|€+]{3,24}"
)
_MAX_READINGS = 16  # of one word: each "1" may be an i or an l
_SPELT = re.compile(r"(?<![^\W_])(?:[^\W\d_](?:  +|[ .\-_*/|])){3,400}[^\W\d_](?![^\W_])")
_GAP = re.compile(r" {2,}")
_ESCAPED = re.compile(r"\\x([2-7][0-9A-Fa-f])|%([2-7][0-9A-Fa-f])|&#([0-9]{2,3});")
_STRETCHED = re.compile(r"([^\W\d_])\1{3,}")
_ACCENTED = re.compile(r"(?=[^\W\d_]*[\u00c0-\u024f\u1e00-\u1eff])[^\W\d_]+")
_SHORT = 3
_FEWEST = 9
"""Letters of a word, and of all words, that show whether accents are a disguise: fewer look like many languages."""
_MIN_ESCAPES = 3
_LONGEST_WORD = 20


@lru_cache(maxsize=64)
def undisguised(text: str) -> str:
    """The text as it is meant, the same string if nothing is disguised. Linear in the text's length."""
    found = legible(text).text
    if not found.isascii():
        found = _unaccented(found)
    if len(_ESCAPED.findall(found)) >= _MIN_ESCAPES:
        found = _ESCAPED.sub(_unescaped, found)
    for inside in reversed(hidden(found)):
        found = f"{found[: inside.starts[0]]} {inside.text} {found[inside.ends[-1] :]}"
    for inside in unseen(text):
        found = f"{found} {inside.text}"
    if _STRETCHED.search(found):
        found = _STRETCHED.sub(r"\1", found)
    if _SPELT.search(found):
        found = _SPELT.sub(_joined, found)
    if _MIXED.search(found):
        found = _MIXED.sub(_unleeted, found)
    return deciphered(found, _words)


def _unaccented(text: str) -> str:
    """The text without accents if they disguise it: most words in which half of the letters have one are English."""
    english = other = 0
    for word in _ACCENTED.findall(text):
        if len(word) < _SHORT or 2 * sum(not char.isascii() for char in word) < len(word):
            continue
        if _bare(word).lower() in _words():
            english += len(word)
        else:
            other += len(word)
    return _bare(text) if english >= max(_FEWEST, 2 * other) else text


def _bare(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[3]) & 0x7F) if match[3] else chr(int(match[1] or match[2], 16))


def _unleeted(match: re.Match[str]) -> str:
    """A word with digits or signs for letters, if a reading of it is in the vocabulary and itself is not."""
    core = match[0].rstrip("!").lower()
    letters = sum(char.isalpha() for char in core)
    if core in _words() or letters * 3 < len(core) or letters == len(core):
        return match[0]
    choices = [_LEET.get(char, char) for char in core]
    for reading in itertools.islice(itertools.product(*choices), _MAX_READINGS):
        candidate = "".join(reading)
        if candidate in _words() and (len(candidate) > 3 or not core[0].isdigit()):
            return candidate + match[0][len(core) :]
    return match[0]


def _joined(match: re.Match[str]) -> str:
    """Spelt-out letters as words: cut at wider gaps if there are any, and where the vocabulary shows their ends."""
    parts = ("".join(filter(str.isalpha, part)).lower() for part in _GAP.split(match[0]))
    return " ".join(word for part in parts for word in _segmented(part))


def _segmented(letters: str) -> list[str]:
    """The letters cut into the fewest words of the vocabulary; in one piece if that is impossible."""
    best: list[list[str] | None] = [[]]
    for end in range(1, len(letters) + 1):
        found: list[str] | None = None
        for start in range(max(0, end - _LONGEST_WORD), end):
            before, word = best[start], letters[start:end]
            if before is None or (found is not None and len(before) + 1 >= len(found)):
                continue
            if word in _words() and (len(word) > 1 or word in "ai"):
                found = [*before, word]
        best.append(found)
    return best[-1] or [letters]


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """The vocabulary's whole words of Latin letters (about 20,000), read at the first disguised word."""
    return frozenset(line for line in lexicon.vocabulary() if line.isascii() and line.isalpha())
