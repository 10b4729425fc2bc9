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
        ("$sum([1..100000])", 5000050000),
        ("$string(1e20)", "100000000000000000000"),
        ("$pad('x', 5)", "x    "),
        ("$number('12')", 12),
        ("$partition([1,2,3], 2)", [[1, 2], [3]]),
        ("1 /* to the end */", 1),
        ("[5.5 % 2, -7 % 3, 7 % -3]", [1.5, -1, 1]),
    ],
)
def test_expressions_give_what_the_language_says(expression: str, value: object) -> None:
    """https://docs.jsonata.org/string-functions"""
    assert _value(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$match('" + "a" * 60 + "!', /(a|aa)+$/)", "timed out"),
        ("$sum([1..900000])", "D2014"),
        ("$pad('x', 1e9)", "D1001"),
        ("($f := function($t, $n) { $n = 0 ? $t : $f($t & $t, $n - 1) }; $f('x', 40))", "D1001"),
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


@pytest.mark.parametrize(
    ("expression", "code", "message"),
    [
        ("1 +", "INVALID_JSONATA_EXPRESSION", "Unexpected end of expression"),
        ("$states.input[1,2)", "INVALID_JSONATA_EXPRESSION", 'Expected "]", got ","'),
        ('{"a":}', "INVALID_JSONATA_EXPRESSION", 'The symbol "}" cannot be used as a unary operator'),
        ('$match("a", /abc', "INVALID_JSONATA_EXPRESSION", "No terminating / in regular expression"),
        ("1 ~ 2", "INVALID_JSONATA_EXPRESSION", 'Unknown operator: "~"'),
        ("1 /* no end", "INVALID_JSONATA_EXPRESSION", "Comment has no closing tag"),
        ("$split('a', /*/)", "INVALID_JSONATA_EXPRESSION", "Comment has no closing tag"),
        ("$$", "INVALID_JSONATA_EXPRESSION", "Reference to '$$' is not supported."),
        ("phone", "UNSUPPORTED_JSONATA_EXPRESSION", "Reference to 'phone' at the top level is not supported."),
        ('{"v": a.b}', "UNSUPPORTED_JSONATA_EXPRESSION", "Reference to 'a' at the top level is not supported."),
        ("$sum(x)", "UNSUPPORTED_JSONATA_EXPRESSION", "Reference to 'x' at the top level is not supported."),
        (
            "$states.errorOutput",
            "UNSUPPORTED_JSONATA_EXPRESSION",
            "Reference to '$states.errorOutput' is supported only in a Catch.",
        ),
        (
            "$states.result.a",
            "UNSUPPORTED_JSONATA_EXPRESSION",
            "Reference to '$states.result' is supported only in Output and Assign of Task, Parallel and Map states.",
        ),
    ],
)
def test_an_expression_that_aws_refuses_is_refused_in_the_definition(expression: str, code: str, message: str) -> None:
    """Measured on AWS by the reports floci-io/floci 2670 and 2745, but for the words on `$$` and errorOutput."""
    with pytest.raises(DefinitionError) as raised:
        jsonata_field(f"{{% {expression} %}}", "Output/v")
    assert (raised.value.code, raised.value.message) == (code, message)


@pytest.mark.parametrize("text", ["{% 1", "1 %}", " {% 1 %}", "{% 1 %} "])
def test_an_expression_is_opened_and_closed_without_blanks(text: str) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    with pytest.raises(DefinitionError, match=r"must begin with '\{%' and end with '%\}'"):
        jsonata_field({"a": [text]}, "Output")


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.a[b=1].c",
        "$map($states.input, function($v) { $v.name })",
        "$states.input{name: $sum(price)}",
        "$states.input^(>price)",
        "$states.input.{'k': v}",
        "$x ~> |$|{'b': c}|",
        "($a := $states.input; $a.b)",
    ],
)
def test_a_name_with_a_context_is_no_reference_at_the_top_level(expression: str) -> None:
    """A rule that refused these would refuse definitions that AWS accepts."""
    assert callable(jsonata_field(f"{{% {expression} %}}", "Output"))


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("$substring()", 'T0410: Argument 1 of function "substring" does not match function signature'),
        ("$sum(['a'])", 'T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("$number('str')", 'D3030: Unable to cast value to a number: "str"'),
        ("$uuid(1)", 'T0410: Argument 1 of function "uuid" does not match function signature'),
        ("$partition([1])", 'T0410: Argument 2 of function "partition" does not match function signature'),
        ("$hash('a', {})", 'T0410: Argument 2 of function "hash" does not match function signature'),
        ("$eval('1+1')", "T1006: Attempted to invoke a non-function"),
        ("1/0", "D1001: Number out of range: Infinity"),
        ("-1/0", "D1001: Number out of range: -Infinity"),
        ("5 % 0", "D1001: Number out of range: NaN"),
        ("1e308 * 10", "D1001: Number out of range: Infinity"),
        (
            "$power(10, 400)",
            "D3061: The power function has resulted in a value that cannot be represented as a JSON number: "
            "base=10, exponent=400",
        ),
        ("$floor(null)", 'T0410: Argument 1 of function "floor" does not match function signature'),
        ("$error('boom')", "D3137: boom"),
        ("$error('')", "D3137: "),
        ("$hash('a', 'ROT13')", "The algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512."),
        ("$partition([1], 0)", "The chunk size must be a positive integer."),
    ],
)
def test_a_failed_evaluation_has_the_code_and_words_of_the_language(expression: str, cause: str) -> None:
    """Those of the reference implementation, never Python's."""
    with pytest.raises(FaultError) as raised:
        _value(expression)
    assert raised.value.message.endswith(f"threw an error during evaluation. {cause}")


@pytest.mark.parametrize("expression", ["$split('a', function($x) { $x })", "$sort([1, 'a'])"])
def test_an_error_of_the_library_itself_is_an_internal_one(expression: str) -> None:
    """AWS's words for the same; Python's would be of no use to anybody."""
    with pytest.raises(FaultError, match=r"threw an (internal )?error during evaluation") as raised:
        _value(expression)
    assert "object" not in raised.value.message.partition("threw")[2]
    assert "instances of" not in raised.value.message


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
