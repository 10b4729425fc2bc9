"""The encoding of a file: by its mark, UTF-8, or a guess; and its lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO

from stepguard.guard.errors import InvalidRequest

GUESS = "cp1252"
"""Windows-1252 has every printable character of ISO 8859-1 in the same place."""

BLOCK = 64 * 1024

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def check_encoding(name: str) -> str:
    """The encoding's own name. Raises InvalidRequest for an unknown one, or one that is not of texts."""
    try:
        found = codecs.lookup(name)
        b"a".decode(found.name)
    except (LookupError, UnicodeError):
        if name.lower().replace("_", "-").startswith(("utf-16", "utf-32")):
            return name
        raise InvalidRequest(
            f"--encoding: '{name}' is unknown; use a name such as utf-8, cp1252 or shift_jis."
        ) from None
    return found.name


def encoding_of(stream: IO[bytes]) -> tuple[str, bool]:
    """The encoding of a whole stream, and whether it is a guess."""
    data = stream.read(BLOCK)
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while data:
            decoder.decode(data)
            data = stream.read(BLOCK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return GUESS, True
    return "utf-8", False


def blocks(stream: IO[bytes], encoding: str) -> Iterator[str]:
    """The stream's text in blocks. Raises UnicodeDecodeError, except for a guessed encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("replace" if encoding == GUESS else "strict")
    while data := stream.read(BLOCK):
        if text := decoder.decode(data):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


def lines(name: str, stream: IO[bytes], encoding: str, longest: int) -> Iterator[str]:
    """The lines, each with its end; a file without a line feed has lines that end with CR. Raises InvalidRequest."""
    parts: list[str] = []  # of the line that has not ended: joined once, since a line may have many blocks
    length, end = 0, ""
    try:
        for block in blocks(stream, encoding):
            end = end or ("\n" if "\n" in block or "\r" not in block else "\r")
            first, *others = block.split(end)
            parts.append(first)
            length += len(first)
            if length > longest:
                raise InvalidRequest(f"{name}: has a line that is longer than {longest // 1024**2} MB.")
            if others:
                yield "".join(parts) + "\n"
                yield from (line + "\n" for line in others[:-1])
                parts, length = [others[-1]], len(others[-1])
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name}: is not {encoding} text; choose another --encoding.") from None
    if length:
        yield "".join(parts)
