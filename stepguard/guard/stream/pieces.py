"""Pieces of an answer, each judged before it leaves.

A piece is at least PIECE characters, or what a second has brought. It is judged together with the text before it
(BEFORE) and with the text after it that has already come (HELD, which is kept back): what a guardrail finds across a
cut is found while its first byte is still here. A verdict other than `passed` ends the pieces: what is masked or
blocked comes with the whole answer, if at all. So does a text with a tag of reasoning.
"""

from __future__ import annotations

from collections.abc import Callable

from stepguard.guard.texts.reasoning import has_thought

PIECE = 300
SECONDS = 1.0
BEFORE = 300
HELD = 200


class Pieces:
    """Cuts a text that arrives in parts. `passes` judges a text, `send` gets each piece, `clock` is in seconds."""

    def __init__(self, passes: Callable[[str], bool], send: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._passes = passes
        self._send = send
        self._clock = clock
        self._text = ""
        self._sent = 0
        self._last = clock()
        self._ended = False

    def add(self, part: str) -> None:
        """The next part of the text; it is judged and sent when there is enough."""
        self._text += part
        if self._ended:
            return
        now = self._clock()
        ready = len(self._text) - HELD - self._sent
        if ready >= PIECE or (ready > 0 and now - self._last >= SECONDS):
            end = _last_blank(self._text, self._sent, self._sent + ready)
            if end > self._sent:
                self._last = now
                self._judge(end)

    def _judge(self, end: int) -> None:
        # HELD is longer than a tag of reasoning: one that begins in the piece is here as a whole.
        if has_thought(self._text) or not self._passes(self._text[max(0, self._sent - BEFORE) :]):
            self._ended = True
            return
        piece, self._sent = self._text[self._sent : end], end
        self._send(piece)


def _last_blank(text: str, start: int, end: int) -> int:
    """The place after the last white space before `end`: no word is cut."""
    return next((place for place in range(end, start, -1) if text[place - 1].isspace()), start)
