"""JSONata: what bounds an expression."""

from __future__ import annotations

import pytest

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
def test_an_expression_cannot_freeze_the_process(expression: str, message: str) -> None:
    """It fails its state instead."""
    with pytest.raises(FaultError, match=message):
        _value(expression)


def test_a_malformed_regular_expression_is_found_in_the_definition() -> None:
    """Not only when the state runs."""
    with pytest.raises(DefinitionError, match="not a valid regular expression"):
        jsonata_field("{% $match('a', /a{2,1}/) %}", "Output")
