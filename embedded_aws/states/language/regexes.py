"""Regular expressions of definitions: those of JSONPath filters and of JSONata.

AWS runs both on Java, whose syntax (lookaround, backreferences) the `regex` library has, too. A pattern such as
`(a|aa)+$` takes exponential time in both; each operation therefore has a deadline and lets other threads run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonata.regex_engine import RegexFlags

SECONDS = 1.0
_GROUP = re.compile(r"\\g<(\d+)>")


class Pattern:
    """A compiled pattern. Every method raises TimeoutError after SECONDS; the constructor ValueError."""

    def __init__(self, text: str, *, ignore_case: bool = False, multiline: bool = False) -> None:
        import regex  # slow to load

        flags = (regex.IGNORECASE if ignore_case else 0) | (regex.MULTILINE if multiline else 0)
        try:
            self._compiled: Any = regex.compile(text, flags)
        except (regex.error, OverflowError, RecursionError) as error:
            raise ValueError(f"not a valid regular expression: {error}") from None
        self._bounds = {"timeout": SECONDS, "concurrent": True}

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text matches."""
        return self._compiled.fullmatch(text, **self._bounds) is not None

    # --- the interface that the JSONata library requires of a pattern (jsonata.regex_engine.CompiledPattern)

    def search(self, string: str) -> Any:
        """The first match, or None."""
        return self._compiled.search(string, **self._bounds)

    def finditer(self, string: str) -> Iterator[Any]:
        """All matches, from left to right."""
        matches: Iterator[Any] = self._compiled.finditer(string, **self._bounds)
        return matches

    def sub(self, repl: str | Callable[[Any], str], string: str, count: int = 0) -> str:
        """The text with matches replaced; in `repl` the library writes a group as `\\g<1>`."""
        put = repl if callable(repl) else self._template(repl)
        replaced: str = self._compiled.sub(put, string, count, **self._bounds)
        return replaced

    def split(self, string: str, maxsplit: int = 0) -> list[str]:
        """The pieces between the matches."""
        pieces: list[str] = self._compiled.split(string, maxsplit, **self._bounds)
        return pieces

    def _template(self, repl: str) -> Callable[[Any], str]:
        """`$12` is group 12, or group 1 and the digit 2, or nothing and the digits: whichever group there is.

        https://docs.jsonata.org/string-functions#replace
        """

        def expand(match: Any) -> str:
            def group(reference: re.Match[str]) -> str:
                digits = reference[1]
                for length in range(len(digits), 0, -1):
                    if int(digits[:length]) <= self._compiled.groups:
                        return (match[int(digits[:length])] or "") + digits[length:]
                return digits[1:]

            return _GROUP.sub(group, repl)

        return expand


def jsonata_engine(text: str, flags: RegexFlags) -> Pattern:
    """The `regex_engine` of the JSONata library."""
    return Pattern(text, ignore_case=flags.case_insensitive, multiline=flags.multiline)
