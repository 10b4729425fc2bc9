"""Default chunking: pieces of about 300 tokens that keep sentences whole.

https://docs.aws.amazon.com/bedrock/latest/userguide/kb-chunking.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from embedded_aws.bedrock.detectors.text.sentences import END

CHUNK_TOKENS = 300
# About the tokens of a language model: six letters of a word, one ideograph, one punctuation mark.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w{1,6}|[^\w\s]")


def tokens(text: str) -> int:
    """Roughly how many tokens a text has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def chunks(text: str, limit: int = CHUNK_TOKENS) -> list[str]:
    """The text in pieces of whole sentences, each at most `limit` tokens; a longer sentence is cut."""
    found: list[str] = []
    start = end = size = 0
    for first, last in _sentences(text, limit):
        length = tokens(text[first:last])
        if size and size + length > limit:
            found.append(text[start:end].strip())
            start, size = first, 0
        end = last
        size += length
    found.append(text[start:end].strip())
    return [chunk for chunk in found if chunk]


def _sentences(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """The sentences of a text as spans that cover it."""
    start = 0
    for boundary in END.finditer(text):
        yield from _pieces(text, start, boundary.end(), limit)
        start = boundary.end()
    yield from _pieces(text, start, len(text), limit)


def _pieces(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """A sentence's span, cut before each token that is one too many."""
    for number, token in enumerate(_TOKEN.finditer(text, start, end)):
        if number and number % limit == 0:
            yield start, token.start()
            start = token.start()
    if start < end:
        yield start, end
