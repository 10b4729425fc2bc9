"""Choice rules: data-test expressions compiled to predicates.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from embedded_aws.states.language.errors import FaultError, PathError
from embedded_aws.states.language.fields import Env
from embedded_aws.states.language.json_text import Json, is_number
from embedded_aws.states.language.path_segments import Path
from embedded_aws.states.language.paths import parse

Predicate = Callable[[Env], bool]

_RFC3339 = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def timestamp(value: Json) -> datetime | None:
    """An RFC 3339 timestamp with T and Z (or an offset) in capitals; None for anything else."""
    if not isinstance(value, str) or not (found := _RFC3339.fullmatch(value)):
        return None
    fraction = (found.group(7) or "").ljust(6, "0")[:6]
    zone = "+00:00" if found.group(8) == "Z" else found.group(8)
    try:
        parsed = datetime.fromisoformat(f"{value[:19]}.{fraction}{zone}")
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(value: Json) -> Json:
    return value if is_number(value) else None


def _utf16(value: Json) -> Json:
    """Java compares strings by UTF-16 code units; in Python, only characters beyond the BMP sort differently."""
    return value.encode("utf-16-be", "surrogatepass") if isinstance(value, str) else None


def _boolean(value: Json) -> Json:
    return value if isinstance(value, bool) else None


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda left, right: left == right,
    "LessThan": lambda left, right: left < right,
    "GreaterThan": lambda left, right: left > right,
    "LessThanEquals": lambda left, right: left <= right,
    "GreaterThanEquals": lambda left, right: left >= right,
}
_KINDS: dict[str, Callable[[Json], Any]] = {"String": _utf16, "Numeric": _number, "Timestamp": timestamp}

# operator -> (reader that gives None for the wrong type, comparison)
COMPARISONS: dict[str, tuple[Callable[[Json], Any], Callable[[Any, Any], bool]]] = {
    f"{kind}{name}": (reader, compare) for kind, reader in _KINDS.items() for name, compare in _COMPARE.items()
} | {"BooleanEquals": (_boolean, _COMPARE["Equals"])}

TYPE_TESTS: dict[str, Callable[[Json], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": lambda value: isinstance(value, str),
    "IsNumeric": is_number,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: timestamp(value) is not None,
}
BOOLEAN_OPERATORS = ("And", "Or", "Not")


def compile_rule(rule: Mapping[str, Json]) -> Predicate:
    """Compile a validated rule (`And`, `Or`, `Not` or one comparison on `Variable`)."""
    if "Not" in rule:
        inner = compile_rule(rule["Not"])
        return lambda env: not inner(env)
    if "And" in rule:
        every = [compile_rule(part) for part in rule["And"]]
        return lambda env: all(part(env) for part in every)
    if "Or" in rule:
        some = [compile_rule(part) for part in rule["Or"]]
        return lambda env: any(part(env) for part in some)
    operator = next(key for key in rule if operator_known(key))
    return _comparison(parse(rule["Variable"]), operator, rule[operator])


def operator_known(name: str) -> bool:
    """Whether a rule's member is a comparison operator (with or without Path)."""
    plain = name.removesuffix("Path")
    return name in TYPE_TESTS or name in ("IsPresent", "StringMatches") or plain in COMPARISONS


def _comparison(variable: Path, operator: str, wanted: Json) -> Predicate:
    if operator == "IsPresent":
        return lambda env: _present(variable, env) is wanted
    if operator in TYPE_TESTS:
        test = TYPE_TESTS[operator]
        return lambda env: test(_required(variable, env)) is wanted
    if operator == "StringMatches":
        matches = wildcard(wanted)
        return lambda env: matches(_required(variable, env))
    reader, compare = COMPARISONS[operator.removesuffix("Path")]
    if operator.endswith("Path"):
        other = parse(wanted)
        return lambda env: _compared(reader, compare, _required(variable, env), _required(other, env))
    return lambda env: _compared(reader, compare, _required(variable, env), wanted)


def _compared(reader: Callable[[Json], Any], compare: Callable[[Any, Any], bool], left: Json, right: Json) -> bool:
    first, second = reader(left), reader(right)
    return first is not None and second is not None and compare(first, second)


def _required(path: Path, env: Env) -> Json:
    try:
        return path.find(env.data, env.context, env.variables)
    except PathError:
        raise FaultError(
            f"Invalid path '{path.text}': The choice state's condition path references an invalid value."
        ) from None


def _present(path: Path, env: Env) -> bool:
    try:
        found = path.find(env.data, env.context, env.variables)
    except PathError:
        return False
    return path.definite or bool(found)


def wildcard(text: str) -> Callable[[Json], bool]:
    """StringMatches: `*` matches any characters, `\\*` a star and `\\\\` a backslash.

    The search goes from left to right, piece by piece between the stars, so that no pattern is slow.
    """
    pieces = [""]
    at = 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in ("*", "\\"):
            pieces[-1] += text[at + 1]
            at += 1
        elif text[at] == "*":
            pieces.append("")
        else:
            pieces[-1] += text[at]
        at += 1
    first, *middle, last = pieces if len(pieces) > 1 else (pieces[0], "")

    def matches(value: Json) -> bool:
        if not isinstance(value, str):
            return False
        if len(pieces) == 1:
            return value == first
        if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
            return False
        here, end = len(first), len(value) - len(last)
        for piece in middle:
            found = value.find(piece, here, end)
            if found < 0:
                return False
            here = found + len(piece)
        return True

    return matches
