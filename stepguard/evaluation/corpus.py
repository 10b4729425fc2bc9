"""Corpora: files of items, read one by one.

JSON lines, a JSON array, CSV (also with the columns of AWS's two guardrail test samples), or a single document as text,
Markdown or HTML; each also compressed with gzip, by its name. An invalid row is reported and the others are read; an
error that puts the whole file in doubt (not UTF-8, an endless row, an unknown label) stops the reading.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import heapq
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import PurePath
from typing import IO, Any

from stepguard.evaluation.aws_samples import optimizer_row, tdd_row
from stepguard.evaluation.csv_text import COLUMNS, cell_text
from stepguard.evaluation.items import KNOWN, Item, UnknownLabel, item_of
from stepguard.evaluation.json_array import JsonArrayError, elements
from stepguard.evaluation.limits import Limits, Meter
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind

LINE_BYTES = 8 * 1024 * 1024
"""The longest row; a file with a longer one is not of the type that its name has."""

WHOLE_BYTES = 64 * 1024 * 1024
"""The largest JSON array or single document: they are in memory as a whole."""

TEXTS = (".txt", ".md", ".html", ".htm")
ROWS = (".jsonl", ".ndjson", ".csv", ".json")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, and the reason; line 0 is the whole file. It never quotes the row."""

    file: str
    line: int
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"file": self.file, "line": self.line, "reason": self.reason}

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.reason}"


Entry = Item | BadRow


def suffix_of(name: str) -> str:
    """`.csv` for `tests.CSV.gz`."""
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix == ".gz" else path.suffix


def read_file(name: str, stream: IO[bytes], kind: Kind | None = None, meter: Meter | None = None) -> Iterator[Entry]:
    """The items of one file, in order; `kind` overrides that of its rows, `meter` counts its bytes after decompression.

    Raises InvalidRequest that names file and line, or the limit that is exceeded.
    """
    suffix = suffix_of(name)
    if name.lower().endswith(".gz"):
        stream = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment]  # it reads as binary files do
    stream = (meter or Meter(Limits())).stream(name, stream)
    if suffix in (".jsonl", ".ndjson"):
        rows = _jsonl(name, stream)
    elif suffix == ".csv":
        rows = _csv(name, stream)
    elif suffix == ".json":
        rows = _json(name, stream)
    elif suffix in TEXTS:
        rows = _document(name, stream, suffix)
    else:
        raise InvalidRequest(f"{name}: is none of {', '.join((*ROWS, *TEXTS))}, by its name.")
    try:
        yield from _items(name, rows, kind)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidRequest(f"{name}: cannot be read ({type(error).__name__}).") from None


def _items(name: str, rows: Iterable[tuple[int, Mapping[str, Any] | BadRow]], kind: Kind | None) -> Iterator[Entry]:
    for line, row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            yield item_of(row, line, kind)
        except UnknownLabel as error:
            raise UnknownLabel(f"{name}, line {line}: {error}.") from None
        except InvalidRequest as error:
            yield BadRow(name, line, str(error).rstrip("."))


def all_items(
    entries: Iterable[Entry], name: str, report: Callable[[BadRow], None], meter: Meter | None = None
) -> Iterator[Item]:
    """The items of a corpus, each id once; bad rows go to `report`, and `meter` counts both. Of equal items without an
    id, the second has the suffix `-2`.

    Raises InvalidRequest for a duplicate id, for a corpus without an item and for one with too many rows.
    """
    seen: set[bytes] = set()
    repeated: dict[bytes, int] = {}
    first: BadRow | None = None
    meter = meter or Meter(Limits())
    for entry in entries:
        meter.add_item(name)
        if isinstance(entry, BadRow):
            first = first or entry
            report(entry)
            continue
        key = _key(entry.id)
        if key in seen:
            if entry.named:
                raise InvalidRequest(f"{name}, line {entry.line}: this id is in the corpus twice.")
            repeated[key] = repeated.get(key, 1) + 1
            entry = replace(entry, id=f"{entry.id}-{repeated[key]}")
            key = _key(entry.id)
        seen.add(key)
        yield entry
    if not seen:
        why = "" if first is None else f" The first row left out: {first}."
        raise InvalidRequest(f"{name}: this corpus has no readable item.{why}")


def ignore_bad_row(row: BadRow) -> None:
    """The `report` of a second reading: the first one reported the row."""


def _key(identifier: str) -> bytes:
    return hashlib.blake2b(identifier.encode(), digest_size=12).digest()


def sampled(ids: Iterable[str], size: int, seed: int) -> frozenset[str]:
    """`size` of the ids, chosen by a hash: the same for the same seed, in any order."""

    def rank(identifier: str) -> bytes:
        return hashlib.sha256(f"{seed}:{identifier}".encode()).digest()

    return frozenset(heapq.nsmallest(size, ids, key=rank))


# --- lines and rows --------------------------------------------------------------------------------------------------


