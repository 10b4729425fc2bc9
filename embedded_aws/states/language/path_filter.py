"""The filter expressions of JSONPath, `[?(@.price < 10 && @.kind == 'book')]`, compiled to predicates.

Operators: == != < <= > >= =~ in nin, && || !, parentheses; a path alone tests existence. Comparing different
types is false, not an error. https://github.com/json-path/JsonPath#filter-operators
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from embedded_aws.states.language.errors import FaultError, PathError
from embedded_aws.states.language.json_text import Json, is_number, same
from embedded_aws.states.language.path_segments import Path, PathSyntaxError, quoted
from embedded_aws.states.language.regexes import SECONDS, Pattern

Predicate = Callable[[Json, Json], bool]
Operand = Callable[[Json, Json], Json]
ReadPath = Callable[[str, int], tuple[Path, int]]
"""Compiles the path that begins at an index; also where it ends."""

_MISSING: Any = object()
_OPERATOR = re.compile(r"==|!=|<=|>=|=~|<|>|in\b|nin\b")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/(i?)")
_WORD = re.compile(r"[^\W\d][\w-]*")
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}


def parse_filter(text: str, at: int, read_path: ReadPath) -> tuple[Predicate, int]:
    """Compile the parenthesised expression that begins at `at`; also where it ends.

    Filters contain paths and paths contain filters, so the reader of paths is passed in.
    """
    reader = _Reader(text, at, read_path)
    if not reader.take("("):
        raise PathSyntaxError(f"{text!r}: a filter is written [?(...)]")
    predicate = reader.either()
    if not reader.take(")"):
        raise PathSyntaxError(f"{text!r}: the filter's ) is missing at {reader.at}")
    return predicate, reader.at


class _Reader:
    def __init__(self, text: str, at: int, read_path: ReadPath) -> None:
        self.text = text
        self.at = at
        self.read_path = read_path

    def take(self, token: str) -> bool:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def either(self) -> Predicate:
        left = self.both()
        while self.take("||"):
            left = _or(left, self.both())
        return left

    def both(self) -> Predicate:
        left = self.unary()
        while self.take("&&"):
            left = _and(left, self.unary())
        return left

    def unary(self) -> Predicate:
        if self.take("!"):
            inner = self.unary()
            return lambda item, root: not inner(item, root)
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise PathSyntaxError(f"{self.text!r}: ) is missing at {self.at}")
            return inner
        return self.comparison()

    def comparison(self) -> Predicate:
        left = self.operand()
        self.take("")
        operator = _OPERATOR.match(self.text, self.at)
        if operator is None:
            return lambda item, root: left(item, root) is not _MISSING
        self.at = operator.end()
        if operator.group() == "=~":
            return self.regex(left)
        right = self.operand()
        test = _TESTS[operator.group()]
        return lambda item, root: test(left(item, root), right(item, root))

    def regex(self, left: Operand) -> Predicate:
        self.take("")
        found = _REGEX.match(self.text, self.at)
        if found is None:
            raise PathSyntaxError(f"{self.text!r}: =~ needs /a pattern/")
        self.at = found.end()
        try:
            pattern = Pattern(found.group(1), ignore_case=bool(found.group(2)))
        except ValueError as error:
            raise PathSyntaxError(f"{self.text!r}: {error}") from None

        def matches(item: Json, root: Json) -> bool:
            value = left(item, root)
            try:
                return isinstance(value, str) and pattern.fullmatch(value)
            except TimeoutError:
                raise FaultError(
                    f"The regular expression of the path {self.text!r} took more than {SECONDS:g} s"
                ) from None

        return matches

    def operand(self) -> Operand:
        self.take("")
        start = self.text[self.at : self.at + 1]
        if start in ("@", "$"):
            return self.path()
        if start in ("'", '"'):
            literal, self.at = quoted(self.text, self.at)
            return lambda item, root: literal
        if start == "[":
            self.at += 1
            members = []
            while not self.take("]"):
                members.append(self.operand())
                self.take(",")
            return lambda item, root: [member(item, root) for member in members]
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            value = float(number.group()) if number.group(1) or number.group(2) else int(number.group())
            return lambda item, root: value
        if word := _WORD.match(self.text, self.at):
            self.at = word.end()
            meant = _WORDS.get(word.group(), word.group())  # published definitions leave quotes out: a text
            return lambda item, root: meant
        raise PathSyntaxError(f"{self.text!r}: the filter is not understood at {self.at}")

    def path(self) -> Operand:
        relative = self.text[self.at] == "@"
        # `@` takes the place of `$`; the rest of the grammar is the same.
        compiled, end = self.read_path(self.text[: self.at] + "$" + self.text[self.at + 1 :], self.at)
        self.at = end

        def value(item: Json, root: Json, path: Path = compiled) -> Json:
            try:
                return path.find(item if relative else root)
            except PathError:
                return _MISSING

        return value


def _or(left: Predicate, right: Predicate) -> Predicate:
    return lambda item, root: left(item, root) or right(item, root)


def _and(left: Predicate, right: Predicate) -> Predicate:
    return lambda item, root: left(item, root) and right(item, root)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    def test(left: Json, right: Json) -> bool:
        comparable = (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return comparable and compare(left, right)

    return test


def _equal(left: Json, right: Json) -> bool:
    if left is _MISSING or right is _MISSING:
        return left is right
    return same(left, right)


def _member(left: Json, right: Json) -> bool:
    return isinstance(right, list) and any(_equal(left, item) for item in right)


_TESTS: dict[str, Callable[[Json, Json], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "in": _member,
    "nin": lambda left, right: not _member(left, right),
}
