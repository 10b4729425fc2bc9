"""JSONata: `{% expression %}` values, evaluated by the jsonata-python library with all values bound as data.

Data is never inserted into the expression text: `$states` and the variables are bound in the evaluation's frame.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache
from math import copysign, fmod, inf, isfinite, nan
from typing import Any

from embedded_aws.states.language.errors import QUERY, DefinitionError, FaultError
from embedded_aws.states.language.fields import Env, Field, constant
from embedded_aws.states.language.json_text import MAX_BYTES, Json, dump, is_number
from embedded_aws.states.language.jsonata_functions import failure, functions
from embedded_aws.states.language.jsonata_names import refused_name
from embedded_aws.states.language.regexes import jsonata_engine
from embedded_aws.states.language.shapes import is_expression

_SECONDS = 1.0
"""Processor time that one evaluation may take. A busy machine or a long wait before the state does not count."""
_DEPTH = 400
_LONGEST_RANGE = 500_000
"""AWS fails at 900,000; the language's own limit costs hundreds of megabytes and seconds before the clock is read."""
_LARGEST = 4 * MAX_BYTES
"""Characters of a text and items of a list on the way to a result, which itself has at most MAX_BYTES."""

clock: Callable[[], float] = time.thread_time
"""The seconds that count towards the limit: processor time of this thread."""


def jsonata_field(value: Json, location: str, *, result: bool = False) -> Field:
    """Compile a value with expressions anywhere in it; DefinitionError when one does not parse.

    `location` is the field's name, e.g. "Arguments": faults name it with the way down to the expression. `result`: the
    field may read `$states.result`.
    """
    compiled = _compile(value, location, result)
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


def typed(value: Json, location: str, wanted: str, *others: str) -> Field:
    """A field whose value must be of one type, "array", "number" or "string", or of one of the others."""
    field = jsonata_field(value, location)

    def evaluate(env: Env) -> Json:
        answer = field(env)
        if type_name(answer) not in (wanted, *others):
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


def _compile(value: Json, location: str, result: bool) -> Field | None:
    if is_expression(value):
        return _expression(value[2:-2].strip(), location, result)
    if isinstance(value, str) and (value.startswith("{%") or value.endswith("%}")):
        message = "An expression must begin with '{%' and end with '%}', without blanks around them."
        raise DefinitionError(message, location, "INVALID_JSONATA_EXPRESSION")
    if isinstance(value, list):
        items = [_compile(item, f"{location}[{number}]", result) for number, item in enumerate(value)]
        if not any(items):
            return None
        fields = [field or constant(item) for field, item in zip(items, value, strict=True)]
        return lambda env: [field(env) for field in fields]
    if isinstance(value, dict):
        members = {key: _compile(item, f"{location}/{key}", result) for key, item in value.items()}
        if not any(members.values()):
            return None
        complete = {key: field or constant(value[key]) for key, field in members.items()}
        return lambda env: {key: field(env) for key, field in complete.items()}
    return None


def _expression(text: str, location: str, result: bool) -> Field:
    evaluate = _evaluator(text, location, result)
    about = f"The JSONata expression '{text}' specified for the field '{location}'"

    def field(env: Env) -> Json:
        try:
            answer = evaluate(env)
        except Exception as error:  # noqa: BLE001  the library raises its own errors and Python's alike
            raise FaultError(f"{about} {_thrown(error)}", QUERY, location) from None
        if answer is None:
            raise FaultError(f"{about} returned nothing (undefined).", QUERY, location)
        try:
            return _plain(answer)
        except TypeError:
            raise FaultError(f"{about} returned an unsupported result type.", QUERY, location) from None

    return field


def _evaluator(text: str, location: str, result: bool) -> Callable[[Env], Any]:
    from jsonata.utils import Utils  # slow to load

    try:
        compiled = _bounded()(text + "\n", jsonata_engine)  # the library cannot read a comment at the very end
    except Exception as error:  # noqa: BLE001  the library raises its own errors and Python's alike
        raise DefinitionError(_syntax_fault(error), location, "INVALID_JSONATA_EXPRESSION") from None
    refused = refused_name(compiled.ast, in_catch=location.startswith("Catch["), has_result=result)
    if refused is not None:
        code, message = refused
        raise DefinitionError(message, location, code)
    compiled.set_output_convert_nulls(False)  # keeps null and undefined apart
    compiled.set_validate_input(False)
    null = Utils.NULL_VALUE

    def evaluate(env: Env) -> Any:
        frame = {**functions(), "states": _states(env)}
        for name, value in env.variables.items():
            frame[name] = null if value is None else value
        return compiled.evaluate(None, frame | _Bounds().callbacks())

    return evaluate


