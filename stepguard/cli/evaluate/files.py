"""Files of a corpus as bytes, rows or text: compression, Parquet, Excel, Word, PDF. The content decides, not the name.

The extra `documents` has the packages. Every reader counts what it gets after decompression.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib
import logging
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any

from stepguard.cli.packages import remedy
from stepguard.evaluation.corpus import WHOLE_BYTES
from stepguard.evaluation.limits import Meter
from stepguard.guard.errors import ConfigurationError, InvalidRequest

BATCH = 256
"""Rows of a Parquet file in memory at a time."""

_MAGIC = (
    (b"%PDF-", "pdf"),
    (b"PAR1", "parquet"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    *((b"BZh%d" % level, "bz2") for level in range(1, 10)),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
)
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an old Office file; save it as .docx or .xlsx"),
    (b"{\\rtf", "Rich Text; save it as .docx or .txt"),
    (b"\x89PNG", "an image; its text needs character recognition first"),
    (b"\xff\xd8\xff", "an image; its text needs character recognition first"),
    (b"GIF8", "an image; its text needs character recognition first"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file: run `git lfs pull`"),
    (b"Obj\x01", "an Avro file; convert it to Parquet"),
)
_ORC = b"ORC"
"""At the start of an ORC file, and before its last byte; the start alone can be a word of a text."""
BROKEN = (OSError, EOFError, ValueError, KeyError, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
"""What the readers of damaged files raise."""


def type_of(file: Path) -> str:
    """`pdf`, `docx`, `xlsx`, `parquet`, a compression, or `text`. Raises InvalidRequest for what cannot be read."""
    with file.open("rb") as stream:
        head = stream.read(64)
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4))
        tail = stream.read(3)
    known = [magic for magic, _ in _MAGIC]
    for magic, meaning in _FOREIGN:
        if head.startswith(magic):
            raise InvalidRequest(f"is {meaning}")
    if head.startswith(_ORC) and tail == _ORC:
        raise InvalidRequest("is an ORC file; convert it to Parquet")
    if b"\x00" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE, *known)):
        raise InvalidRequest("is a binary file of an unknown type")
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "text")
    return _zip_type(file) if kind == "zip" else kind


def _zip_type(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except BROKEN as error:
        raise InvalidRequest(f"cannot be read ({type(error).__name__})") from None
    if "word/document.xml" in names:
        return "docx"
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        return "xlsx"
    if any(name.startswith("ppt/") for name in names) or "mimetype" in names:
        raise InvalidRequest("is a presentation or an OpenDocument file; save it as .docx, .xlsx or .pdf")
    if len(names) != 1:
        raise InvalidRequest(f"is an archive of {len(names)} files; unpack it and name the file or the folder")
    return "zip"


@contextmanager
def opened(file: Path, name: str, meter: Meter) -> Iterator[IO[bytes]]:
    """The file's bytes, decompressed by content, counted. Raises InvalidRequest for a damaged file."""
    kind = type_of(file)
    with file.open("rb") as raw:
        try:
            yield meter.stream(name, _decompressed(kind, raw))
        except _errors(kind) as error:
            raise InvalidRequest(f"{name}: cannot be read ({type(error).__name__}).") from None


def _errors(kind: str) -> tuple[type[Exception], ...]:
    if kind == "zstd":
        error: type[Exception] = package("zstandard").ZstdError
        return (OSError, EOFError, error)
    return (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


def _decompressed(kind: str, raw: IO[bytes]) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if kind == "bz2":
        return bz2.BZ2File(raw)
    if kind == "xz":
        return lzma.LZMAFile(raw)
    if kind == "zstd":
        return package("zstandard").ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    if kind == "zip":
        archive = zipfile.ZipFile(raw)
        entry = next(entry for entry in archive.infolist() if not entry.is_dir())
        if entry.flag_bits & 1:
            raise InvalidRequest("is an encrypted archive")
        return archive.open(entry)
    return raw


def package(name: str) -> Any:
    """A package of the extra `documents`. Raises ConfigurationError with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigurationError(
            f"This file needs the package {name.partition('.')[0]}. {remedy('documents')}"
        ) from None


# --- rows ------------------------------------------------------------------------------------------------------------


def parquet_rows(file: Path, name: str, meter: Meter) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a Parquet file, a batch at a time. Raises InvalidRequest."""
    arrow, parquet = package("pyarrow"), package("pyarrow.parquet")
    number = 0
    try:
        with parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=BATCH):
                meter.add_bytes(name, batch.nbytes)
                for row in batch.to_pylist():
                    number += 1
                    yield number, {key: _plain(value) for key, value in row.items()}
    except (arrow.ArrowException, OSError) as error:
        raise InvalidRequest(f"{name}: is no Parquet file that can be read ({type(error).__name__}).") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def workbook_rows(file: Path, name: str, meter: Meter) -> list[list[str]]:
    """The cells of the first sheet with rows, as texts. Raises InvalidRequest."""
    calamine = package("python_calamine")
    _check_members(file, name, meter)
    try:
        workbook = calamine.CalamineWorkbook.from_path(str(file))
        for sheet in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=True)
            found = [[_cell(cell) for cell in row] for row in rows]
            if any(any(row) for row in found):
                return found
    except (calamine.CalamineError, *BROKEN) as error:
        raise InvalidRequest(f"{name}: is no workbook that can be read ({type(error).__name__}).") from None
    raise InvalidRequest(f"{name}: its sheets are empty.")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)


def _check_members(file: Path, name: str, meter: Meter) -> None:
    """Count the bytes of an archive's members, read completely: the sizes in its directory may be wrong."""
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as stream:
                    counted = meter.stream(name, stream)
                    while counted.read(WHOLE_BYTES // 64):
                        pass
    except InvalidRequest:
        raise
    except (*BROKEN, RuntimeError) as error:
        raise InvalidRequest(f"{name}: cannot be read ({type(error).__name__}).") from None


# --- documents -------------------------------------------------------------------------------------------------------

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARTS = ("header", "document", "footnotes", "endnotes", "comments", "footer")


def word_text(file: Path, name: str, meter: Meter) -> str:
    """The text of a Word file: headers, paragraphs and tables, notes, comments, footers; no deleted text. Raises
    InvalidRequest."""
    tree, common = package("defusedxml.ElementTree"), package("defusedxml.common")
    _check_members(file, name, meter)
    try:
        with zipfile.ZipFile(file) as archive:
            found = [part for kind in _PARTS for part in sorted(archive.namelist())
                     if part.startswith(f"word/{kind}") and part.endswith(".xml")]  # fmt: skip
            texts = [_word_part(tree.fromstring(archive.read(part))) for part in found]
    except (tree.ParseError, common.DefusedXmlException, *BROKEN) as error:
        raise InvalidRequest(f"{name}: is no Word file that can be read ({type(error).__name__}).") from None
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


def pdf_text(file: Path, name: str, meter: Meter) -> str:
    """The text of a PDF. Raises InvalidRequest."""
    pypdf, errors = package("pypdf"), package("pypdf.errors")
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # pypdf warns of every small defect of a file
    meter.add_bytes(name, file.stat().st_size)
    pages: list[str] = []
    try:
        for page in pypdf.PdfReader(file).pages:
            text = page.extract_text().encode("utf-8", "replace")
            meter.add_bytes(name, len(text))
            pages.append(text.decode())
    except InvalidRequest:
        raise
    except (errors.PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise InvalidRequest(f"is no PDF that can be read ({type(error).__name__})") from None
    return "\n".join(pages)
