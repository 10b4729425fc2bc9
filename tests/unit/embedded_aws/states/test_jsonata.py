"""JSONata: what bounds an expression."""

from __future__ import annotations

from itertools import count

import pytest

from embedded_aws.states.language import jsonata, regexes
from embedded_aws.states.language.errors import DefinitionError, FaultError
from embedded_aws.states.language.fields import Env
from embedded_aws.states.language.jsonata import jsonata_field


def _value(expression: str) -> object:
    return jsonata_field(f"{{% {expression} %}}", "Output")(Env(None, None, {}))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$match('ab', /(a)(b)?/).groups", ["a", "b"]),
        ("$contains('abc', /(?=B)b/i)", True),
        ("$split('a1b2c', /\\d/)", ["a", "b", "c"]),
        ("$replace('265USD', /([0-9]+)USD/, '$$$1')", "$265"),
        ("$replace('ab', /(a)/, '$12')", "a2b"),
        ("$replace('ab', /a/, '$18')", "8b"),
        ("$replace('aaa', /a/, 'b', 2)", "bba"),
        ("$replace('ab', /a/, function($m) { $m.match & '!' })", "a!b"),
        ("$sum([1..1000000])", 500000500000),
    ],
)
def test_expressions_give_what_the_language_says(expression: str, value: object) -> None:
    """https://docs.jsonata.org/string-functions"""
    assert _value(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$match('" + "a" * 60 + "!', /(a|aa)+$/)", "timed out"),
        ("$sum([1..9000000])", "D2014"),
        ("$sum([-9000000..9000000])", "D2014"),
    ],
)
def test_an_expression_cannot_freeze_the_process(
    monkeypatch: pytest.MonkeyPatch, expression: str, message: str
) -> None:
    """It fails its state instead."""
    monkeypatch.setattr(regexes, "SECONDS", 0.05)
    with pytest.raises(FaultError, match=message):
        _value(expression)


def test_a_malformed_regular_expression_is_found_in_the_definition() -> None:
    """Not only when the state runs."""
    with pytest.raises(DefinitionError, match="not a valid regular expression"):
        jsonata_field("{% $match('a', /a{2,1}/) %}", "Output")


ENDLESS = "($f := function($n) { $f($n + 1) }; $f(0))"
DEEP = "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(10000))"


def test_an_endless_expression_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step takes a second of this clock; the library's tail calls need no depth."""
    seconds = count()
    monkeypatch.setattr(jsonata, "clock", lambda: float(next(seconds)))
    with pytest.raises(FaultError, match="D1012"):
        _value(ENDLESS)
    assert next(seconds) < 20


def test_a_deep_expression_ends_at_its_depth() -> None:
    """Before Python's own limit; the next evaluation of the same expression begins at the top."""
    field = jsonata_field(f"{{% {DEEP} %}}", "Output")
    for _ in range(2):
        with pytest.raises(FaultError, match="D1011"):
            field(Env(None, None, {}))


def test_the_time_of_an_expression_begins_with_its_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state may run long after its definition was read."""
    now = [0.0]
    monkeypatch.setattr(jsonata, "clock", lambda: now[0])
    field = jsonata_field("{% 1 + 1 %}", "Output")
    for now[0] in (10.0, 1000.0):
        assert field(Env(None, None, {})) == 2
