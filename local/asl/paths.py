"""JSONPath as Step Functions understands it (Jayway's dialect), compiled once and evaluated many times.

`$` is the state's data, `$$` the context object, `$name` a workflow variable. A definite path gives one value or
fails; a path with a wildcard, slice, filter, union or deep scan gives a list, empty when nothing matches.

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
https://github.com/json-path/JsonPath (the rules and error texts; no code of it is used)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from local.asl.errors import PathError
from local.asl.jsontext import Json, dump, is_number

_NAME = re.compile(r"[^\W\d][\w]*")
_PROPERTY = re.compile(r"[^.\[\]()\s,;:'\"?@*$]+")
# Inside a filter a name also ends where an operator begins: `[?(@.p<10&&@.t=='x')]` needs no spaces.
_FILTER_PROPERTY = re.compile(r"[^.\[\]()\s,;:'\"?@*$<>=!&|~]+")
_INDEXES = re.compile(r"-?\d+(\s*,\s*-?\d+)*")
_SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?(?:\s*:\s*(-?\d+)?)?")
_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "min": min,
    "max": max,
    "sum": sum,
    "avg": lambda numbers: sum(numbers) / len(numbers),
}


class PathSyntaxError(ValueError):
    """The text is not a JSONPath."""


@dataclass(frozen=True, slots=True)
class Key:
    """`.name` or `['a','b']`."""

    names: tuple[str, ...]

    @property
    def definite(self) -> bool:
        return len(self.names) == 1

    def select(self, value: Json, root: Json) -> Iterator[Json]:
        if isinstance(value, dict):
            if self.definite:
                if self.names[0] in value:
                    yield value[self.names[0]]
            else:
                yield {name: value[name] for name in self.names if name in value}

    def __str__(self) -> str:
        return "[" + ",".join(f"'{name}'" for name in self.names) + "]"


@dataclass(frozen=True, slots=True)
class Index:
    """`[0]`, `[-1]` or `[0,2]`."""

    numbers: tuple[int, ...]

    @property
    def definite(self) -> bool:
        return len(self.numbers) == 1

    def select(self, value: Json, root: Json) -> Iterator[Json]:
        if isinstance(value, list):
            for number in self.numbers:
                if -len(value) <= number < len(value):
                    yield value[number]

    def __str__(self) -> str:
        return "[" + ",".join(map(str, self.numbers)) + "]"


@dataclass(frozen=True, slots=True)
class Slice:
    """`[from:to:step]`."""

    bounds: tuple[int | None, int | None, int | None]
    definite = False

    def select(self, value: Json, root: Json) -> Iterator[Json]:
        if isinstance(value, list):
            yield from value[slice(*self.bounds)]

    def __str__(self) -> str:
        return "[" + ":".join("" if bound is None else str(bound) for bound in self.bounds[:2]) + "]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*` or `[*]`."""

    definite = False

    def select(self, value: Json, root: Json) -> Iterator[Json]:
        yield from _children(value)

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(expression)]`: the elements of a list (or the object itself) for which the expression holds."""

    holds: Callable[[Json, Json], bool]
    definite = False

    def select(self, value: Json, root: Json) -> Iterator[Json]:
        candidates = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
        for item in candidates:
            if self.holds(item, root):
                yield item

    def __str__(self) -> str:
        return "[?]"


@dataclass(frozen=True, slots=True)
class Deep:
    """`..` and what follows it: applied to the value and to everything below it."""

    inner: Key | Index | Slice | Wildcard | Filter
    definite = False

    def select(self, value: Json, root: Json) -> Iterator[Json]:
        yield from self.inner.select(value, root)
        for child in _children(value):
            yield from self.select(child, root)

    def __str__(self) -> str:
        return ".." + str(self.inner)


Segment = Key | Index | Slice | Wildcard | Filter | Deep


def _children(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path. `variable` is None for `$`, "$" for the context object, else the variable's name."""

    text: str
    variable: str | None
    segments: tuple[Segment, ...]
    function: str | None = None

    @property
    def definite(self) -> bool:
        return all(segment.definite for segment in self.segments)

    @property
    def is_reference(self) -> bool:
        """A reference path names exactly one place: what ResultPath may be."""
        return self.function is None and self.definite

    def find(self, data: Json, context: Json = None, variables: Mapping[str, Json] | None = None) -> Json:
        """The value, or the list of values; PathError when a definite path leads nowhere."""
        if self.variable is None:
            root = data
        elif self.variable == "$":
            root = context
        elif variables and self.variable in variables:
            root = variables[self.variable]
        else:
            raise PathError(f"The variable ${self.variable} is not defined.")
        if self.definite:
            found = self._follow(root)
        else:
            values = [root]
            for segment in self.segments:
                values = [item for value in values for item in segment.select(value, root)]
            found = values
        return found if self.function is None else self._apply(found)

    def _follow(self, root: Json) -> Json:
        value = root
        last = len(self.segments) - 1
        for position, segment in enumerate(self.segments):
            if isinstance(segment, Key) and isinstance(value, dict):
                name = segment.names[0]
                if name in value:
                    value = value[name]
                    continue
                if position < last:
                    raise PathError(f"Missing property in path {self._location(position)}")
                raise PathError(f"No results for path: {self._location(position)}")
            if isinstance(segment, Index) and isinstance(value, list):
                number = segment.numbers[0]
                if -len(value) <= number < len(value):
                    value = value[number]
                    continue
                raise PathError(f"No results for path: {self._location(last)}")
            raise PathError(self._misfit(segment, value, position))
        return value

    def _misfit(self, segment: Segment, value: Json, position: int) -> str:
        if isinstance(segment, Index):
            return f"Filter: {segment} can only be applied to arrays. Current context is: {dump(value)}"
        return (
            f"Expected to find an object with property {segment} in path {self._location(position - 1)} but found "
            f"'{_java_class(value)}'. This is not a json object according to the JsonProvider: "
            "'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'."
        )

    def _location(self, position: int) -> str:
        return "$" + "".join(map(str, self.segments[: position + 1]))

    def _apply(self, value: Json) -> Json:
        if self.function == "length" and isinstance(value, (list, dict, str)):
            return len(value)
        if self.function == "keys" and isinstance(value, dict):
            return list(value)
        if self.function in _FUNCTIONS and isinstance(value, list):
            numbers = [item for item in value if is_number(item)]
            if numbers:
                return _FUNCTIONS[self.function](numbers)
        raise PathError(f"Aggregation function attempted to calculate value using empty array: {self.function}")


def _java_class(value: Json) -> str:
    if value is None:
        return "com.fasterxml.jackson.databind.node.NullNode"
    kinds = {bool: "BooleanNode", int: "IntNode", float: "DoubleNode", str: "TextNode", list: "ArrayNode"}
    return "com.fasterxml.jackson.databind.node." + kinds.get(type(value), "ObjectNode")


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """Compile a path; PathSyntaxError when it is none."""
    path, end = parse_prefix(text, 0)
    if end != len(text):
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


def _segments(text: str, at: int, names: re.Pattern[str]) -> tuple[list[Segment], int, str | None]:
    segments: list[Segment] = []
    segment: Segment
    while at < len(text):
        if text.startswith("..", at):
            inner: Key | Index | Slice | Wildcard | Filter
            inner, at = _bracket(text, at + 2) if text.startswith("[", at + 2) else _dotted(text, at + 2, names)
            segments.append(Deep(inner))
        elif text[at] == ".":
            segment, at = _dotted(text, at + 1, names)
            if text.startswith("()", at) and isinstance(segment, Key):
                name = segment.names[0]
                if name not in _FUNCTIONS and name not in ("length", "keys"):
                    raise PathSyntaxError(f"{text!r}: the function {name}() is not known")
                return segments, at + 2, name
            segments.append(segment)
        elif text[at] == "[":
            segment, at = _bracket(text, at)
            segments.append(segment)
        else:
            break
    return segments, at, None


def _dotted(text: str, at: int, names: re.Pattern[str]) -> tuple[Key | Wildcard, int]:
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
        from local.asl.pathfilter import parse_filter  # the two modules need one another: paths hold filters hold paths

        holds, at = parse_filter(text, at + 1)
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


def quoted(text: str, at: int) -> tuple[str, int]:
    """Read a quoted string with backslash escapes; also where it ends."""
    quote, out, at = text[at], [], at + 1
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        out.append(text[at])
        at += 1
    if at >= len(text):
        raise PathSyntaxError(f"{text!r}: a quote is not closed")
    return "".join(out), at + 1


def insert(path: Path, data: Json, value: Json) -> Json:
    """ResultPath: a copy of `data` with `value` at `path`; missing objects on the way are made.

    Lists are only walked: an index must exist. PathError when the path leads through something that is no object.
    """
    return _insert(data, path.segments, value, path) if path.segments else value


def _insert(data: Json, segments: tuple[Segment, ...], value: Json, path: Path) -> Json:
    if not segments:
        return value
    head, rest = segments[0], segments[1:]
    if isinstance(head, Key) and isinstance(data, dict):
        name = head.names[0]
        below = data.get(name)
        if rest and isinstance(rest[0], Key) and not isinstance(below, dict):
            below = {}
        return {**data, name: _insert(below, rest, value, path)}
    if isinstance(head, Index) and isinstance(data, list) and -len(data) <= head.numbers[0] < len(data):
        copy = list(data)
        copy[head.numbers[0]] = _insert(copy[head.numbers[0]], rest, value, path)
        return copy
    raise PathError(f"Unable to apply ReferencePath {path.text} to input {dump(data)}")
