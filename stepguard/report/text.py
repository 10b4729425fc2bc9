"""Text of users and models, made safe for terminals, XML and HTML."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with a replacement for each control and format character; line ends and tabs stay."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
