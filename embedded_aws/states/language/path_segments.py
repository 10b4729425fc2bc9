"""A compiled JSONPath: its segments, reading a value at the path, and writing a result there (ResultPath).

`$` is the state's data, `$$` the context object, `$name` a workflow variable. A definite path gives one value or
fails; a path with a wildcard, slice, filter, union or deep scan gives a list, empty when nothing matches.

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
https://github.com/json-path/JsonPath (the rules and error texts; no code of it is used)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.states.language.errors import PathError
from embedded_aws.states.language.json_text import Json, dump, is_number

FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
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
    definite: bool = field(init=False)
    _names: tuple[str, ...] | None = field(init=False, repr=False, compare=False)
    """The names of a path that consists of names only: most paths do."""

    def __post_init__(self) -> None:
        names = [segment.names[0] for segment in self.segments if isinstance(segment, Key) and segment.definite]
        object.__setattr__(self, "definite", all(segment.definite for segment in self.segments))
        object.__setattr__(self, "_names", tuple(names) if len(names) == len(self.segments) else None)

    @property
    def is_reference(self) -> bool:
        """Whether this is a reference path, which names exactly one place; ResultPath must be one."""
        return self.function is None and self.definite

    def find(self, data: Json, context: Json = None, variables: Mapping[str, Json] | None = None) -> Json:
        """The value, or the list of values; PathError if a definite path finds nothing."""
        if self.variable is None:
            root = data
        elif self.variable == "$":
            root = context
        elif variables and self.variable in variables:
            root = variables[self.variable]
        else:
            raise PathError(f"The variable ${self.variable} is not defined.")
        if self._names is not None:
            found = self._at_names(root, self._names)
        elif self.definite:
            found = self._follow(root)
        else:
            values = [root]
            for segment in self.segments:
                values = [item for value in values for item in segment.select(value, root)]
            found = values
        return found if self.function is None else self._apply(found)

    def _at_names(self, root: Json, names: tuple[str, ...]) -> Json:
        value = root
        for name in names:
            if not isinstance(value, dict) or name not in value:
                return self._follow(root)  # finds the error
            value = value[name]
        return value

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
        if self.function in FUNCTIONS and isinstance(value, list):
            numbers = [item for item in value if is_number(item)]
            if numbers:
                return FUNCTIONS[self.function](numbers)
        raise PathError(f"Aggregation function attempted to calculate value using empty array: {self.function}")


def _java_class(value: Json) -> str:
    if value is None:
        return "com.fasterxml.jackson.databind.node.NullNode"
    kinds = {bool: "BooleanNode", int: "IntNode", float: "DoubleNode", str: "TextNode", list: "ArrayNode"}
    return "com.fasterxml.jackson.databind.node." + kinds.get(type(value), "ObjectNode")


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
    """ResultPath: a copy of `data` with `value` at `path`; missing objects on the path are created.

    Lists are not extended: an index must exist. PathError if the path leads through a value that is not an object.
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
