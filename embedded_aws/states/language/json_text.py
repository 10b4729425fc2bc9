"""JSON as AWS writes it: compact, UTF-8, and at most 262,144 bytes between states.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, TypeAlias

Json: TypeAlias = Any
MAX_BYTES = 262_144

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_escaping = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)
_decoder = json.JSONDecoder(parse_constant=lambda name: _refuse(name), parse_float=lambda text: _finite(text))


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def dump(value: Json) -> str:
    """Compact JSON text; characters that UTF-8 cannot hold (lone surrogates) are escaped."""
    text = _encoder.encode(value)
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _escaping.encode(value)
    return text


def load(text: str | bytes) -> Json:
    """Parse JSON text; ValueError for anything else, including NaN, Infinity and too deep nesting."""
    try:
        return _decoder.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def is_number(value: Json) -> bool:
    """A JSON number (Python's bool is an int, JSON's is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(left: Json, right: Json) -> bool:
    """JSON equality: 1 equals 1.0, true does not equal 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
