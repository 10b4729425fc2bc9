"""What a local corpus is: its format, columns and encoding, found by its content before a run starts.

A file in our own words is read, and copied, as it is; every other file is read row by row into our own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml

from stepguard.cli.evaluate import files
from stepguard.evaluation.answers.grades import GRADES
from stepguard.evaluation.corpus import (
    LINE_BYTES,
    ROWS,
    WHOLE_BYTES,
    BadRow,
    Entry,
    document_row,
    html_text,
    read_file,
)
from stepguard.evaluation.csv_text import COLUMNS
from stepguard.evaluation.items import KNOWN, LABEL_WORDS, UnknownLabel, item_of
from stepguard.evaluation.limits import Limits, Meter
from stepguard.formats.encoding import encoding_of, lines
from stepguard.formats.mapping import Mapped
from stepguard.formats.model import Plan, Profile, folded_row
from stepguard.formats.recognise import columns_of, not_understood, plan_of
from stepguard.formats.rows import Numbered, Rows, json_rows, table_rows, unwrapped
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind

DOCUMENTS = (".txt", ".md", ".markdown", ".html", ".htm", ".pdf", ".docx")
TABLES = (".csv", ".tsv", ".tab", ".psv")
JSON = (".json", ".jsonl", ".ndjson")
OTHERS = {
    ".rtf": "save it as .docx or .txt", ".doc": "save it as .docx", ".odt": "save it as .docx",
    ".pptx": "save it as .pdf", ".ppt": "save it as .pdf", ".eml": "save its text as .txt",
    ".msg": "save its text as .txt", ".rst": "save it as .txt", ".xls": "save it as .xlsx",
    ".orc": "convert it to Parquet", ".avro": "convert it to Parquet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says about a corpus."""

    kind: Kind | None = None
    encoding: str | None = None
    mapped: Mapped = field(default_factory=Mapped)


Read = Callable[[Meter], Iterator[Entry]]


@dataclass(frozen=True, slots=True)
class Intake:
    """A corpus that is ready to be read. `as_is` says that PrepareCorpus reads the file itself."""

    format: str
    read: Read
    as_is: bool = False
    columns: dict[str, list[str]] = field(default_factory=lambda: {"used": [], "ignored": []})
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For `--json` and the run's description."""
        return {"format": self.format, "columns": self.columns, "notes": list(self.notes)}

    def describe(self) -> list[str]:
        """In words, for the terminal."""
        parts = [f"read as {self.format}"]
        for name in ("used", "ignored"):
            if self.columns[name]:
                parts.append(f"columns {name}: {', '.join(self.columns[name])}")
        return ["; ".join(parts), *(f"  {note}" for note in self.notes)]

    def check_strict(self) -> None:
        """Raise InvalidRequest if any column is not understood or anything is a guess."""
        if self.unknown:
            raise InvalidRequest(f"--strict: columns that are not understood: {', '.join(self.unknown)}.")
        if self.notes:
            raise InvalidRequest(f"--strict: {self.notes[0]}.")


def intake(file: Path, name: str, options: Options, limits: Limits) -> Intake:
    """Find a file's format. Raises StepguardError that names the file."""
    try:
        kind = files.type_of(file)
        suffix = inner_suffix(name)
        if kind in ("pdf", "docx") or suffix in DOCUMENTS:
            return _document(file, name, kind, suffix, options)
        if kind == "parquet":
            return _from_rows(
                name,
                Rows("Parquet", lambda _: iter(())),
                options,
                limits,
                lambda meter: files.parquet_rows(file, name, meter),
            )
        if kind == "xlsx":
            cells = files.workbook_rows(file, name, Meter(limits))
            sheet = _sheet(cells)
            return _from_rows(name, sheet, options, limits, lambda _: sheet.read(()))
        return _text(file, name, suffix, options, limits)
    except UnknownLabel as error:
        raise UnknownLabel(_named(name, error)) from None
    except InvalidRequest as error:
        raise InvalidRequest(_named(name, error)) from None


COMPRESSED = (".gz", ".zst", ".zstd", ".bz2", ".xz", ".zip")


def inner_suffix(name: str) -> str:
    """`.csv` for `tests.CSV.zst`; `.jsonl` for the `x.jsonl.out` of a batch."""
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix in (*COMPRESSED, ".out") else path.suffix


def _named(name: str, error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text}." if text.startswith((name, "--", "The corpus")) else f"{name}: {text}."


# --- documents -------------------------------------------------------------------------------------------------------


