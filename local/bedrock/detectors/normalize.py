"""Fold text so that look-alike spellings compare equal, keeping where each folded character came from.

Detectors search the folded text and report offsets in the original one. Folding removes invisible characters,
applies NFKC (full-width, mathematical and ligature forms), case-folds, and maps the letters of other scripts that
look like Latin ones (a hand-picked part of Unicode TS #39 confusables) to those.
"""

from __future__ import annotations

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
_CLUSTER = re.compile(r".[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]*", re.DOTALL)
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


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str, strip_accents: bool) -> str:
    """The folded form of one character with its marks; empty for invisible characters."""
    kept = "".join(char for char in cluster if unicodedata.category(char) not in ("Cf", "Cc", "Mn") or char in "\t\n\r")
    if not strip_accents:
        kept += "".join(char for char in cluster[1:] if unicodedata.category(char) == "Mn")
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
    "\ufeff\uffa0\U000e0000-\U000e0fff]+"
)


def visible(text: str) -> Folded:
    """The text without invisible characters, nothing else changed: "4111\\u200b1111" reads as its reader sees it."""
    if not _INVISIBLE.search(text):
        return Folded(text)
    starts = [at for at, char in enumerate(text) if not _INVISIBLE.match(char)]
    return Folded("".join(text[at] for at in starts), tuple(starts), tuple(at + 1 for at in starts))
