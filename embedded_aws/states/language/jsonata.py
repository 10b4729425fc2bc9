"""JSONata: `{% expression %}` values, evaluated by the jsonata-python library with all values bound as data.

Data is never inserted into the expression text: `$states` and the variables are bound in the evaluation's frame.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any
from uuid import uuid4

from embedded_aws.states.language import intrinsics
from embedded_aws.states.language.errors import QUERY, DefinitionError, FaultError
from embedded_aws.states.language.fields import Env, Field, constant
from embedded_aws.states.language.json_text import Json, dump, load
from embedded_aws.states.language.regexes import jsonata_engine

_SECONDS = 5.0
"""Processor time that one evaluation may take. A busy machine or a long wait before the state does not count."""
_DEPTH = 400
_LONGEST_RANGE = 1_000_000
"""The language's own limit, ten times this, costs hundreds of megabytes and seconds before the clock is read."""

clock: Callable[[], float] = time.thread_time
"""The seconds that count towards the limit: processor time of this thread."""


def is_expression(value: Json) -> bool:
    """Whether a string is `{% ... %}`."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def jsonata_field(value: Json, location: str) -> Field:
    """Compile a value with expressions anywhere in it; DefinitionError when one does not parse.

    `location` is the field's name, e.g. "Arguments": faults name it with the way down to the expression.
    """
    compiled = _compile(value, location)
    return constant(value) if compiled is None else compiled


def condition(value: Json, location: str) -> Callable[[Env], bool]:
    """A Choice rule's Condition: a boolean."""
    field = jsonata_field(value, location)

    def test(env: Env) -> bool:
        answer = field(env)
        if not isinstance(answer, bool):
            raise unexpected(value, location, "boolean", answer)
        return answer

    return test


def typed(value: Json, location: str, wanted: str) -> Field:
    """A field whose value must be of one type: "array", "number" or "string"."""
    field = jsonata_field(value, location)

    def evaluate(env: Env) -> Json:
        answer = field(env)
        if type_name(answer) != wanted:
            raise unexpected(value, location, wanted, answer)
        return answer

    return evaluate


def unexpected(value: Json, location: str, wanted: str, answer: Json) -> FaultError:
    """The fault of an expression whose result has the wrong type."""
    text = value[2:-2].strip() if is_expression(value) else dump(value)
    return FaultError(
        f"The JSONata expression '{text}' specified for the field '{location}' returned an unexpected result type. "
        f"Expected '{wanted}', but was '{type_name(answer)}' for value: {dump(answer)}",
        QUERY,
        location,
    )


