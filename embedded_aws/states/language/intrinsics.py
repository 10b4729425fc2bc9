"""Intrinsic functions, `States.Format('Hello {}', $.name)`: parsed once, called with the state's data.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from embedded_aws.states.language.errors import INTRINSIC, FaultError
from embedded_aws.states.language.json_text import Json, dump, is_number, load, same
from embedded_aws.states.language.path_segments import Path, PathSyntaxError
from embedded_aws.states.language.paths import parse_prefix

_CALL = re.compile(r"States\.(\w+)\s*\(")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?(?=\s*[,)])")
_WORD = re.compile(r"(true|false|null)(?=\s*[,)])")
_SPACE = re.compile(r"\s*")
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 10


class IntrinsicSyntaxError(ValueError):
    """The text is not an intrinsic function call."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant argument."""

    value: Json

    def value_in(self, data: Json, context: Json, variables: Mapping[str, Json]) -> Json:
        return self.value


@dataclass(frozen=True, slots=True)
class Reference:
    """A path argument."""

    path: Path

    def value_in(self, data: Json, context: Json, variables: Mapping[str, Json]) -> Json:
        return self.path.find(data, context, variables)


@dataclass(frozen=True, slots=True)
class Call:
    """A call; its arguments may be calls."""

    text: str
    name: str
    arguments: tuple[Literal | Reference | Call, ...]

    def value_in(self, data: Json, context: Json, variables: Mapping[str, Json]) -> Json:
        values = [argument.value_in(data, context, variables) for argument in self.arguments]
        try:
            return FUNCTIONS[self.name].run(*values)
        except ArgumentError as error:
            raise FaultError(f"The function '{self.text}' had the following error: {error}", INTRINSIC) from None


class ArgumentError(Exception):
    """An argument has the wrong type or value."""


@dataclass(frozen=True, slots=True)
class _Function:
    run: Callable[..., Json]
    least: int
    most: int


def parse_call(text: str) -> Call:
    """Compile a call; IntrinsicSyntaxError if the text is not a call or has the wrong number of arguments."""
    try:
        call, end = _call(text, 0, 1)
    except PathSyntaxError as error:
        raise IntrinsicSyntaxError(str(error)) from None
    if text[end:].strip():
        raise IntrinsicSyntaxError(f"{text!r}: unexpected text after the call")
    return call


def _call(text: str, start: int, depth: int) -> tuple[Call, int]:
    head = _CALL.match(text, start)
    if head is None or head.group(1) not in FUNCTIONS:
        raise IntrinsicSyntaxError(f"{text!r} is not an intrinsic function")
    if depth > _MAX_DEPTH:
        raise IntrinsicSyntaxError(f"{text!r}: calls may be nested {_MAX_DEPTH} deep")
    at = _skip(text, head.end())
    arguments: list[Literal | Reference | Call] = []
    while not text.startswith(")", at):
        argument, at = _argument(text, at, depth)
        arguments.append(argument)
        at = _skip(text, at)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
            if text.startswith(")", at):
                raise IntrinsicSyntaxError(f"{text!r}: an argument is missing")
        elif not text.startswith(")", at):
            raise IntrinsicSyntaxError(f"{text!r}: , or ) is missing at {at}")
    plain = int(head.group(1) == "Format")  # its template, which keeps its escapes
    arguments[plain:] = map(_unescaped, arguments[plain:])
    function = FUNCTIONS[head.group(1)]
    if not function.least <= len(arguments) <= function.most:
        raise IntrinsicSyntaxError(f"{text!r}: wrong number of arguments")
    return Call(text[start : at + 1], head.group(1), tuple(arguments)), at + 1


def _argument(text: str, at: int, depth: int) -> tuple[Literal | Reference | Call, int]:
    if text.startswith("'", at):
        return _string(text, at)
    if text.startswith("$", at):
        path, end = parse_prefix(text, at)
        return Reference(path), end
    if number := _NUMBER.match(text, at):
        return Literal(load(number.group())), number.end()
    if word := _WORD.match(text, at):
        return Literal(_WORDS[word.group(1)]), word.end()
    return _call(text, at, depth + 1)


def _string(text: str, at: int) -> tuple[Literal, int]:
    """Within quotes `\\'`, `\\{`, `\\}` and `\\\\` are escapes; braces stay escaped for States.Format to read."""
    out, at = [], at + 1
    while at < len(text) and text[at] != "'":
        if text[at] == "\\":
            following = text[at + 1 : at + 2]
            if following not in ("'", "{", "}", "\\"):
                raise IntrinsicSyntaxError(f"{text!r}: the escape \\{following} at {at} is not allowed")
            out.append(following if following == "'" else "\\" + following)
            at += 2
        else:
            out.append(text[at])
            at += 1
    if at >= len(text):
        raise IntrinsicSyntaxError(f"{text!r}: a quote is not closed")
    return Literal("".join(out)), at + 1


def _unescaped(argument: Literal | Reference | Call) -> Literal | Reference | Call:
    """Braces have a meaning only in States.Format's template; elsewhere an escaped brace is a brace."""
    if isinstance(argument, Literal) and isinstance(argument.value, str):
        return Literal(re.sub(r"\\([{}\\])", r"\1", argument.value))
    return argument


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


# --- the functions --------------------------------------------------------------------------------------------------


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise ArgumentError(message)


