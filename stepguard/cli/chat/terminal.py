"""The terminal of an interactive chat: editing and history by readline of the standard library, and what runs now.

Where Python has no readline, lines are read as the terminal gives them.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepguard.cli.render import plain
from stepguard.session.chat import STEPS

try:
    import readline

    _EDITS = True
except ImportError:  # Windows
    _EDITS = False

KEPT_LINES = 1_000


@contextmanager
def editing(history: Path | None) -> Iterator[None]:
    """Edit lines, and recall those of earlier chats from the file, which only its owner may read; None keeps none."""
    if not _EDITS or history is None:
        yield
        return
    readline.set_history_length(KEPT_LINES)
    if history.exists():
        try:
            readline.read_history_file(history)
        except OSError as error:
            print(f"stepguard: {history}: cannot be read: {error.strerror}", file=sys.stderr)
    try:
        yield
    finally:
        try:
            history.touch(mode=0o600)
            history.chmod(0o600)
            readline.write_history_file(history)
        except OSError as error:
            print(f"stepguard: {history}: cannot be written: {error.strerror}", file=sys.stderr)


def show_step(state: str | None) -> None:
    """Write what runs now over the current line of the terminal; None clears it."""
    words = f"{STEPS.get(state, state)} …" if state else ""
    sys.stderr.write(f"\r\x1b[K{words}")
    sys.stderr.flush()


class Provisional:
    """Guarded pieces of an answer on the terminal, until the answer replaces them."""

    def __init__(self) -> None:
        self._lines = 0

    def show(self, text: str) -> None:
        """Show the newest lines of the text in place of what was shown before; "" clears it."""
        if not text and not self._lines:
            return
        size = shutil.get_terminal_size()
        wide = any(unicodedata.east_asian_width(character) in "WF" for character in text)
        width, most = max(20, (size.columns - 2) // (2 if wide else 1)), max(3, size.lines - 4)
        rows = [row for line in plain(text).splitlines() for row in textwrap.wrap(line, width) or [""]][-most:]
        up = f"\x1b[{self._lines}A" if self._lines else ""
        shown = "".join(f"\x1b[2m{row}\x1b[0m\n" for row in rows)
        sys.stderr.write(f"\r{up}\x1b[J{shown}")
        sys.stderr.flush()
        self._lines = len(rows)
