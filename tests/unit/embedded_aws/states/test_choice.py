"""Choice rules beyond the recorded tables."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.states.language.choice import compile_rule, timestamp, wildcard
from embedded_aws.states.language.errors import FaultError
from embedded_aws.states.language.fields import Env


@pytest.mark.parametrize(
    ("pattern", "text", "match"),
    [
        ("log-*.txt", "log-1.txt", True),
        ("log-*.txt", "log-.txt", True),
        ("log-*.txt", "log-1.TXT", False),
        ("a*a", "a", False),
        ("*", "", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\\\*", "a\\x", True),
    ],
)
def test_string_matches_knows_stars_and_escapes(pattern: str, text: str, match: bool) -> None:
    """`*` is any run of characters; a backslash takes its meaning away."""
    assert wildcard(pattern)(text) is match


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_wildcards_agree_with_the_shells(pattern: str, text: str) -> None:
    """The same answer as fnmatch, which knows the same star."""
    assert wildcard(pattern)(text) is fnmatch.fnmatchcase(text, pattern)


def test_a_hostile_pattern_is_not_slow() -> None:
    """No backtracking: a quarter of a megabyte against a hundred stars."""
    assert wildcard("*a" * 100 + "*b")("a" * 250_000) is False


@pytest.mark.parametrize(
    "text", ["2016-03-14T01:59:00Z", "2016-03-14T01:59:00.123456789Z", "2016-03-14T01:59:00+01:00"]
)
def test_rfc3339_timestamps_are_read(text: str) -> None:
    """With Z or an offset, with or without a fraction."""
    assert timestamp(text) is not None


@pytest.mark.parametrize("text", ["2016-03-14 01:59:00Z", "2016-03-14T01:59:00", "2016-13-14T01:59:00Z", "x", 5, None])
def test_other_timestamps_are_none(text: object) -> None:
    """A blank, no zone, no such month: not a timestamp, no exception."""
    assert timestamp(text) is None


def test_not_and_or_combine_and_missing_values_fail() -> None:
    """Only IsPresent may refer to a missing value."""
    rule = compile_rule(
        {"Or": [{"Not": {"Variable": "$.a", "IsPresent": True}}, {"And": [{"Variable": "$.a", "NumericEquals": 1}]}]}
    )
    assert rule(Env({}, {}, {}))
    assert rule(Env({"a": 1.0}, {}, {}))
    assert not rule(Env({"a": 2}, {}, {}))
    with pytest.raises(FaultError, match="references an invalid value"):
        compile_rule({"Variable": "$.a", "IsNull": True})(Env({}, {}, {}))
