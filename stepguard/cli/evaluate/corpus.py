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

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Address, address_of
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
from stepguard.evaluation.runs import LOCAL_BAD_ROWS
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind

FOLDER_FILE = "documents.jsonl"


@dataclass(frozen=True, slots=True)
class LocalCorpus:
    """A corpus on this machine, read once: the number of `items`, and the rows that cannot be read."""

    path: Path
    items: int
    bad_rows: list[BadRow] = field(default_factory=list)


def check(corpus: str, kind: Kind) -> LocalCorpus | Address:
    """Read a local corpus through, or the address of one in S3. Raises InvalidRequest that names the error and its
    place."""
    if corpus.startswith("s3://"):
        return address_of(corpus)
    path = Path(corpus).expanduser()
    if not path.exists():
        raise InvalidRequest(f"{path}: there is no such file or folder.")
    bad: list[BadRow] = []
    items = sum(1 for _ in all_items(entries(path, kind), str(path), bad.append))
    return LocalCorpus(path, items, bad)


def entries(path: Path, kind: Kind) -> Iterator[Entry]:
    """The items of a file, or of a folder's documents by name."""
    if path.is_file() and suffix_of(path.name) != ".pdf":
        with path.open("rb") as stream:
            yield from read_file(path.name, stream, kind)
        return
    root = path if path.is_dir() else path.parent
    files = sorted(root.rglob("*")) if path.is_dir() else [path]
    for file in files:
        name = file.relative_to(root).as_posix()
        if file.is_dir() or any(part.startswith(".") for part in Path(name).parts):
            continue
        suffix = suffix_of(name)
        if suffix == ".pdf":
            yield _pdf(file, name)
        elif suffix in TEXTS:
            with file.open("rb") as stream:
                yield from read_file(name, stream, kind)
        else:
            yield BadRow(name, 0, f"is none of {', '.join((*TEXTS, '.pdf'))}, which a folder of documents holds")


def _pdf(file: Path, name: str) -> Entry:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # pypdf warns of every small defect of a file
    try:
        text = "\n".join(page.extract_text() for page in PdfReader(file).pages)
        return item_of(document_row(name, text.encode("utf-8", "replace").decode()), name, 1)
    except InvalidRequest:
        return BadRow(name, 1, "holds no text; a scanned page needs character recognition first")
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        return BadRow(name, 1, f"is no PDF that can be read ({type(error).__name__})")


def upload(corpus: LocalCorpus, evaluations: Evaluations, run: str, kind: Kind) -> Address:
    """The run's copy in S3."""
    objects = evaluations.objects
    with tempfile.TemporaryDirectory() as folder:
        if corpus.path.is_file() and suffix_of(corpus.path.name) in (*ROWS, *TEXTS):
            address, file = evaluations.object(run, f"corpus/{text_of(corpus.path.name)}"), corpus.path
        else:
            address, file = evaluations.object(run, f"corpus/{FOLDER_FILE}"), Path(folder, FOLDER_FILE)
            with file.open("w", encoding="utf-8") as target:
                for item in all_items(entries(corpus.path, kind), str(corpus.path), _known):
                    target.write(json.dumps(item.to_row()) + "\n")
            if corpus.bad_rows:
                text = "".join(json.dumps(row.to_dict()) + "\n" for row in corpus.bad_rows)
                objects.put(evaluations.object(run, LOCAL_BAD_ROWS), text.encode())
        objects.upload(address, file)
    return address


def _known(row: BadRow) -> None:
    """Does nothing: the first reading reported the row."""
