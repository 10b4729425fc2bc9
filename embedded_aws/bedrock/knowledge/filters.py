"""Metadata filters of Retrieve: which documents a search may return.

A filter is evaluated on columns: each condition once for each distinct value of its key, then for all documents at
once. `notEquals` and `notIn` also match documents without the key; every other operator needs the key.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrievalFilter.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedded_aws.wire import ServiceError

Mask = NDArray[np.bool_]
Metadata = Mapping[str, Any]

_NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "greaterThan": lambda left, right: left > right,
    "greaterThanOrEquals": lambda left, right: left >= right,
    "lessThan": lambda left, right: left < right,
    "lessThanOrEquals": lambda left, right: left <= right,
}
ON_TEXT = ("startsWith", "stringContains")
"""Operators that S3 Vectors lacks."""
_ABSENT = object()


@dataclass(slots=True)
class Columns:
    """The metadata of documents, by key."""

    rows: Sequence[Metadata]
    _columns: dict[str, tuple[NDArray[np.int32], list[Any]]] = field(default_factory=dict)

    def mask(self, condition: Mapping[str, Any]) -> Mask:
        """Which rows a filter matches. The service model has checked its shape."""
        operator, operand = next(iter(condition.items()))
        if operator in ("andAll", "orAll"):
            join = np.logical_and if operator == "andAll" else np.logical_or
            found: Mask = join.reduce([self.mask(part) for part in operand])
            return found
        codes, values = self._column(operand["key"])
        matching = np.fromiter((_matches(operator, value, operand["value"]) for value in values), bool, len(values))
        selected: Mask = matching[codes]
        return selected

    def _column(self, key: str) -> tuple[NDArray[np.int32], list[Any]]:
        """Each row's position in the list of the key's distinct values."""
        if key not in self._columns:
            values: list[Any] = []
            known: dict[str, int] = {}
            codes = np.empty(len(self.rows), dtype=np.int32)
            for number, row in enumerate(self.rows):
                value = row.get(key, _ABSENT)
                name = "" if value is _ABSENT else json.dumps(value)
                if name not in known:
                    known[name] = len(values)
                    values.append(value)
                codes[number] = known[name]
            self._columns[key] = codes, values
        return self._columns[key]


def check(condition: Mapping[str, Any], *, on_text: bool) -> None:
    """Raise ServiceError(ValidationException) for a filter that Bedrock refuses; `on_text` says whether the vector
    store has `startsWith` and `stringContains`."""
    operator, operand = next(iter(condition.items()))
    if operator in ("andAll", "orAll"):
        for part in operand:
            check(part, on_text=on_text)
        return
    value = operand.get("value")
    if operator in ON_TEXT and not on_text:
        raise _refuse(f"The filter operator {operator} is not supported by the vector store of this knowledge base.")
    if operator in ("in", "notIn"):
        if not isinstance(value, list) or not value or not all(map(_is_plain, value)):
            raise _refuse(
                f"The value of the filter operator {operator} must be a list of strings, numbers or booleans."
            )
    elif operator in _NUMERIC:
        if not _is_number(value):
            raise _refuse(f"The value of the filter operator {operator} must be a number.")
    elif operator in (*ON_TEXT, "listContains"):
        if not isinstance(value, str):
            raise _refuse(f"The value of the filter operator {operator} must be a string.")
    elif not _is_plain(value):
        raise _refuse(f"The value of the filter operator {operator} must be a string, a number or a boolean.")


def _refuse(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _same(left: object, right: object) -> bool:
    """Equality in which true is not 1. A list equals each of its elements, as in S3 Vectors."""
    if isinstance(left, list):
        return any(_same(element, right) for element in left)
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _matches(operator: str, value: Any, operand: Any) -> bool:
    if operator in ("notEquals", "notIn"):
        return not _matches("equals" if operator == "notEquals" else "in", value, operand)
    if value is _ABSENT:
        return False
    if operator == "equals":
        return _same(value, operand)
    if operator == "in":
        return any(_same(value, one) for one in operand)
    if operator in _NUMERIC:
        return _is_number(value) and _NUMERIC[operator](value, operand)
    if operator == "listContains":
        return isinstance(value, list) and operand in value
    texts = value if isinstance(value, list) and operator == "stringContains" else [value]
    found = str.startswith if operator == "startsWith" else str.__contains__
    return any(isinstance(text, str) and found(text, operand) for text in texts)
