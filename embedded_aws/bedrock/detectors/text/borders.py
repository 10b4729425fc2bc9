"""Borders of words where no blank marks them: Chinese, Japanese, Korean, Thai, Arabic or Hindi letters next to ASCII.

Patterns for numbers and addresses end at word characters, and "\\w" takes all letters of all scripts for parts of one
word: without borders, the number in "我的卡号是4539148803436467请" is a part of the sentence.
"""

from __future__ import annotations

import regex

from embedded_aws.bedrock.detectors.text.normalize import Folded

# Letters and marks of scripts that never spell a Latin word. Greek and Cyrillic look-alikes do (normalize.py).
_FOREIGN = r"[[\p{L}\p{M}]--[\p{Latin}\p{Greek}\p{Cyrillic}\p{sc=Inherited}\p{ASCII}]]"
_LETTERS = r"[[\p{Greek}\p{Cyrillic}]&&\p{L}]"
_MARKS = r"[\u060c\u061b\u061f\u0964\u0965\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
_BORDER = regex.compile(
    rf"(?<={_FOREIGN})(?=[A-Za-z0-9+(@#])|(?<=[A-Za-z0-9)])(?={_FOREIGN})"
    rf"|(?<={_LETTERS})(?=[0-9+])|(?<=[0-9])(?={_LETTERS})|(?<=[!-~])(?={_MARKS})",
    regex.V1,
)


def bordered(folded: Folded) -> Folded:
    """The text with a blank at every such border. A text without one costs one search."""
    text = folded.text
    if text.isascii() or not _BORDER.search(text):
        return folded
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in _BORDER.finditer(text):
        border = match.start()
        pieces += (text[at:border], " ")
        starts += range(at, border + 1)
        ends += (*range(at + 1, border + 1), border)
        at = border
    pieces.append(text[at:])
    starts += range(at, len(text))
    ends += range(at + 1, len(text) + 1)
    return folded.then(Folded("".join(pieces), tuple(starts), tuple(ends)))