def type_name(value: Json) -> str:
    """The JSON type, in JSONata's words."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def _compile(value: Json, location: str) -> Field | None:
    if is_expression(value):
        return _expression(value[2:-2].strip(), location)
    if isinstance(value, list):
        items = [_compile(item, f"{location}[{number}]") for number, item in enumerate(value)]
        if not any(items):
            return None
        fields = [field or constant(item) for field, item in zip(items, value, strict=True)]
        return lambda env: [field(env) for field in fields]
    if isinstance(value, dict):
        members = {key: _compile(item, f"{location}/{key}") for key, item in value.items()}
        if not any(members.values()):
            return None
        complete = {key: field or constant(value[key]) for key, field in members.items()}
        return lambda env: {key: field(env) for key, field in complete.items()}
    return None


def _expression(text: str, location: str) -> Field:
    evaluate = _evaluator(text, location)
    about = f"The JSONata expression '{text}' specified for the field '{location}'"

    def field(env: Env) -> Json:
        try:
            answer = evaluate(env)
        except ZeroDivisionError:
            # Python raises here; JSONata computes infinity and refuses it.
            message = f"{about} threw an error during evaluation. D1001: Number out of range: Infinity"
            raise FaultError(message, QUERY, location) from None
        except Exception as error:  # noqa: BLE001  the library raises its own errors and Python's alike
            code = getattr(error, "error", None)
            raise FaultError(
                f"{about} threw an error during evaluation. {code + ': ' if code else ''}{error}", QUERY, location
            ) from None
        if answer is None:
            raise FaultError(f"{about} returned nothing (undefined).", QUERY, location)
        try:
            return _plain(answer)
        except TypeError:
            raise FaultError(f"{about} returned an unsupported result type.", QUERY, location) from None

    return field


def _evaluator(text: str, location: str) -> Callable[[Env], Any]:
    from jsonata.utils import Utils  # slow to load

    try:
        compiled = _bounded()(text, jsonata_engine)
    except Exception as error:  # noqa: BLE001  the library raises its own errors and Python's alike
        raise DefinitionError(f"The JSONata expression '{text}' is not valid: {error}", location) from None
    compiled.set_output_convert_nulls(False)  # keeps null and undefined apart
    compiled.set_validate_input(False)
    null = Utils.NULL_VALUE

    def evaluate(env: Env) -> Any:
        frame = {**_functions(), "states": _states(env)}
        for name, value in env.variables.items():
            frame[name] = null if value is None else value
        return compiled.evaluate(None, frame | _Bounds().callbacks())

    return evaluate


class _Bounds:
    """Limits of time and depth for one evaluation.

    The library has such limits too, but counts from the moment when the expression was compiled, on the wall clock, and
    for all evaluations of the expression together.
    """

    def __init__(self) -> None:
        self._end = clock() + _SECONDS
        self._depth = 0

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """The variables under which the library looks for callbacks around each step."""
        return {"__evaluate_entry": self._enter, "__evaluate_exit": self._leave}

    def _enter(self, expression: Any, value: Any, frame: Any) -> None:
        if not frame.is_parallel_call:
            self._depth += 1
            self._check()

    def _leave(self, expression: Any, value: Any, frame: Any, result: Any) -> None:
        if not frame.is_parallel_call:
            self._depth -= 1
            self._check()

    def _check(self) -> None:
        if self._depth > _DEPTH:
            raise _error("D1011")
        if clock() > self._end:
            raise _error("D1012", int(_SECONDS * 1000))


def _error(code: str, *values: int) -> Exception:
    from jsonata.jexception import JException  # slow to load

    error: Exception = JException(code, -1, *values)
    return error


@cache
def _bounded() -> Any:
    """The library's evaluator with a smaller limit for `[first..last]`."""
    from jsonata import Jsonata  # slow to load

    class Bounded(Jsonata):  # type: ignore[misc]  # the library is not typed
        def evaluate_range_expression(self, lhs: Any, rhs: Any) -> Any:
            if isinstance(lhs, int) and isinstance(rhs, int) and rhs - lhs >= _LONGEST_RANGE:
                raise _error("D2014", rhs - lhs + 1)
            return super().evaluate_range_expression(lhs, rhs)

    return Bounded


def _states(env: Env) -> dict[str, Json]:
    states = {"input": env.input, "context": env.context}
    if env.has_result:
        states["result"] = env.result
    if env.has_error:
        states["errorOutput"] = env.error_output
    return states


def _plain(value: Any) -> Json:
    """The library's values as plain JSON; TypeError for functions and the like."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not isfinite(value):
            raise TypeError("not a JSON number")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if type(value).__name__ == "NullValue":
        return None
    raise TypeError(type(value).__name__)


@cache
def _functions() -> dict[str, Any]:
    """The functions that Step Functions adds to JSONata.

    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
    """
    from jsonata import Jsonata  # slow to load

    added: dict[str, Callable[..., Json]] = {
        "partition": lambda items, size: intrinsics.FUNCTIONS["ArrayPartition"].run(items, size),
        "range": lambda first, last, step: intrinsics.FUNCTIONS["ArrayRange"].run(first, last, step),
        "hash": lambda value, algorithm: intrinsics.FUNCTIONS["Hash"].run(value, algorithm),
        "random": _random,
        "uuid": lambda: str(uuid4()),
        "parse": load,
    }
    return {name: Jsonata.JLambda(function) for name, function in added.items()}


def _random(seed: Json = None) -> float:
    generator = random.Random() if seed is None else random.Random(seed)  # noqa: S311  the language's own random
    return generator.random()
