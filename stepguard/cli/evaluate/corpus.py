"""Corpora on this machine: checked before a run starts, then copied to S3 for this run.

A file is copied unchanged; a folder of documents becomes one file of JSON lines, since only this machine reads PDF.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stepguard.aws.corpora import read_corpus
from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Address, Objects, address_of
from stepguard.evaluation.corpus import (
    ROWS,
    TEXTS,
    BadRow,
    Entry,
    all_items,
    document_row,
    read_file,
    suffix_of,
    text_of,
)
from stepguard.evaluation.items import item_of
from stepguard.evaluation.limits import Limits, Meter
from stepguard.evaluation.runs import LOCAL_BAD_ROWS
from stepguard.evaluation.selection import Reader
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind

FOLDER_FILE = "documents.jsonl"


@dataclass(frozen=True, slots=True)
class LocalCorpus:
    """A corpus on this machine, read once: the number of `items`, and the rows that cannot be read."""

    path: Path
    items: int
    bad_rows: list[BadRow] = field(default_factory=list)


def find(corpus: str) -> Path | Address:
    """The place of a corpus. Raises InvalidRequest."""
    if corpus.startswith("s3://"):
        return address_of(corpus)
    path = Path(corpus).expanduser()
    if not path.exists():
        raise InvalidRequest(f"{path}: there is no such file or folder.")
    return path


def reader(place: Path | Address, kind: Kind, objects: Objects) -> Reader:
    """Reads a corpus here or in S3."""
    if isinstance(place, Address):
        return lambda meter: read_corpus(objects, place, kind, meter)
    return lambda meter: entries(place, kind, meter)


def entries(path: Path, kind: Kind, meter: Meter | None = None) -> Iterator[Entry]:
    """The items of a file, or of a folder's documents by name; `meter` counts the bytes of all of them."""
    meter = meter or Meter(Limits())
    if path.is_file() and suffix_of(path.name) != ".pdf":
        with path.open("rb") as stream:
            yield from read_file(path.name, stream, kind, meter)
        return
    root = path if path.is_dir() else path.parent
    files = sorted(root.rglob("*")) if path.is_dir() else [path]
    for file in files:
        name = file.relative_to(root).as_posix()
        if file.is_dir() or any(part.startswith(".") for part in Path(name).parts):
            continue
        suffix = suffix_of(name)
        if suffix == ".pdf":
            yield _pdf(file, name, meter)
        elif suffix in TEXTS:
            with file.open("rb") as stream:
                yield from read_file(name, stream, kind, meter)
        else:
            yield BadRow(name, 0, f"is none of {', '.join((*TEXTS, '.pdf'))}, which a folder of documents holds")


def _pdf(file: Path, name: str, meter: Meter) -> Entry:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # pypdf warns of every small defect of a file
    meter.add_bytes(name, file.stat().st_size)
    pages: list[str] = []
    try:
        for page in PdfReader(file).pages:
            text = page.extract_text().encode("utf-8", "replace")
            meter.add_bytes(name, len(text))
            pages.append(text.decode())
    except InvalidRequest:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        return BadRow(name, 1, f"is no PDF that can be read ({type(error).__name__})")
    try:
        return item_of(document_row(name, "\n".join(pages)), name, 1)
    except InvalidRequest:
        return BadRow(name, 1, "holds no text; a scanned page needs character recognition first")


def upload(corpus: LocalCorpus, evaluations: Evaluations, run: str, kind: Kind, limits: Limits) -> Address:
    """The run's copy in S3."""
    objects = evaluations.objects
    with tempfile.TemporaryDirectory() as folder:
        if corpus.path.is_file() and suffix_of(corpus.path.name) in (*ROWS, *TEXTS):
            address, file = evaluations.object(run, f"corpus/{text_of(corpus.path.name)}"), corpus.path
        else:
            address, file = evaluations.object(run, f"corpus/{FOLDER_FILE}"), Path(folder, FOLDER_FILE)
            with file.open("w", encoding="utf-8") as target:
                meter = Meter(limits)
                for item in all_items(entries(corpus.path, kind, meter), str(corpus.path), _known, meter):
                    target.write(json.dumps(item.to_row()) + "\n")
            if corpus.bad_rows:
                text = "".join(json.dumps(row.to_dict()) + "\n" for row in corpus.bad_rows)
                objects.put(evaluations.object(run, LOCAL_BAD_ROWS), text.encode())
        objects.upload(address, file)
    return address


def _known(row: BadRow) -> None:
    """Does nothing: the first reading reported the row."""