def _format(template: Json, *values: Json) -> Json:
    _need(isinstance(template, str), "The first argument must be a string.")
    out: list[str] = []
    left = list(values)
    at = 0
    while at < len(template):
        if template[at] == "\\" and template[at + 1 : at + 2] in ("{", "}", "\\"):
            out.append(template[at + 1])
            at += 2
        elif template.startswith("{}", at):
            _need(bool(left), "Invalid arguments: the number of arguments does not match the occurrences of {}.")
            out.append(_java_text(left.pop(0)))
            at += 2
        else:
            out.append(template[at])
            at += 1
    _need(not left, "Invalid arguments: the number of arguments does not match the occurrences of {}.")
    return "".join(out)


def _java_text(value: Json) -> str:
    """States.Format prints objects and lists as Java's toString does: {a=1, b=[x]}."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_java_text, value)) + "]"
    return dump(value)


def _string_to_json(text: Json) -> Json:
    _need(isinstance(text, str), "The argument must be a string.")
    if not text.strip():
        return None
    try:
        return load(text)
    except ValueError:
        raise ArgumentError(f"Failed to parse the string as JSON: {text[:200]}") from None


def _json_to_string(value: Json) -> Json:
    return dump(value)


def _partition(items: Json, size: Json) -> Json:
    _need(isinstance(items, list), "The first argument must be an array.")
    _need(is_number(size) and _rounded(size) > 0, "The chunk size must be a positive integer.")
    step = _rounded(size)
    return [items[at : at + step] for at in range(0, len(items), step)]


def _contains(items: Json, wanted: Json) -> Json:
    _need(isinstance(items, list), "The first argument must be an array.")
    return any(same(item, wanted) for item in items)


def _range(first: Json, last: Json, step: Json) -> Json:
    _need(all(map(is_number, (first, last, step))), "The arguments must be numbers.")
    low, high, by = _rounded(first), _rounded(last), _rounded(step)
    _need(by != 0, "The increment must not be 0.")
    _need((high - low) // by < 1000, "The range may hold at most 1000 items.")
    values = range(low, high + (1 if by > 0 else -1), by)
    return list(values)


def _get_item(items: Json, index: Json) -> Json:
    _need(isinstance(items, list), "The first argument must be an array.")
    _need(is_number(index), "The index must be a number.")
    _need(0 <= _rounded(index) < len(items), "The index is out of bounds.")
    return items[_rounded(index)]


def _length(items: Json) -> Json:
    _need(isinstance(items, list), "The argument must be an array.")
    return len(items)


def _unique(items: Json) -> Json:
    _need(isinstance(items, list), "The argument must be an array.")
    kept: list[Json] = []
    for item in items:
        if not any(same(item, other) for other in kept):
            kept.append(item)
    return kept


def _base64_encode(text: Json) -> Json:
    _need(isinstance(text, str) and len(text) <= 10_000, "The argument must be a string of up to 10,000 characters.")
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode("ascii")


def _base64_decode(text: Json) -> Json:
    _need(isinstance(text, str) and len(text) <= 10_000, "The argument must be a string of up to 10,000 characters.")
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        raise ArgumentError("The argument is not valid Base64.") from None


_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def _hash(value: Json, algorithm: Json) -> Json:
    _need(
        isinstance(algorithm, str) and algorithm in _HASHES,
        "The algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512.",
    )
    text = value if isinstance(value, str) else dump(value)
    return hashlib.new(_HASHES[algorithm], text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _merge(first: Json, second: Json, deep: Json) -> Json:
    _need(isinstance(first, dict) and isinstance(second, dict), "The first two arguments must be objects.")
    _need(deep is False, "Deep merging is not supported: the third argument must be false.")
    return {**first, **second}


def _random(low: Json, high: Json, *seed: Json) -> Json:
    _need(all(map(is_number, (low, high, *seed))), "The arguments must be numbers.")
    first, last = _rounded(low), _rounded(high)
    _need(first < last, "The start must be less than the end.")
    generator = random.Random(*map(_rounded, seed))  # noqa: S311  the language's own random
    return generator.randrange(first, last)


def _add(left: Json, right: Json) -> Json:
    _need(is_number(left) and is_number(right), "The arguments must be numbers.")
    return _rounded(left) + _rounded(right)


def _rounded(value: float) -> int:
    """Java's Math.round: halves go up."""
    return value if isinstance(value, int) else int((value + 0.5) // 1)


def _split(text: Json, separators: Json) -> Json:
    _need(isinstance(text, str) and isinstance(separators, str), "The arguments must be strings.")
    if not separators:
        return [text]
    # Every character of the second argument separates; empty pieces are dropped (Java's StringTokenizer).
    return [piece for piece in re.split(f"[{re.escape(separators)}]", text) if piece]


def _uuid() -> Json:
    return str(UUID(bytes=uuid4().bytes, version=4))


FUNCTIONS: dict[str, _Function] = {
    "Format": _Function(_format, 1, 10_000),
    "StringToJson": _Function(_string_to_json, 1, 1),
    "JsonToString": _Function(_json_to_string, 1, 1),
    "Array": _Function(lambda *values: list(values), 0, 10_000),
    "ArrayPartition": _Function(_partition, 2, 2),
    "ArrayContains": _Function(_contains, 2, 2),
    "ArrayRange": _Function(_range, 3, 3),
    "ArrayGetItem": _Function(_get_item, 2, 2),
    "ArrayLength": _Function(_length, 1, 1),
    "ArrayUnique": _Function(_unique, 1, 1),
    "Base64Encode": _Function(_base64_encode, 1, 1),
    "Base64Decode": _Function(_base64_decode, 1, 1),
    "Hash": _Function(_hash, 2, 2),
    "JsonMerge": _Function(_merge, 3, 3),
    "MathRandom": _Function(_random, 2, 3),
    "MathAdd": _Function(_add, 2, 2),
    "StringSplit": _Function(_split, 2, 2),
    "UUID": _Function(_uuid, 0, 0),
}
