"""Checking parameters against a service model's limits the way AWS does.

botocore's client checks only required members, types and minimum lengths.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import regex
from botocore.model import Shape

from embedded_aws.wire.base import ServiceError


def check(shape: Shape, value: object, code: str = "ValidationException") -> None:
    """Raise ServiceError(`code`) unless `value` keeps every limit of `shape`.

    The message is AWS's: all failures in one sentence list, each naming the member's path.
    """
    failures = list(_failures(shape, value, ""))
    if failures:
        noun = "error" if len(failures) == 1 else "errors"
        listing = "; ".join(failures)
        raise ServiceError(code, f"{len(failures)} validation {noun} detected: {listing}")


def _failures(shape: Shape, value: Any, path: str) -> Iterable[str]:
    if getattr(shape, "is_document_type", False):
        return  # any JSON
    kind = shape.type_name
    expected = _JSON_TYPES.get(kind)
    if expected and (not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean")):
        yield _failure("", path, f"Member must be of type {kind}", show=False)
        return
    if kind == "structure":
        yield from _structure_failures(shape, value, path)
    elif kind == "list":
        yield from _length_failures(shape, len(value), value, path, "length")
        for number, item in enumerate(value, 1):
            yield from _failures(shape.member, item, f"{path}.{number}.member")
    elif kind == "map":
        yield from _length_failures(shape, len(value), value, path, "length")
        for key, item in value.items():
            yield from _failures(shape.key, key, f"{path}.key")
            yield from _failures(shape.value, item, f"{path}.{key}.member")
    elif kind == "string":
        yield from _string_failures(shape, value, path)
    elif kind == "blob":
        yield from _length_failures(shape, len(value), value, path, "length", show=False)
    elif kind in ("integer", "long", "float", "double"):
        if isinstance(value, int) and not -_WIDEST[kind] <= value < _WIDEST[kind]:
            yield _failure("", path, f"Member must be a number that fits into type {kind}", show=False)
            return
        yield from _length_failures(shape, value, value, path, "value")


_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "blob": (bytes,),
    "timestamp": (datetime,),
}
_WIDEST = {"integer": 2**31, "long": 2**63, "float": 2**127, "double": 2**1023}


def _structure_failures(shape: Shape, value: Mapping[str, Any], path: str) -> Iterable[str]:
    dot = f"{path}." if path else ""
    members: Mapping[str, Shape] = shape.members
    for name in shape.required_members:
        if value.get(name) is None:
            yield _failure("null", dot + _lower(name), "Member must not be null", show=True)
    given = [name for name in members if value.get(name) is not None]
    if getattr(shape, "is_tagged_union", False) and len(given) != 1:
        yield _failure("", path, "Member must have exactly one of " + ", ".join(members), show=False)
    for name in given:
        yield from _failures(members[name], value[name], dot + _lower(name))


def _string_failures(shape: Shape, value: str, path: str) -> Iterable[str]:
    secret = bool(shape.metadata.get("sensitive"))
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        constraint = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        yield _failure(value, path, constraint, show=not secret)
    yield from _length_failures(shape, len(value), value, path, "length", show=not secret)
    pattern = shape.metadata.get("pattern")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield _failure(value, path, f"Member must satisfy regular expression pattern: {pattern}", show=not secret)


def _length_failures(
    shape: Shape, size: float, value: object, path: str, measure: str, *, show: bool = True
) -> Iterable[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _failure(value, path, f"Member must have {measure} greater than or equal to {low}", show=show)
    if high is not None and size > high:
        yield _failure(value, path, f"Member must have {measure} less than or equal to {high}", show=show)
    if not math.isfinite(size):
        yield _failure(value, path, "Member must be a finite number", show=show)


def _failure(value: object, path: str, constraint: str, *, show: bool) -> str:
    shown = f"Value '{value}'" if show and len(str(value)) <= 256 else "Value"
    return f"{shown} at '{path}' failed to satisfy constraint: {constraint}"


@cache
def _pattern(source: str) -> regex.Pattern[str]:
    # The models' patterns are Java's; `regex` knows its classes (\p{L}) where `re` does not.
    return regex.compile(source, regex.DOTALL if source.startswith("(?s)") else 0)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