def _document(file: Path, name: str, kind: str, suffix: str, options: Options) -> Intake:
    if options.mapped:
        raise InvalidRequest("is a document and has no columns: --map and --label are for tables")
    words = {"pdf": "PDF", "docx": "Word document"}.get(kind) or {
        ".html": "HTML page", ".htm": "HTML page", ".md": "Markdown", ".markdown": "Markdown",
    }.get(suffix, "text")  # fmt: skip
    notes: list[str] = []
    if kind not in ("pdf", "docx"):
        encoding, guess = _encoding(file, name, options, Meter(Limits(bytes=WHOLE_BYTES)))
        notes = [_GUESS] if guess else []

    def read(meter: Meter) -> Iterator[Entry]:
        try:
            if kind == "pdf":
                text = files.pdf_text(file, name, meter)
            elif kind == "docx":
                text = files.word_text(file, name, meter)
            else:
                with files.opened(file, name, meter) as stream:
                    text = "".join(lines(name, stream, encoding, WHOLE_BYTES)).lstrip("\ufeff")
                text = html_text(text) if suffix in (".html", ".htm") else text
        except InvalidRequest as error:
            if meter.is_exceeded:
                raise
            yield BadRow(name, 1, str(error).removeprefix(f"{name}: ").rstrip("."))
            return
        if not text.strip():
            scanned = "; a scanned page needs character recognition first" if kind == "pdf" else ""
            yield BadRow(name, 1, f"holds no text{scanned}")
            return
        try:
            yield item_of(document_row(name, text), 1, options.kind)
        except InvalidRequest as error:
            yield BadRow(name, 1, str(error).rstrip("."))

    return Intake(words, read, notes=tuple(notes))


_GUESS = "its encoding is no UTF-8 and has no mark: read as Windows-1252; --encoding chooses another"


def _encoding(file: Path, name: str, options: Options, meter: Meter) -> tuple[str, bool]:
    if options.encoding is not None:
        return options.encoding, False
    with files.opened(file, name, meter) as stream:
        return encoding_of(stream)


# --- rows ------------------------------------------------------------------------------------------------------------


def _text(file: Path, name: str, suffix: str, options: Options, limits: Limits) -> Intake:
    encoding, guess = _encoding(file, name, options, Meter(limits))

    def opened(meter: Meter) -> AbstractContextManager[Iterable[str]]:
        return _lines(file, name, encoding, meter)

    rows = _rows(opened, name, suffix, limits)
    if rows is None:
        if hint := OTHERS.get(suffix):
            raise InvalidRequest(f"cannot be read: {hint}")
        raise InvalidRequest(
            f"is neither JSON nor {', '.join((*TABLES, *DOCUMENTS))}, .yaml, .parquet or .xlsx, by its name. "
            "Texts may be compressed"
        )

    def read(meter: Meter) -> Iterator[Numbered]:
        with opened(meter) as source:
            yield from rows.read(source)

    plain = encoding in ("utf-8", "utf-8-sig") and _is_plain(file, name)
    found = _from_rows(name, rows, options, limits, read, _by_name(rows, suffix) and plain, file)
    return Intake(found.format, found.read, found.as_is, found.columns, found.unknown,
                  (*((_GUESS,) if guess else ()), *found.notes))  # fmt: skip


def _is_plain(file: Path, name: str) -> bool:
    """Whether PrepareCorpus can read the bytes: its compression has its name, and its lines end with a line feed."""
    kind, gzipped = files.type_of(file), name.lower().endswith(".gz")
    with file.open("rb") as stream:
        head = stream.read(LINE_BYTES // 64)
    return inner_suffix(name) in ROWS and (
        (kind == "gzip" and gzipped) or (kind == "text" and not gzipped and (b"\n" in head or b"\r" not in head))
    )


def _by_name(rows: Rows, suffix: str) -> bool:
    """Whether the rows have the shape that PrepareCorpus expects of the file's name."""
    return (rows.shape, suffix) in (
        ("JSON lines", ".jsonl"), ("JSON lines", ".ndjson"), ("JSON array", ".json"), ("CSV", ".csv"),
    )  # fmt: skip


@contextmanager
def _lines(file: Path, name: str, encoding: str, meter: Meter) -> Iterator[Iterable[str]]:
    with files.opened(file, name, meter) as stream:
        yield _unmarked(lines(name, stream, encoding, max(LINE_BYTES, WHOLE_BYTES)))


def _unmarked(source: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(source):
        yield line if number else line.lstrip("\ufeff")


def _rows(
    opened: Callable[[Meter], AbstractContextManager[Iterable[str]]], name: str, suffix: str, limits: Limits
) -> Rows | None:
    def again() -> Iterator[str]:
        with opened(Meter(limits)) as source:
            yield from source

    if suffix in (".yaml", ".yml"):
        return unwrapped(_yaml("".join(again())))
    if suffix in TABLES:
        return table_rows(again, LINE_BYTES)
    start = next((line.lstrip()[:1] for line in again() if line.strip()), "")
    if suffix in JSON or start in ("{", "["):
        return json_rows(again, LINE_BYTES, WHOLE_BYTES)
    return None


def _yaml(text: str) -> Any:
    if len(text) > WHOLE_BYTES:
        raise InvalidRequest(f"is larger than {WHOLE_BYTES // 1024**2} MB")
    loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
    try:
        _check_aliases(text, loader)
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidRequest(f"{f'line {mark.line + 1}: ' if mark else ''}is not valid YAML") from None


MOST_ALIASES = 1_000


def _check_aliases(text: str, loader: Any) -> None:
    """Refuse a document whose aliases multiply: a few lines can become gigabytes."""
    found = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader))
    if found > MOST_ALIASES:
        raise InvalidRequest(f"has more than {MOST_ALIASES:,} YAML aliases")


