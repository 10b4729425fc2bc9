"""The elements of a JSON array, one at a time: all together need up to thirty times the memory of their text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class JsonArrayError(Exception):
    """The text is not a JSON array, or an element of it is too long."""


def elements(text: str, longest: int) -> Iterator[Any]:
    """Decode a text's elements; each may have `longest` characters. Raises JsonArrayError where the text is wrong."""
    position = _skip(text, 0)
    first = text[position : position + 1]
    if first != "[":
        # The first character of every other JSON value.
        raise JsonArrayError("is not a JSON array of items" if first and first in '{"-0123456789tfn' else _INVALID)
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        _end(text, position)
        return
    while True:
        value, position = _element(text, position, longest)
        yield value
        position = _skip(text, position)
        separator = text[position : position + 1]
        if separator == "]":
            _end(text, position)
            return
        if separator != ",":
            raise JsonArrayError(_INVALID)
        position = _skip(text, position + 1)


def _element(text: str, start: int, longest: int) -> tuple[Any, int]:
    for length in (_WINDOW, longest):  # of a slice: copies of all that follows would take quadratic time
        window = text[start : start + length]
        try:
            value, end = _DECODER.raw_decode(window)
        except (ValueError, RecursionError):
            continue
        if end < len(window) or start + end == len(text):  # a number at the end of a slice may continue after it
            return value, start + end
    too_long = len(text) - start > longest
    raise JsonArrayError(f"{_INVALID}, or has an item of more than {longest:,} characters" if too_long else _INVALID)


def _end(text: str, position: int) -> None:
    if _skip(text, position + 1) != len(text):
        raise JsonArrayError(_INVALID)


def _skip(text: str, position: int) -> int:
    while text[position : position + 1] in _BLANKS:
        position += 1
    return position


_INVALID = "is not valid JSON"
_BLANKS = (" ", "\t", "\n", "\r")
_WINDOW = 64 * 1024
_DECODER = json.JSONDecoder()