def _syntax_fault(error: Exception) -> str:
    if isinstance(error, IndexError):  # the library reads past the end
        return "Comment has no closing tag"
    if isinstance(error, KeyError):
        return f'Unknown operator: "{error.args[0]}"'
    return _words(error)[1] or str(error)


def _thrown(error: Exception) -> str:
    """How an evaluation ended. The library lets some of Python's errors through, whose words are of no use to users."""
    code, words = _words(error)
    if not (code or words):
        return "threw an internal error during evaluation."
    return f"threw an error during evaluation. {code + ': ' if code else ''}{words}"


def _words(error: Exception) -> tuple[str, str]:
    """An error's code and its message as the language's reference implementation and AWS word it; empty if not its own.

    They put the values in quotation marks, and say function where this library says Object.
    """
    from jsonata.jexception import JException  # slow to load

    if isinstance(error, TimeoutError):  # of a regular expression
        return "", str(error)
    if not isinstance(error, JException):
        return "", ""
    form = JException.error_codes.get(error.error, "{{{message}}}")
    if form == "{{{message}}}":
        return error.error if error.error in JException.error_codes else "", str(error.current or "")
    values = (error.current, error.expected, error.extra)
    if form.count("{{") > sum(value is not None for value in values):
        return error.error, str(error)
    if error.error == "T0412":
        values = (*values[:2], _ARRAYS.get(error.extra, error.extra))
    tokens = iter(values)
    return error.error, re.sub(r"\{\{\w+\}\}", lambda _: _shown(next(tokens)), form.replace("Object", "function"))


_ARRAYS = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}


def _shown(value: Any) -> str:
    if isinstance(value, float) and not isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    try:
        return dump(_plain(value))
    except TypeError:
        return str(type(value).__name__)


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
            if isinstance(result, (str, list)) and len(result) > _LARGEST:
                raise failure("D1001", len(result))

    def _check(self) -> None:
        if self._depth > _DEPTH:
            raise failure("D1011")
        if clock() > self._end:
            raise failure("D1012", int(_SECONDS * 1000))


_VALUE_ERRORS = {"power": "D3061", "sort": "D3070", "toMillis": "D3110"}
"""Functions that raise Python's errors for values that they cannot use, and the language's code for it."""


@cache
def _bounded() -> Any:
    """The library's evaluator with the language's errors in place of Python's, and a smaller limit for
    `[first..last]`.
    """
    from jsonata import Jsonata  # slow to load
    from jsonata.jexception import JException
    from jsonata.utils import Utils

    class Bounded(Jsonata):  # type: ignore[misc]  # the library is not typed
        def evaluate_range_expression(self, lhs: Any, rhs: Any) -> Any:
            if isinstance(lhs, int) and isinstance(rhs, int) and rhs - lhs >= _LONGEST_RANGE:
                raise failure("D2014", rhs - lhs + 1)
            return super().evaluate_range_expression(lhs, rhs)

        def evaluate_numeric_expression(self, lhs: Any, rhs: Any, op: str) -> Any:
            if op in ("/", "%") and is_number(lhs) and is_number(rhs):
                if rhs == 0:
                    raise failure("D1001", copysign(inf, lhs) if op == "/" and lhs else nan)
                if op == "%":
                    return Utils.convert_number(fmod(lhs, rhs))
            return super().evaluate_numeric_expression(lhs, rhs, op)

        def apply_inner(self, proc: Any, args: Any, input: Any, environment: Any) -> Any:
            try:
                return super().apply_inner(proc, args, input, environment)
            except JException:
                raise
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                name = getattr(proc, "function_name", None)
                if name in _VALUE_ERRORS and Utils.NULL_VALUE not in args:
                    raise failure(_VALUE_ERRORS[name], *args) from None
                if name is None or Utils.NULL_VALUE not in args:
                    raise
                raise failure("T0410", args.index(Utils.NULL_VALUE) + 1, name) from None

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
