"""The pieces that a wrapper holds: texts with their places in the wrapped text, each perhaps named by a key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from embedded_aws.bedrock.detectors.text.normalize import Folded

NOTHING = Folded("")


@dataclass(frozen=True, slots=True)
class Piece:
    """One text out of a wrapper.

    `key` is what the wrapper calls it (a JSON key, an element, a speaker); it may be empty.
    """

    text: Folded
    key: Folded = NOTHING


def cut(text: str, start: int, end: int) -> Folded:
    """`text[start:end]` with its places, without blanks at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Folded(text[start:end], tuple(range(start, end)), tuple(range(start + 1, end + 1)))


def joined(parts: Iterable[Folded]) -> Folded:
    """Texts with places, one after the other."""
    given = list(parts)
    if len(given) == 1:
        return given[0]
    return Folded(
        "".join(part.text for part in given),
        tuple(place for part in given for place in part.starts),
        tuple(place for part in given for place in part.ends),
    )


def trimmed(folded: Folded) -> Folded:
    """A text with places, without blanks at its ends."""
    text = folded.text
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if (start, end) == (0, len(text)):
        return folded
    return Folded(text[start:end], folded.starts[start:end], folded.ends[start:end]) if start < end else Folded("")
