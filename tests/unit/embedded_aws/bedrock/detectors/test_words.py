"""Word filters and the managed profanity list."""

from __future__ import annotations

import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.bedrock.detectors.words.words import WordMatcher, managed_profanity


def found(matcher: WordMatcher, text: str) -> list[tuple[str, str]]:
    """(configured word, matched text) of every match."""
    return [(span.label, text[span.start : span.end]) for span in matcher.find(text)]


@pytest.mark.parametrize(
    ("word", "text", "matches"),
    [
        ("acme", "ACME, Acme and acmes", ["ACME", "Acme"]),
        ("Acme Corp", "acme \n corp.", ["acme \n corp"]),
        ("ass", "a class of assassins", []),
        ("C++", "I like C++; not C + +", ["C++"]),
        ("acme", "my_acme_project", ["acme"]),
        ("会社", "この会社は", ["会社"]),
        ("secret", "se\u200bcret and ｓｅｃｒｅｔ", ["se\u200bcret", "ｓｅｃｒｅｔ"]),
        ("café", "CAFE\u0301 or cafe", ["CAFE\u0301"]),
        ("straße", "STRASSE", ["STRASSE"]),
    ],
)
def test_words_match_whole_and_case_insensitively(word: str, text: str, matches: list[str]) -> None:
    """A configured word is found as a whole word in any case, at its place in the original text."""
    assert found(WordMatcher([word]), text) == [(word, match) for match in matches]


def test_overlapping_phrases_are_all_reported() -> None:
    """A shorter phrase inside a longer one keeps its own match, since its action may differ."""
    assert [label for label, _ in found(WordMatcher(["acme corp", "acme"]), "Acme Corp")] == ["acme", "acme corp"]


@pytest.mark.parametrize(
    "text",
    ["what the fuck", "FÜCK", "fυck", "f\u200buck", "f u c k off", "s.h.i.t", "fuuuuuuck", "f*ck", "b!tch!", "5h1t"],
)
def test_profanity_is_found_through_disguises(text: str) -> None:
    """Accents, confusables, invisible characters, spelling, stretching, stars and leetspeak do not hide a word."""
    assert managed_profanity().find(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dick Cox and Peter Wang visited Scunthorpe.",
        "A lump in the breast, a vaginal and anal examination, a finger prick test, sperm count and vulva pain.",
        "The class assessment; a crow ate nuggets; suck on a lozenge for cooties.",
        "Room A55, 69 beds, item B00B5",
    ],
)
def test_innocent_words_are_not_profane(text: str) -> None:
    """Medical words, names and everyday words pass the managed list."""
    assert managed_profanity().find(text) == []


@given(st.text(max_size=200))
def test_any_text_gives_ordered_spans_inside_it(text: str) -> None:
    """Whatever the text, matching never raises and spans are non-empty, inside the text and sorted."""
    spans = managed_profanity().find(text) + WordMatcher(["a", "b c", "!"]).find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)


@pytest.mark.parametrize("unit", ["a", "a ", "!", "é", "f u c k ", "fuuuk", "1a!"])
def test_ten_thousand_words_on_a_long_text_are_fast(unit: str) -> None:
    """10,000 words against 25,000 hostile characters stay far below a second."""
    rng = random.Random(7)
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(1, 12))) for _ in range(10_000)]
    matcher = WordMatcher([*words, "!" * 100])
    text = (unit * 25_000)[:25_000]
    start = time.process_time()
    matcher.find(text)
    managed_profanity().find(text)
    assert time.process_time() - start < 2.0
