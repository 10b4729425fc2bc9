"""Custom regular expressions."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.bedrock.detectors.words import regexes


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)", "lookahead"),
        ("(?<!b)a", "lookbehind"),
        (r"(a)\1", "backreferences"),
        ("(?P<n>a)(?P=n)", "backreferences"),
        ("(?>a)", "atomic"),
        ("(", "missing )"),
        ("a++", "bad repetition"),
        ("", "1 to 500"),
        ("a" * 501, "1 to 500"),
        ("((a{1,100}){1,100}){1,100}", "not a valid"),
        ("\ud800", "surrogate"),
    ],
)
def test_refused_patterns_say_why(pattern: str, reason: str) -> None:
    """Lookaround, backreferences, bad syntax and over-long patterns are refused with the reason."""
    with pytest.raises(ValueError, match=reason.replace(")", r"\)")):
        regexes.check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\(?=", "[(?=]", r"\\1", "[]a]", r"\d{3}-\d{2}", r"(?i:x)", r"\p{L}+", "(?P<n>a)"]
)
def test_look_alikes_of_refused_constructs_are_allowed(pattern: str) -> None:
    """Escaped characters and classes that merely resemble a lookaround or backreference pass."""
    regexes.check_pattern(pattern)


def test_matches_keep_character_offsets() -> None:
    """Offsets count characters, not bytes, and the label is the pattern."""
    pattern = r"AB-\d{4}"
    text = "é😀 AB-1234, \ud800AB-5678"
    spans = regexes.find(pattern, text)
    assert [(text[s.start : s.end], s.label) for s in spans] == [("AB-1234", pattern), ("AB-5678", pattern)]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", r"(\w+\s?)*!", "a*"])
def test_catastrophic_patterns_take_no_time(pattern: str) -> None:
    """Patterns that explode in a backtracking engine finish at once on 25,000 characters."""
    start = time.process_time()
    regexes.find(pattern, "a" * 24_999 + "c")
    assert time.process_time() - start < 1.0


def test_a_slow_enumeration_ends_with_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time limit is used up, the search ends with TimeoutError instead of a partial result."""
    monkeypatch.setattr(regexes, "TIME_LIMIT_SECONDS", -1.0)
    with pytest.raises(TimeoutError):
        regexes.find("a", "aaa")


@given(st.text(max_size=40), st.text(max_size=80))
def test_any_pattern_is_refused_or_searches(pattern: str, text: str) -> None:
    """Whatever the pattern, it is refused with ValueError or finds ordered, non-overlapping spans."""
    try:
        regexes.check_pattern(pattern)
    except ValueError:
        return
    end = 0
    for span in regexes.find(pattern, text):
        assert end <= span.start < span.end <= len(text)
        end = span.end


def test_disguised_matches_are_found_once_and_where_they_stand() -> None:
    """Zero-width and look-alike characters and base 64 hide no match, and none is reported twice."""
    text = "T-42, T-\u200b43, Т\u200b-44 Tx and see ZmluZCBULTQ1IHRoZXJl"
    found = regexes.find(r"\bT-\d\d\b", text)
    assert [text[span.start : span.end] for span in found] == ["T-42", "T-\u200b43", "Т\u200b-44", "ZCBULTQ1"]


@pytest.mark.parametrize("text", ["411\u200b11", "4111\u200b1111", "4\u200b1111"])
def test_an_invisible_character_leaves_no_part_of_a_match_out(text: str) -> None:
    """A number whose beginning is a match by itself is found to its end: masking leaves no digits behind."""
    found = regexes.find(r"\b\d{3,16}\b", f"id {text}.")
    assert [(span.start, span.end) for span in found] == [(3, 3 + len(text))]
