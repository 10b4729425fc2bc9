"""Custom regular expressions of a guardrail's sensitive-information policy.

AWS: up to 500 characters per pattern (API_GuardrailRegexConfig), no lookaround (user guide, "Remove PII from
conversations by using sensitive information filters"). Patterns run on RE2, which has neither lookaround nor
backreferences and whose time is linear in the text, so that no pattern can stall the endpoint.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol, cast

import re2

from embedded_aws.bedrock.detectors.text.normalize import encoded, readings
from embedded_aws.bedrock.detectors.text.spans import Span
from embedded_aws.bedrock.detectors.wrappers.unwrap import values

MAX_PATTERN_LENGTH = 500
TIME_LIMIT_SECONDS = 1.0
_MAX_MEMORY = 8 << 20  # bytes RE2 may spend on one pattern; counted repetitions multiply it


class _Compiled(Protocol):
    """The part of a compiled RE2 pattern that is used here."""

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """The matches from left to right, with offsets in characters."""


_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]", re.DOTALL)
_REASONS = (
    (re.compile(r"\(\?<?[=!]"), "lookahead and lookbehind are not supported"),
    (re.compile(r"\(\?(?:P=|\()"), "backreferences and conditionals are not supported"),
    (re.compile(r"\(\?>"), "atomic groups are not supported"),
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can carry them, UTF-8 cannot
_BACKREFERENCE = re.compile(r"\\[1-9k]")


def check_pattern(pattern: str) -> None:
    """Raise ValueError, with the reason, for a pattern that a guardrail cannot hold."""
    if not 1 <= len(pattern) <= MAX_PATTERN_LENGTH:
        raise ValueError(f"the pattern has {len(pattern)} characters; 1 to {MAX_PATTERN_LENGTH} are allowed")
    # Escapes and classes are blanked first: "\(?=" and "[(?=]" are no lookaheads.
    outside = _ESCAPED_OR_CLASS.sub(lambda found: found.group()[:2] if found.group()[0] == "\\" else "", pattern)
    if _BACKREFERENCE.search(outside.replace("\\\\", "")):
        raise ValueError("backreferences are not supported")
    bare = re.sub(r"\\.", "", outside, flags=re.DOTALL)
    for construct, reason in _REASONS:
        if construct.search(bare):
            raise ValueError(reason)
    _compile(pattern)


@lru_cache(maxsize=256)
def _compile(pattern: str) -> _Compiled:
    """The compiled pattern; ValueError says what is wrong with it."""
    if _LONE_SURROGATE.search(pattern):
        raise ValueError("not a valid regular expression: it holds half of a surrogate pair")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return cast("_Compiled", re2.compile(pattern, options))
    except re2.error as error:
        message = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"not a valid regular expression: {message}") from None


def find(pattern: str, text: str) -> list[Span]:
    """Every non-empty match, sorted, with the pattern as label.

    The pattern is applied to the text as written, then to its other readings (normalize.readings) where these differ,
    to texts hidden in it in base 64 or hexadecimal, and to values that a wrapper writes with escapes, so that no
    disguise of characters hides a match, or its end;
    matches that share a character are reported as one.

    Raises ValueError for a pattern that does not compile and TimeoutError after TIME_LIMIT_SECONDS: each match is
    found in linear time, but a text may hold thousands of them.
    """
    deadline = time.monotonic() + TIME_LIMIT_SECONDS
    spans = _find(pattern, text, deadline)
    others = [*(reading for reading in readings(text) if reading.text != text), *encoded(text)]
    others += [value for value in values(text) if value.starts and value.text not in text]
    if not others:
        return spans
    for reading in others:
        for span in _find(pattern, reading.text, deadline):
            spans.append(Span(*reading.original(span.start, span.end), pattern))
    return _united(spans)


def _united(spans: list[Span]) -> list[Span]:
    """The spans sorted, those that overlap as one."""
    united: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if united and span.start < united[-1].end:
            last = united.pop()
            span = Span(last.start, max(last.end, span.end), last.label)
        united.append(span)
    return united


def _find(pattern: str, text: str, deadline: float) -> list[Span]:
    spans: list[Span] = []
    for match in _compile(pattern).finditer(_LONE_SURROGATE.sub("\ufffd", text)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the pattern took longer than {TIME_LIMIT_SECONDS:g} s")
        if match.end() > match.start():
            spans.append(Span(match.start(), match.end(), pattern))
    return spans
