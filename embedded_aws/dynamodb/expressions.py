"""DynamoDB's condition and update expressions, as far as they concern whole top-level attributes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
What this module does not read is refused by name, never ignored.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from embedded_aws.wire import ServiceError

Value = dict[str, Any]
_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|[#:]\w+|<>|<=|>=|[=<>(),+-])")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Expression:
    """One expression of a request, with the request's names and values."""

    def __init__(self, kind: str, text: str, names: Mapping[str, str], values: Mapping[str, Value]) -> None:
        self._kind = kind
        self._names = names
        self._values = values
        self._tokens = list(self._read(text))
        self._at = 0

    def holds(self, item: Mapping[str, Value]) -> bool:
        """Whether the item, an empty one for none, meets the condition."""
        self._at = 0
        result = self._any(item)
        self._end()
        return result

    def applied(self, item: Mapping[str, Value]) -> dict[str, Value]:
        """The item after the update; every right side sees the item as it was."""
        self._at = 0
        after = dict(item)
        clauses = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}
        while self._at < len(self._tokens):
            clause = clauses.get(self._take().upper())
            if clause is None:
                raise self._refused(self._tokens[self._at - 1])
            clause(item, after)
            while self._skip(","):
                clause(item, after)
        return after

    def names(self) -> list[str]:
        """The attributes of a projection."""
        self._at = 0
        found = [self._name()]
        while self._skip(","):
            found.append(self._name())
        self._end()
        return found

    def _read(self, text: str) -> Iterator[str]:
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._refused(text[at:].strip()[0])
            yield found[1]
            at = found.end()

    # --- conditions ------------------------------------------------------------------------------------------------

    def _any(self, item: Mapping[str, Value]) -> bool:
        result = self._all(item)
        while self._skip("OR"):
            result = self._all(item) or result
        return result

    def _all(self, item: Mapping[str, Value]) -> bool:
        result = self._one(item)
        while self._skip("AND"):
            result = self._one(item) and result
        return result

    def _one(self, item: Mapping[str, Value]) -> bool:
        if self._skip("NOT"):
            return not self._one(item)
        if self._skip("("):
            result = self._any(item)
            self._need(")")
            return result
        for function, present in (("attribute_exists", True), ("attribute_not_exists", False)):
            if self._skip(function):
                self._need("(")
                name = self._name()
                self._need(")")
                return (name in item) is present
        left = self._operand(item)
        compare = _COMPARISONS.get(self._take())
        if compare is None:
            raise self._refused(self._tokens[self._at - 1])
        return _compared(compare, left, self._operand(item))

    # --- updates ---------------------------------------------------------------------------------------------------

    def _set(self, item: Mapping[str, Value], after: dict[str, Value]) -> None:
        name = self._name()
        self._need("=")
        value = self._present(item)
        for sign in ("+", "-"):
            if self._skip(sign):
                number = _number(value), _number(self._present(item))
                value = {"N": str(number[0] + number[1] if sign == "+" else number[0] - number[1])}
        after[name] = value

    def _remove(self, item: Mapping[str, Value], after: dict[str, Value]) -> None:
        after.pop(self._name(), None)

    def _add(self, item: Mapping[str, Value], after: dict[str, Value]) -> None:
        name = self._name()
        after[name] = {"N": str(_number(item.get(name, {"N": "0"})) + _number(self._value(self._take())))}

    # --- operands --------------------------------------------------------------------------------------------------

    def _present(self, item: Mapping[str, Value]) -> Value:
        value = self._operand(item)
        if value is None:
            raise _invalid("The provided expression refers to an attribute that does not exist in the item")
        return value

    def _operand(self, item: Mapping[str, Value]) -> Value | None:
        if self._skip("if_not_exists"):
            self._need("(")
            name = self._name()
            self._need(",")
            otherwise = self._operand(item)
            self._need(")")
            return item.get(name, otherwise)
        if self._next().startswith(":"):
            return self._value(self._take())
        return item.get(self._name())

    def _value(self, token: str) -> Value:
        if token not in self._values:
            problem = f"An expression attribute value used in expression is not defined; attribute value: {token}"
            raise _invalid(f"Invalid {self._kind}: {problem}")
        return self._values[token]

    def _name(self) -> str:
        token = self._take()
        if token.startswith("#"):
            if token not in self._names:
                problem = (
                    f"An expression attribute name used in the document path is not defined; attribute name: {token}"
                )
                raise _invalid(f"Invalid {self._kind}: {problem}")
            return self._names[token]
        if not re.fullmatch(r"[A-Za-z_]\w*", token) or self._next() == "(":
            raise self._refused(token)
        return token

    # --- tokens ----------------------------------------------------------------------------------------------------

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        if not token:
            raise _invalid(f"Invalid {self._kind}: Syntax error; the expression ends too early")
        self._at += 1
        return token

    def _skip(self, token: str) -> bool:
        """Whether the next token is this one, which is then passed; words of the language ignore case."""
        found = self._next()
        if found == token or (token.isupper() and found.upper() == token):
            self._at += 1
            return True
        return False

    def _need(self, token: str) -> None:
        if not self._skip(token):
            raise self._refused(self._next() or "the end")

    def _end(self) -> None:
        if self._at < len(self._tokens):
            raise self._refused(self._next())

    def _refused(self, token: str) -> ServiceError:
        return _invalid(f"Invalid {self._kind}: the embedded DynamoDB does not read {token!r} here")


def _compared(compare: Callable[[Any, Any], bool], left: Value | None, right: Value | None) -> bool:
    """Values of two types are only unequal, and a missing one meets no comparison but `<>`."""
    if left is None or right is None or set(left) != set(right):
        return compare is operator.ne
    ((kind, one),), ((_, other),) = left.items(), right.items()
    if kind == "N":
        return compare(Decimal(one), Decimal(other))
    if kind == "S":
        return compare(one.encode(), other.encode())
    if compare not in (operator.eq, operator.ne):
        raise _invalid(f"Invalid ConditionExpression: the embedded DynamoDB does not order values of type {kind}")
    return compare(one, other)


def _number(value: Value) -> Decimal:
    if "N" not in value:
        raise _invalid("An operand in the update expression has an incorrect data type")
    return Decimal(value["N"])


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message, 400)