def _lines(name: str, stream: IO[bytes]) -> Iterator[tuple[int, str]]:
    number = 0
    while line := stream.readline(LINE_BYTES + 1):
        number += 1
        if len(line) > LINE_BYTES:
            raise InvalidRequest(f"{name}, line {number}: is longer than {LINE_BYTES // 1024**2} MB.")
        yield number, _decoded(name, line, number)


def _decoded(name: str, data: bytes, line: int) -> str:
    try:
        return data.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name}, line {line}: is not UTF-8 text. Convert the file first.") from None


def _whole(name: str, stream: IO[bytes]) -> str:
    data = stream.read(WHOLE_BYTES + 1)
    if len(data) > WHOLE_BYTES:
        raise InvalidRequest(f"{name}: is larger than {WHOLE_BYTES // 1024**2} MB; write it as JSON lines.")
    return _decoded(name, data, 1)


def _jsonl(name: str, stream: IO[bytes]) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    for number, line in _lines(name, stream):
        if line.strip():
            yield number, _object(name, number, line)


def _object(name: str, number: int, line: str) -> Mapping[str, Any] | BadRow:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return BadRow(name, number, "is not valid JSON")
    return value if isinstance(value, dict) else BadRow(name, number, "is not a JSON object")


def _json(name: str, stream: IO[bytes]) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    try:
        for number, item in enumerate(elements(_whole(name, stream), LINE_BYTES), 1):
            yield number, item if isinstance(item, dict) else BadRow(name, number, "is not a JSON object")
    except JsonArrayError as error:
        raise InvalidRequest(f"{name}: {error}.") from None


def _csv(name: str, stream: IO[bytes]) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    csv.field_size_limit(LINE_BYTES)
    reader = csv.reader((line for _, line in _lines(name, stream)), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error:
        raise InvalidRequest(f"{name}, line 1: is not valid CSV.") from None
    convert = _converter(name, header)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise InvalidRequest(f"{name}, line {line}: is not valid CSV.") from None
        if not row:
            continue
        if len(row) != len(header):
            yield line, BadRow(name, line, f"has {len(row)} cells, but the first line names {len(header)} columns")
            continue
        yield line, convert(dict(zip(header, row, strict=True)))


Row = dict[str, Any]


def _converter(name: str, header: list[str]) -> Callable[[Row], Row]:
    columns = set(header)
    if len(columns) != len(header):
        raise InvalidRequest(f"{name}, line 1: names a column twice.")
    if {"test_type", "test_content_query", "expected_action"} <= columns:
        return tdd_row
    if columns == {"input", "expected"}:
        return optimizer_row
    if columns >= set(COLUMNS):
        return _table_row
    if not columns & (KNOWN - {"id", "kind", "expected", "policies", "pii", "layers", "reference", "grade", "sources"}):
        raise InvalidRequest(f"{name}, line 1: names no column with a text (such as text, prompt or completion).")
    return _own_row


def _table_row(row: Row) -> Row:
    """A row of `items.csv`, the table of an earlier run: its texts without the apostrophes that spreadsheets need."""
    return _own_row({name: cell_text(cell) for name, cell in row.items()})


def _own_row(row: Row) -> Row:
    """Our own columns; the cells of lists may contain JSON, and only `[]` is an empty list."""
    for name in ("pii", "passages", "policies", "layers", "reference", "sources"):
        if (cell := row.get(name, "").strip()).startswith("["):
            try:
                row[name] = json.loads(cell)
            except ValueError:
                if name != "reference":  # a text may begin so
                    row[name] = "?"  # neither a list nor empty: the row is reported
    return {key: value for key, value in row.items() if value != ""}


def _document(name: str, stream: IO[bytes], suffix: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    text = _whole(name, stream)
    yield 1, document_row(name, html_text(text) if suffix in (".html", ".htm") else text)


def document_row(name: str, text: str) -> dict[str, Any]:
    """The row of a single document; the file's name is its id."""
    return {"id": text_of(name)[-200:], "kind": "document", "text": text}


def text_of(name: str) -> str:
    """A file's name as text: on Unix a name is bytes, which need not be UTF-8 (PEP 383)."""
    return name.encode("utf-8", "replace").decode()


_BLOCK_TAGS = """
p div br li ul ol tr table h1 h2 h3 h4 h5 h6 section article header footer blockquote pre title
"""


class _Text(HTMLParser):
    """Collects the text that a reader of a page sees."""

    _HIDDEN = frozenset({"script", "style", "template", "noscript", "head"})
    _BLOCKS = frozenset(_BLOCK_TAGS.split())

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._hidden += 1
        elif tag in self._BLOCKS:
            self.parts.append("\n")
        # Text that only programs read can still contain an attack.
        self.parts.extend(f" {value} " for key, value in attrs if key in ("alt", "title") and value)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def html_text(page: str) -> str:
    """The text of an HTML page, one line a block."""
    parser = _Text()
    parser.feed(page)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)
