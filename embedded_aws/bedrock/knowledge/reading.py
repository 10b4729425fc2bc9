"""The text of a document, page by page: Markdown, text and CSV as they are, HTML, PDF and Word by parsers.

Only PDF has pages. The packages for PDF and Word are in the extra `documents`.
"""

from __future__ import annotations

import csv
import importlib
import io
import logging
import zipfile
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import IO, Any

from embedded_aws.bedrock.detectors.text.lexicon import listed

FILE_BYTES = 50 * 1024 * 1024
"""The largest file that Bedrock ingests."""
_UNPACKED_BYTES = 4 * FILE_BYTES
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARTS = ("header", "document", "footnotes", "endnotes", "comments", "footer")


class Unreadable(Exception):
    """A document cannot be read; the message says why, without its text."""


def pages(key: str, content: bytes) -> list[str]:
    """The pages of a document, by the ending of its key. Raises Unreadable."""
    if len(content) > FILE_BYTES:
        raise Unreadable("The file is larger than 50 MB.")
    ending = PurePosixPath(key).suffix.lower()
    reader = READERS.get(ending)
    if reader is None:
        raise Unreadable(f"The embedded AWS does not read files that end in '{ending}'; it reads {', '.join(READERS)}.")
    return [page for page in reader(content) if page.strip()]


def word_text(stream: IO[bytes]) -> str:
    """The text of a Word file: headers, paragraphs and tables, notes, comments, footers; no deleted text. Raises
    Unreadable."""
    tree, common = _package("defusedxml.ElementTree"), _package("defusedxml.common")
    try:
        with zipfile.ZipFile(stream) as archive:
            found = [part for kind in _PARTS for part in sorted(archive.namelist())
                     if part.startswith(f"word/{kind}") and part.endswith(".xml")]  # fmt: skip
            texts = [_word_part(tree.fromstring(_member(archive, part))) for part in found]
    except (tree.ParseError, common.DefusedXmlException, *_BROKEN) as error:
        raise Unreadable(f"The file is no Word file that can be read ({type(error).__name__}).") from None
    return "\n".join(text for text in texts if text)


def _word_part(root: Any) -> str:
    parts: list[str] = []
    for element in root.iter():
        if element.tag == f"{_WORD}t":
            parts.append(element.text or "")
        elif element.tag in (f"{_WORD}p", f"{_WORD}br", f"{_WORD}cr"):
            parts.append("\n")
        elif element.tag == f"{_WORD}tab":
            parts.append("\t")
    lines = (line.strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


_BROKEN = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member of an archive; the size in its directory may be wrong."""
    with archive.open(name) as stream:
        content = stream.read(_UNPACKED_BYTES + 1)
    if len(content) > _UNPACKED_BYTES:
        raise Unreadable("The file is too large when it is unpacked.")
    return content


def _plain(content: bytes) -> list[str]:
    """UTF-8, or UTF-16 with its mark; other bytes are Windows-1252."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return [content.decode("utf-16", "replace")]
    try:
        return [content.decode("utf-8-sig")]
    except UnicodeDecodeError:
        return [content.decode("cp1252", "replace")]


def _table(content: bytes) -> list[str]:
    """A row as a line of `column: value`."""
    rows = csv.reader(io.StringIO(_plain(content)[0], newline=""))
    try:
        header = next(rows, [])
        lines = ["; ".join(f"{name}: {cell}" for name, cell in zip(header, row, strict=False) if cell) for row in rows]
    except csv.Error as error:
        raise Unreadable(f"The file is no CSV that can be read: {error}.") from None
    return ["\n".join(lines) or ", ".join(header)]


def _html(content: bytes) -> list[str]:
    parser = _Text()
    parser.feed(_plain(content)[0])
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return ["\n".join(line for line in lines if line)]


class _Text(HTMLParser):
    """Collects the text that a reader of a page sees, and the texts of images and titles."""

    _HIDDEN = frozenset({"script", "style", "template", "noscript", "head"})
    _BLOCKS = listed("p div br li ul ol tr table h1 h2 h3 h4 h5 h6 section article header footer blockquote pre title")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._hidden += 1
        elif tag in self._BLOCKS:
            self.parts.append("\n")
        self.parts.extend(f" {value} " for key, value in attrs if key in ("alt", "title") and value)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _word(content: bytes) -> list[str]:
    return [word_text(io.BytesIO(content))]


def _pdf(content: bytes) -> list[str]:
    pypdf, errors = _package("pypdf"), _package("pypdf.errors")
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # pypdf warns of every small defect of a file
    try:
        found = [page.extract_text().encode("utf-8", "replace").decode()
                 for page in pypdf.PdfReader(io.BytesIO(content)).pages]  # fmt: skip
    except (errors.PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise Unreadable(f"The file is no PDF that can be read ({type(error).__name__}).") from None
    if not any(page.strip() for page in found):
        raise Unreadable("The PDF holds no text; a scanned page needs character recognition first.")
    return found


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise Unreadable(f"The package {package} is not installed; it is in the extra `documents`.") from None


READERS: Mapping[str, Callable[[bytes], list[str]]] = {
    ".txt": _plain,
    ".md": _plain,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _word,
    ".csv": _table,
}
