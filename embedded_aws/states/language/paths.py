"""Reads JSONPath as Step Functions understands it (Jayway's dialect). A path is compiled once and evaluated many times.

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
https://github.com/json-path/JsonPath (the rules and error texts; no code of it is used)
"""

from __future__ import annotations

import re
from functools import lru_cache

from embedded_aws.states.language.path_filter import parse_filter
from embedded_aws.states.language.path_segments import (
    FUNCTIONS,
    Deep,
    Filter,
    Index,
    Key,
    Path,
    PathSyntaxError,
    Segment,
    Slice,
    Wildcard,
    quoted,
)

_NAME = re.compile(r"[^\W\d][\w]*")
_PROPERTY = re.compile(r"[^.\[\]()\s,;:'\"?@*$]+")
# Inside a filter a name also ends where an operator begins: `[?(@.p<10&&@.t=='x')]` needs no spaces.
_FILTER_PROPERTY = re.compile(r"[^.\[\]()\s,;:'\"?@*$<>=!&|~]+")
_INDEXES = re.compile(r"-?\d+(\s*,\s*-?\d+)*")
_SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?(?:\s*:\s*(-?\d+)?)?")


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """Compile a path; PathSyntaxError if the text is not a path."""
    path, end = parse_prefix(text, 0)
    if text[end:].strip():  # published definitions have blanks after a path
        raise PathSyntaxError(f"{text!r} is not a JSONPath: unexpected {text[end]!r} at {end}")
    return path


def parse_prefix(text: str, start: int, *, in_filter: bool = False) -> tuple[Path, int]:
    """Compile the path that begins at `start`; also where it ends (intrinsic functions and filters embed paths)."""
    if not text.startswith("$", start):
        raise PathSyntaxError(f"{text!r} is not a JSONPath: it must begin with $")
    at = start + 1
    variable = None
    if text.startswith("$", at):
        variable, at = "$", at + 1
    elif named := _NAME.match(text, at):
        variable, at = named.group(), named.end()
    segments, at, function = _segments(text, at, _FILTER_PROPERTY if in_filter else _PROPERTY)
    return Path(text[start:at], variable, tuple(segments), function), at


def _path_in_filter(text: str, start: int) -> tuple[Path, int]:
    return parse_prefix(text, start, in_filter=True)


def _segments(text: str, at: int, names: re.Pattern[str]) -> tuple[list[Segment], int, str | None]:
    segments: list[Segment] = []
    segment: Segment
    while at < len(text):
        if text.startswith("..", at):
            inner: Key | Index | Slice | Wildcard | Filter
            inner, at = _dotted(text, at + 2, names)
            segments.append(Deep(inner))
        elif text[at] == ".":
            segment, at = _dotted(text, at + 1, names)
            if text.startswith("()", at) and isinstance(segment, Key) and segment.definite:
                name = segment.names[0]
                if name not in FUNCTIONS and name not in ("length", "keys"):
                    raise PathSyntaxError(f"{text!r}: the function {name}() is not known")
                return segments, at + 2, name
            segments.append(segment)
        elif text[at] == "[":
            segment, at = _bracket(text, at)
            segments.append(segment)
        else:
            break
    return segments, at, None


def _dotted(text: str, at: int, names: re.Pattern[str]) -> tuple[Key | Index | Slice | Wildcard | Filter, int]:
    if text.startswith("[", at):  # `$.a.[0]`, as published definitions write it
        return _bracket(text, at)
    if text.startswith("*", at):
        return Wildcard(), at + 1
    named = names.match(text, at)
    if named is None:
        raise PathSyntaxError(f"{text!r} is not a JSONPath: a name is missing at {at}")
    return Key((named.group(),)), named.end()


def _bracket(text: str, at: int) -> tuple[Key | Index | Slice | Wildcard | Filter, int]:
    at += 1
    while text.startswith(" ", at):
        at += 1
    if text.startswith("?", at):
        holds, at = parse_filter(text, at + 1, _path_in_filter)
        return Filter(holds), _close(text, at)
    if text.startswith("*", at):
        return Wildcard(), _close(text, at + 1)
    if at < len(text) and text[at] in "'\"":
        names = []
        while True:
            name, at = quoted(text, at)
            names.append(name)
            separator = re.compile(r"\s*,\s*").match(text, at)
            if separator is None:
                return Key(tuple(names)), _close(text, at)
            at = separator.end()
    if sliced := _SLICE.match(text, at):
        low, high, step = (None if part is None else int(part) for part in sliced.groups())
        if step == 0:
            raise PathSyntaxError(f"{text!r}: a slice cannot have step 0")
        return Slice((low, high, step)), _close(text, sliced.end())
    if numbers := _INDEXES.match(text, at):
        return Index(tuple(int(part) for part in numbers.group().split(","))), _close(text, numbers.end())
    raise PathSyntaxError(f"{text!r} is not a JSONPath: the bracket at {at - 1} is not understood")


def _close(text: str, at: int) -> int:
    while text.startswith(" ", at):
        at += 1
    if not text.startswith("]", at):
        raise PathSyntaxError(f"{text!r} is not a JSONPath: ] is missing at {at}")
    return at + 1
