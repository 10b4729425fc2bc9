"""The functions that Step Functions adds to JSONata, those that it takes away, and those that need a limit here.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from math import isfinite
from typing import Any
from uuid import uuid4

from embedded_aws.states.language import intrinsics
from embedded_aws.states.language.json_text import MAX_BYTES, Json, is_number, load


def failure(code: str, *values: Json) -> Exception:
    """An error of the language, with the values that its message names."""
    from jsonata.jexception import JException  # slow to load

    error: Exception = JException(code, -1, *values)
    return error


@cache
def functions() -> dict[str, Any]:
    """By name, as the library binds them in an evaluation's frame."""
    from jsonata import Jsonata  # slow to load

    return {name: Jsonata.JLambda(_checked(name, *rule)) for name, rule in _FUNCTIONS.items()}


Kind = Callable[[Json], bool]


def _checked(name: str, run: Callable[..., Json], least: int, *kinds: Kind) -> Callable[..., Json]:
    """`run` with its arguments checked: at least `least`, each of its kind."""

    def call(*arguments: Json) -> Json:
        given = [*arguments, *(None for _ in range(least - len(arguments)))]
        if len(given) > len(kinds):
            raise failure("T0410", len(kinds) + 1, name)
        for number, (kind, value) in enumerate(zip(kinds, given, strict=False), start=1):
            if not kind(value):
                raise failure("T0410", number, name)
        return run(*given)

    return call


def _any(value: Json) -> bool:
    return value is not None


def _text(value: Json) -> bool:
    return isinstance(value, str)


def _list(value: Json) -> bool:
    return isinstance(value, (list, tuple, range))


def _intrinsic(name: str) -> Callable[..., Json]:
    def run(*arguments: Json) -> Json:
        plain = [list(value) if _list(value) else value for value in arguments]
        try:
            return intrinsics.FUNCTIONS[name].run(*plain)
        except intrinsics.ArgumentError as error:
            raise failure("{{{message}}}", str(error)) from None

    return run


def _random(seed: Json = None) -> float:
    generator = random.Random() if seed is None else random.Random(seed)  # noqa: S311  the language's own random
    return generator.random()


def _parse(text: str) -> Json:
    try:
        return load(text)
    except ValueError as error:
        raise failure("{{{message}}}", f"The argument of $parse is not JSON: {error}") from None


def _number(value: Json) -> Json:
    """As the library's, which raises Python's errors for text that is no number."""
    from jsonata.functions import Functions  # slow to load

    try:
        number = Functions.number(value)
    except ValueError:
        raise failure("D3030", value) from None
    if isinstance(number, float) and not isfinite(number):
        raise failure("D3030", value)
    return number


def _string(value: Json, pretty: bool | None = None) -> str | None:
    """As the library's, with numbers up to 1e21 written in digits, as JavaScript does."""
    from jsonata.functions import Functions  # slow to load

    if is_number(value) and abs(value) < 1e21 and float(value).is_integer():
        return str(int(Decimal(repr(float(value)))))
    text: str | None = Functions.string(value, pretty)
    return text


def _pad(text: Json, width: float, fill: str | None = None) -> Json:
    """As the library's, without room for a text that no state could pass on."""
    from jsonata.functions import Functions  # slow to load

    if text is None:
        return None
    if abs(width) > MAX_BYTES:
        raise failure("D1001", width)
    padded: str = Functions.pad(text, int(width), fill)
    return padded


def _no_eval(*arguments: Json) -> Json:
    raise failure("T1006")


_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "partition": (_intrinsic("ArrayPartition"), 2, _list, is_number),
    "range": (_intrinsic("ArrayRange"), 3, is_number, is_number, is_number),
    "hash": (_intrinsic("Hash"), 2, _any, _text),
    "random": (_random, 0, is_number),
    "uuid": (lambda: str(uuid4()), 0),
    "parse": (_parse, 1, _text),
    "number": (_number, 1, lambda value: value is None or isinstance(value, (str, int, float))),
    "string": (_string, 1, lambda value: True, lambda value: value is None or isinstance(value, bool)),
    "pad": (_pad, 2, lambda value: value is None or _text(value), is_number, _text),
    "eval": (_no_eval, 0, *(lambda value: True for _ in range(9))),
}
