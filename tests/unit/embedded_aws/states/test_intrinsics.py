"""Intrinsic functions."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.states.language.errors import INTRINSIC, FaultError
from embedded_aws.states.language.intrinsics import IntrinsicSyntaxError, parse_call

DATA = {"a": [1, 2, 2, 3], "name": "Ann", "o": {"k": [1]}, "s": '{"x": 1}'}


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("States.Format('Hi {}: {} \\{\\}', $.name, $.o)", "Hi Ann: {k=[1]} {}"),
        ("States.StringToJson($.s)", {"x": 1}),
        ("States.JsonToString($.o)", '{"k":[1]}'),
        ("States.Array(1, 'it\\'s', null, true)", [1, "it's", None, True]),
        ("States.ArrayPartition($.a, 3)", [[1, 2, 2], [3]]),
        ("States.ArrayContains($.a, 3)", True),
        ("States.ArrayRange(1, 9, 4)", [1, 5, 9]),
        ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
        ("States.ArrayRange(0.5, 2.5, 1)", [1, 2, 3]),
        ("States.ArrayGetItem($.a, 1)", 2),
        ("States.ArrayLength(States.ArrayUnique($.a))", 3),
        ("States.Base64Decode(States.Base64Encode('é'))", "é"),
        ("States.Hash('x', 'SHA-1')", "11f6ad8ec52a2984abaafd7c3b516503785c2072"),
        ("States.JsonMerge($.o, States.StringToJson($.s), false)", {"k": [1], "x": 1}),
        ("States.MathAdd(1.5, 1)", 3),
        ("States.StringSplit('a.b,c', '.,')", ["a", "b", "c"]),
    ],
)
def test_functions_do_what_the_guide_says(call: str, value: object) -> None:
    """One case for each documented function."""
    assert parse_call(call).value_in(DATA, {}, {}) == value


def test_random_numbers_repeat_with_a_seed_and_stay_within_bounds() -> None:
    """States.MathRandom with a seed is deterministic."""
    call = parse_call("States.MathRandom(5, 9, 7)")
    values = {call.value_in(DATA, {}, {}) for _ in range(5)}
    assert len(values) == 1
    assert 5 <= values.pop() < 9


def test_the_end_of_random_numbers_is_exclusive() -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html"""
    assert {parse_call("States.MathRandom(5, 6)").value_in(DATA, {}, {}) for _ in range(20)} == {5}


@pytest.mark.parametrize(
    "call",
    [
        "States.ArrayLength($.name)",
        "States.Format('{}')",
        "States.ArrayGetItem($.a, 9)",
        "States.StringToJson('x')",
        "States.MathRandom(1, 9, $.name)",
        "States.MathRandom(1, 9, null)",
        "States.Base64Decode('é')",
    ],
)
def test_bad_arguments_are_an_intrinsic_failure(call: str) -> None:
    """The error name is States.IntrinsicFailure."""
    with pytest.raises(FaultError) as raised:
        parse_call(call).value_in(DATA, {}, {})
    assert raised.value.error == INTRINSIC


@pytest.mark.parametrize(
    "text", ["States.Nope()", "States.Array(1", "States.Array(1,)", "States.Format('\\\"')", "States.UUID(1)", "x"]
)
def test_text_that_is_no_call_is_refused(text: str) -> None:
    """Syntax errors are found when the definition is read."""
    with pytest.raises(IntrinsicSyntaxError):
        parse_call(text)


@given(st.text("States.Array(),'$ab1\\{} ", max_size=30))
def test_the_parser_never_leaks_an_exception(text: str) -> None:
    """Garbage gives IntrinsicSyntaxError or a call, nothing else."""
    with contextlib.suppress(IntrinsicSyntaxError):
        assert parse_call("States." + text).text
