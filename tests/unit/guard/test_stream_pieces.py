"""No byte of an answer leaves before the verdict on it: pieces with a guard and a clock that the test controls."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepguard.guard.stream.pieces import BEFORE, HELD, PIECE, SECONDS, Pieces

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


class Guard:
    """Judges texts; blocks those that contain `secret`. Each sent piece is checked against what it has passed."""

    def __init__(self, secret: str = "") -> None:
        self.secret = secret
        self.now = 0.0
        self.judged: list[str] = []
        self.sent = ""
        self._passed = ""
        self.pieces = Pieces(self.passes, self.send, lambda: self.now)

    def passes(self, text: str) -> bool:
        self.judged.append(text)
        self._passed = text if not self.secret or self.secret not in text else ""
        return bool(self._passed)

    def send(self, piece: str) -> None:
        assert piece in self._passed, "a byte left before the verdict on it"
        self._passed = ""  # one verdict releases one piece
        self.sent += piece

    def hear(self, text: str, size: int, seconds: float = 0.0) -> None:
        for start in range(0, len(text), size):
            self.now += seconds
            self.pieces.add(text[start : start + size])


def answer(characters: int, seed: int = 1) -> str:
    chosen = random.Random(seed)
    text = ""
    while len(text) < characters:
        text += chosen.choice(WORDS) + " "
    return text


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.lists(st.floats(0, 2), min_size=1, max_size=10),
    st.integers(0, 5000),
)
def test_what_is_sent_is_a_judged_beginning_of_the_answer(sizes: list[int], pauses: list[float], seed: int) -> None:
    """However the text arrives and however the time passes."""
    text = answer(4000, seed)
    guard, at = Guard(), 0
    for number, size in enumerate(sizes):
        guard.now += pauses[number % len(pauses)]
        guard.pieces.add(text[at : at + size])
        at += size
    assert text.startswith(guard.sent)
    assert len(guard.sent) <= max(0, min(at, len(text)) - HELD)


@pytest.mark.parametrize("position", range(0, 2400, 37))
def test_a_block_at_any_position_keeps_it_and_what_follows(position: int) -> None:
    """One character at a time: the beginning may have left, no character of what is blocked, nothing after it."""
    text = answer(2400)
    text = text[:position] + " SECRET-4711 " + text[position:]
    guard = Guard("SECRET-4711")
    guard.hear(text, 1)
    assert "SECRET" not in guard.sent
    assert text.startswith(guard.sent)
    assert len(guard.sent) <= position + 1


@pytest.mark.parametrize("length", [10, 60, 150])
def test_what_lies_across_a_cut_is_seen_whole(length: int) -> None:
    """A name, an address: as long as it is shorter than what is kept back, not even its first word leaves."""
    name = ("Maria Magdalena von und zu Musterhausen " * 5)[:length].strip()
    for position in range(PIECE - length - 5, PIECE + HELD + 5, 3):
        text = answer(position)[:position].rstrip() + " " + name + " " + answer(900, 2)
        guard = Guard(name)
        guard.hear(text, 1)
        assert len(guard.sent) <= position + 1, position
        assert text.startswith(guard.sent)


def test_a_piece_has_three_hundred_characters_or_a_second() -> None:
    """A fast model makes few calls; a slow one is shown every second."""
    fast = Guard()
    fast.hear(answer(3000), 7)
    assert 5 <= len(fast.judged) <= 3000 // PIECE
    assert max(map(len, fast.judged)) <= BEFORE + PIECE + HELD + 20
    slow = Guard()
    slow.hear(answer(600), 20, seconds=0.5)
    assert slow.sent
    assert len(slow.judged) <= 600 / 20 * 0.5 / SECONDS


def test_no_word_is_cut() -> None:
    """A word without an end is kept back as a whole."""
    guard = Guard()
    guard.hear("x" * 5000, 100, seconds=2)
    assert guard.sent == ""
    guard = Guard()
    guard.hear(answer(2000), 1)
    assert guard.sent.endswith(" ")


@pytest.mark.parametrize(
    "text",
    [
        "<think>secret ",
        "  <THINK>secret ",
        "fine <think> secret ",
        "a</think> b ",
        "<reasoning>secret ",
        "Well. <thinking mode='x'>secret ",
        "[THINK]secret ",
        "<|START_THINKING|>secret ",
        "◁think▷secret ",
        "<seed:think>secret ",
        "<|channel|>analysis<|message|>secret ",
    ],
)
def test_a_thought_is_never_sent(text: str) -> None:
    """Reasoning in the text, or what may become it: the answer comes whole."""
    guard = Guard()
    guard.hear(text + answer(2000), 1)
    assert guard.sent == ""


def test_after_a_verdict_that_is_not_passed_nothing_is_judged_or_sent() -> None:
    """Masked counts as well: the masked text comes with the whole answer."""
    guard = Guard("seven")
    guard.hear(answer(3000), 10)
    calls = len(guard.judged)
    guard.secret = ""
    guard.hear(answer(3000), 10)
    assert len(guard.judged) == calls