def _sheet(cells: list[list[str]]) -> Rows:
    """A sheet as rows; its first row with cells names the columns."""
    filled = [(number, row) for number, row in enumerate(cells, 1) if any(row)]
    wide = sum(sum(map(bool, row)) > 1 for _, row in filled) * 2 > len(filled)
    while wide and len(filled) > 1 and sum(map(bool, filled[0][1])) < 2:
        filled = filled[1:]  # a title above the table
    header = filled[0][1]
    names = [cell or f"column {number}" for number, cell in enumerate(header, 1)]
    if len(set(names)) != len(names):
        raise InvalidRequest("its first row names a column twice")
    found: list[Numbered] = [(number, dict(zip(names, row, strict=False))) for number, row in filled[1:]]
    return Rows("Excel workbook", lambda _: iter(found))


def _from_rows(
    name: str,
    rows: Rows,
    options: Options,
    limits: Limits,
    read: Callable[[Meter], Iterator[Numbered]],
    plain: bool = False,
    file: Path | None = None,
) -> Intake:
    profile = Profile(around=rows.around)
    meter = Meter(limits)
    for _, value in read(meter):
        meter.add_item(name)
        profile.add(value)
    if file is not None and plain and not options.mapped and _is_own(profile, rows.shape):
        return _own(file, name, options, profile, rows.shape)
    if not profile.columns and not profile.strings:
        raise InvalidRequest(f"this corpus has no readable item{_first_fault(name, read, limits)}")
    plan = plan_of(profile, options.mapped)
    columns = columns_of(plan, profile)
    return Intake(
        f"{plan.format} ({rows.shape})",
        lambda meter: _entries(name, read(meter), plan, options.kind),
        columns=columns,
        unknown=tuple(not_understood(plan, profile)),
        notes=plan.notes,
    )


def _first_fault(name: str, read: Callable[[Meter], Iterator[Numbered]], limits: Limits) -> str:
    fault = next(((line, value) for line, value in read(Meter(limits)) if isinstance(value, InvalidRequest)), None)
    return f". The first row left out: {name}, line {fault[0]}: {fault[1]}" if fault else ""


_TEXTS = ("text", "document", "prompt", "question", "input", "query", "completion")


def _is_own(profile: Profile, shape: str) -> bool:
    """Whether all columns are our own words, written as we write them."""
    names = {column.name for column in profile.columns.values()}
    if names >= set(COLUMNS) and shape == "CSV":
        return True  # the table of an earlier run
    if not names or not names <= KNOWN or any(profile.columns[key].objects for key in _TEXTS if key in profile.columns):
        return False
    texts = names & set(_TEXTS)
    expected, grade = profile.columns.get("expected"), profile.columns.get("grade")
    return (
        bool(texts)
        and (expected is None or expected.words <= LABEL_WORDS)
        and (grade is None or grade.words <= set(GRADES))
    )


def _own(file: Path, name: str, options: Options, profile: Profile, shape: str) -> Intake:
    def read(meter: Meter) -> Iterator[Entry]:
        with file.open("rb") as stream:
            yield from read_file(name, stream, options.kind, meter)

    names = [column.name for column in profile.columns.values()]
    used = [name for name in names if name in KNOWN]
    ignored = [name for name in names if name not in KNOWN]
    return Intake(f"rows of stepguard ({shape})", read, True, {"used": used, "ignored": ignored})


def _entries(name: str, rows: Iterator[Numbered], plan: Plan, kind: Kind | None) -> Iterator[Entry]:
    for line, value in rows:
        if isinstance(value, InvalidRequest):
            yield BadRow(name, line, str(value).rstrip("."))
            continue
        if isinstance(value, str) != (plan.format == "array of texts"):
            yield BadRow(
                name, line, "is a text among objects" if isinstance(value, str) else "is an object among texts"
            )
            continue
        yield from _row_entries(name, line, value, plan, kind)


def _row_entries(name: str, line: int, value: Any, plan: Plan, kind: Kind | None) -> Iterator[Entry]:
    try:
        found = list(plan.read({"text": value} if isinstance(value, str) else folded_row(value)))
        for number, row in enumerate(found, 1):
            cells = {key: cell for key, cell in row.items() if cell not in (None, "", []) or key == "policies"}
            if number > 1 and "id" in cells:
                cells["id"] = f"{cells['id']}-{number}"
            yield item_of(cells, line, kind)
    except UnknownLabel as error:
        raise UnknownLabel(f"{name}, line {line}: {error}.") from None
    except InvalidRequest as error:
        yield BadRow(name, line, str(error).rstrip("."))
