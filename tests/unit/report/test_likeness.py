"""Texts that are alike are in one group."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from stepguard.report.likeness import groups

QUESTIONS = [
    "What is my insulin dose?",
    "How do I reset my password?",
    "what's my insulin dose",
    "I want to reset the password",
    "Où est l'hôpital ?",
    "Reset password how",
    "où se trouve l'hôpital",
    "What is my account balance?",
]


def test_the_same_question_in_like_words_is_one_group() -> None:
    """The largest group first; another question stays alone, also with the same beginning."""
    found = [sorted(group) for group in groups(QUESTIONS)]
    assert found == [[1, 3, 5], [0, 2], [4, 6], [7]]


@given(st.lists(st.text(max_size=40), max_size=30))
def test_each_text_is_in_exactly_one_group(texts: list[str]) -> None:
    """Whatever the texts."""
    found = groups(texts)
    assert sorted(position for group in found for position in group) == list(range(len(texts)))
    assert [len(group) for group in found] == sorted((len(group) for group in found), reverse=True)


def test_equal_texts_are_one_group() -> None:
    """Also with other capitals and punctuation."""
    assert len(groups(["Where is it?", "where is it", "WHERE IS IT!"])) == 1


def test_many_questions_take_seconds_not_minutes() -> None:
    """Two thousand texts."""
    began = time.process_time()
    groups([f"question number {number} about topic {number % 57}" for number in range(2000)])
    assert time.process_time() - began < 20
