"""JSON as AWS writes it: compact, UTF-8, and at most 262,144 bytes between states.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import json
import re
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
    except json.JSONDecodeError as error:
        raise ValueError(unparsed(error)[0]) from None
    except UnicodeDecodeError:
        raise ValueError("the text is not UTF-8") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def unparsed(error: json.JSONDecodeError) -> tuple[str, str]:
    """What is wrong with a JSON text, and where, in the words of the parser that AWS uses (Jackson)."""
    column, rest = error.colno, error.doc[error.pos :]
    if word := re.compile(r"[A-Za-z_]\w*").match(rest):
        column += len(word.group())
        message = f"Unrecognized token '{word.group()}': was expecting ({_VALUE})"
    elif not rest.strip() or error.msg.startswith("Unterminated"):
        message = "Unexpected end-of-input"
    else:
        wanted = next((words for start, words in _WANTED.items() if error.msg.startswith(start)), "a valid escape")
        message = f"Unexpected character ('{rest[0]}' (code {ord(rest[0])})): was expecting {wanted}"
    return message, f'[Source: (String)"{error.doc[:500]}"; line: {error.lineno}, column: {column}]'


_VALUE = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
_WANTED = {
    "Expecting value": f"a valid value ({_VALUE})",
    "Expecting property": "double-quote to start field name",
    "Expecting ':'": "a colon to separate field name and value",
    "Expecting ','": "comma to separate entries",
    "Extra data": "end of input",
}
"""By the beginning of the message that Python's parser has."""


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
