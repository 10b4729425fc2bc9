"""The rows of a file of text: JSON lines, a JSON document, or a table of any delimiter, by their content."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation.json_array import JsonArrayError, elements
from stepguard.formats import names
from stepguard.formats.messages import is_conversation
from stepguard.formats.recognise import check_inventory
from stepguard.guard.errors import InvalidRequest

Numbered = tuple[int, Any]
"""A line and its value: an object, a text, or the InvalidRequest of a bad row."""

WRAPPERS = names.folded("""
    data rows items examples tests test_cases instances questions prompts conversations goldens dataset samples results
    records entries
""")
_LISTS_OF_A_ROW = names.folded("conversation_turns model_responses tools assert")
DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Rows:
    """A file's rows: the shape in words, `read` for each pass, and the object around them."""

    shape: str
    read: Callable[[Iterable[str]], Iterator[Numbered]]
    around: Mapping[str, Any] = field(default_factory=dict)


# --- JSON ------------------------------------------------------------------------------------------------------------


def json_rows(open_lines: Callable[[], Iterable[str]], longest: int, most: int) -> Rows:
    """JSON by its content, not by its name: lines, an array, an object around an array, or objects over several lines.
    Raises InvalidRequest."""
    first, more = _first_lines(open_lines())
    start = first.lstrip()[:1]
    value = _value(first)
    if isinstance(value, dict | str) and (more or (isinstance(value, dict) and not _is_wrapper(value))):
        return Rows("JSON lines", lambda lines: _json_lines(lines, longest))
    if not isinstance(value, dict | list) and start == "{" and isinstance(_value(more), dict):
        return Rows("JSON lines", lambda lines: _json_lines(lines, longest))  # the first line is a bad row
    if isinstance(value, list) and isinstance(_value(more), list):
        return Rows("JSON lines", lambda lines: _json_lines(lines, longest))
    if start == "[":
        return Rows("JSON array", lambda lines: _array(_whole(lines, most), longest))
    if start != "{":
        return Rows("JSON lines", lambda lines: _json_lines(lines, longest))
    text = _whole(open_lines(), most)
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return Rows("JSON objects", lambda lines: _objects(_whole(lines, most)))
    return unwrapped(whole)


def _first_lines(lines: Iterable[str]) -> tuple[str, str]:
    found = []
    for line in lines:
        if line.strip():
            found.append(line)
        if len(found) == 2:
            break
    return (*found, "", "")[0], (*found, "", "")[1]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _whole(lines: Iterable[str], most: int) -> str:
    parts, length = [], 0
    for line in lines:
        length += len(line)
        if length > most:
            raise InvalidRequest(f"is larger than {most // 1024**2} MB; write it as JSON lines")
        parts.append(line)
    return "".join(parts)


def _json_lines(lines: Iterable[str], longest: int) -> Iterator[Numbered]:
    for number, line in enumerate(lines, 1):
        if len(line) > longest:
            raise InvalidRequest(f"line {number}: is longer than {longest // 1024**2} MB")
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield number, InvalidRequest("is not valid JSON")
        else:
            yield number, _row(value)


def _row(value: Any) -> Any:
    return value if isinstance(value, dict | str) else InvalidRequest("is neither a JSON object nor a text")


def _array(text: str, longest: int) -> Iterator[Numbered]:
    try:
        for number, value in enumerate(elements(text, longest), 1):
            yield number, _row({"messages": value} if is_conversation(value) else value)
    except JsonArrayError as error:
        raise InvalidRequest(str(error)) from None


def _objects(text: str) -> Iterator[Numbered]:
    decoder, position, number = json.JSONDecoder(), 0, 0
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if position >= len(text):
            return
        number += 1
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise InvalidRequest(f"is not valid JSON at object {number}") from None
        yield number, _row(value)


def _is_wrapper(value: Mapping[str, Any]) -> bool:
    found = {names.fold(name): entry for name, entry in value.items()}
    if any(is_conversation(entry) for entry in value.values()):
        return False
    if {"sourceBucket", "fileSchema"} <= set(value):
        return True
    held = [
        name for name, entry in found.items() if isinstance(entry, list) and entry and isinstance(entry[0], dict | str)
    ]
    return any(name in WRAPPERS for name in held) or _is_columns(value)


def _is_columns(value: Mapping[str, Any]) -> bool:
    if len(value) < 2 and not set(map(names.fold, value)) & {*names.TEXTS, *names.QUESTIONS}:
        return False
    kinds = {type(entry) for entry in value.values()}
    if kinds == {dict}:
        keys = [tuple(entry) for entry in value.values()]
        return bool(keys[0]) and all(key == keys[0] for key in keys) and all(name.isdigit() for name in keys[0])
    lengths = {len(entry) for entry in value.values() if isinstance(entry, list)}
    texts = set(map(names.fold, value)) & {*names.TEXTS, *names.QUESTIONS}
    return kinds == {list} and len(lengths) == 1 and bool(texts)


def unwrapped(value: Any) -> Rows:
    """The rows in a JSON or YAML document: an array, the one array in an object, or columns. Raises InvalidRequest."""
    if isinstance(value, list):
        return _fixed("array", value)
    if not isinstance(value, dict):
        raise InvalidRequest("has no list of items")
    if "sourceBucket" in value and "fileSchema" in value:
        raise InvalidRequest(
            f"is the manifest of an S3 inventory of the bucket {str(value['sourceBucket'])[:63]}: it lists objects and "
            "has no texts. Evaluate the objects themselves: s3://BUCKET/PREFIX/"
        )
    if _is_columns(value):
        columns = {
            name: list(column.values() if isinstance(column, dict) else column) for name, column in value.items()
        }
        return _fixed(
            "object of columns", [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        )
    lists = {
        name: entry
        for name, entry in value.items()
        if isinstance(entry, list) and entry and all(isinstance(item, dict | str) for item in entry)
        and not is_conversation(entry) and names.fold(name) not in _LISTS_OF_A_ROW
    }  # fmt: skip
    if set(map(names.fold, value)) & {*names.QUESTIONS, *names.ANSWERS, "text"}:  # the object is itself a row
        lists = {name: entry for name, entry in lists.items() if names.fold(name) in WRAPPERS}
    if found := _tests(value, lists):
        return found
    lists = {name: entry for name, entry in lists.items() if name not in ("features", "columns")} or lists
    objects = {name: entry for name, entry in lists.items() if isinstance(entry[0], dict)} or lists
    known = {name: entry for name, entry in objects.items() if names.fold(name) in WRAPPERS} or objects
    if len(known) > 1:
        raise InvalidRequest(
            f"has several lists of items: {', '.join(sorted(known))}. Write the one to evaluate to a file"
        )
    if not known:
        return _fixed("object", [value])
    name, entries = next(iter(known.items()))
    if all(isinstance(entry, dict) and isinstance(entry.get("row"), dict) for entry in entries):
        entries = [entry["row"] for entry in entries]  # the rows API of Hugging Face
    return _fixed(f"object around '{name}'", entries, {**value, name: None})


def _tests(value: dict[str, Any], lists: Mapping[str, list[Any]]) -> Rows | None:
    """The tests of a configuration of promptfoo. Raises InvalidRequest if they are in other files."""
    if isinstance(scenarios := value.get("scenarios"), list) and "tests" not in value:
        return _fixed("object", _scenarios(scenarios), {**value, "scenarios": None})
    given = value.get("tests")
    files = [given] if isinstance(given, str) else lists.get("tests", [])
    if any(isinstance(entry, str) and (entry is given or entry.startswith("file://")) for entry in files):
        raise InvalidRequest("takes its tests from other files (file://…): evaluate those files")
    return _fixed("object", lists["tests"], {**value, "tests": None}) if "tests" in lists else None


def _scenarios(scenarios: list[Any]) -> list[Any]:
    """promptfoo's scenarios: each test with the variables of each configuration."""
    found: list[Any] = []
    for scenario in scenarios:
        cells = scenario if isinstance(scenario, dict) else {}
        for config in cells.get("config") or [{}]:
            for test in cells.get("tests") or [{}]:
                if not isinstance(config, dict) or not isinstance(test, dict):
                    raise InvalidRequest("has a scenario whose configurations or tests are no objects")
                variables = {**(config.get("vars") or {}), **(test.get("vars") or {})}
                asserts = [*(config.get("assert") or []), *(test.get("assert") or [])]
                found.append({"vars": variables, "assert": asserts})
    return found


def _fixed(shape: str, values: list[Any], around: Mapping[str, Any] | None = None) -> Rows:
    def read(_: Iterable[str]) -> Iterator[Numbered]:
        for number, value in enumerate(values, 1):
            yield number, _row({"messages": value} if is_conversation(value) else value)

    return Rows(shape, read, around or {})


# --- tables ----------------------------------------------------------------------------------------------------------


def table_rows(open_lines: Callable[[], Iterable[str]], longest: int) -> Rows:
    """A table by its delimiter. Raises InvalidRequest."""
    sample: list[str] = []
    for line in open_lines():
        sample.append(line)
        if len(sample) > _SAMPLE * 5:
            break
    given = re.fullmatch(r'\ufeff?"?sep=(.)"?\s*', sample[0]) if sample else None
    delimiter = given[1] if given else delimiter_of(sample)
    skipped = 1 if given else 0
    cells = _cells(sample[skipped:], delimiter)[:_SAMPLE]
    if not cells:
        raise InvalidRequest("has no rows")
    header = [cell.strip().lstrip("\ufeff") for cell in cells[0]]
    if not _is_header(header, cells[1:]):
        check_inventory(cells)
        header, first = [f"column {number}" for number in range(1, len(header) + 1)], skipped
    else:
        first = skipped + 1
    if len({names.fold(name) for name in header}) != len(header):
        raise InvalidRequest("line 1: names a column twice")
    word = {",": "CSV", ";": "CSV (semicolons)", "\t": "TSV", "|": "CSV (|)"}.get(delimiter, f"CSV ({delimiter})")
    return Rows(word, lambda lines: _table(lines, delimiter, header, skipped, first, longest))


def delimiter_of(sample: list[str]) -> str:
    """The delimiter that gives the most lines the same number of cells as the first."""
    best, choice = (0.0, 0), ","
    for delimiter in DELIMITERS:
        rows = _cells(sample, delimiter)[:_SAMPLE]
        if not rows or len(rows[0]) < 2:
            continue
        share = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        if (round(share, 2), len(rows[0])) > best:
            best, choice = (round(share, 2), len(rows[0])), delimiter
    return choice


def _cells(sample: list[str], delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(sample, delimiter=delimiter):
            if row:
                rows.append(row)
    except csv.Error:
        return rows
    return rows


_KNOWN = frozenset(
    (
        *names.QUESTIONS, *names.TEXTS, *names.ANSWERS, *names.PASSAGES, *names.GOLD, *names.IDS, *names.GROUPS,
        *names.OWN, *names.EXPECTATIONS, *names.LABELS, *names.HARMS, *names.GOODS,
    )
)  # fmt: skip


def _is_header(header: list[str], rows: list[list[str]]) -> bool:
    """Whether the first line names columns: it has a known name, or no cell that looks like those below."""
    if any(names.fold(name) in _KNOWN - set(names.CLASSES) or name.startswith("__") for name in header):
        return True
    if not rows:
        return True
    sentences = any(len(cell.split()) > (3 if cell.strip().endswith((".", "?", "!")) else 5) for cell in header)
    values = any(re.fullmatch(r"[\d.,:TZ+-]+", cell) for cell in header if cell)
    return not (sentences or values)


def _table(
    lines: Iterable[str], delimiter: str, header: list[str], skipped: int, first: int, longest: int
) -> Iterator[Numbered]:
    csv.field_size_limit(longest)
    source = iter(lines)
    for _ in range(skipped):
        next(source, None)
    reader = csv.reader(source, delimiter=delimiter, strict=delimiter != "\t")
    head = first > skipped
    while True:
        line = reader.line_num + 1 + skipped
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise InvalidRequest(f"line {line}: is not valid CSV") from None
        if not row:
            continue
        if head:
            head = False
            continue
        if len(row) != len(header):
            yield line, InvalidRequest(f"has {len(row)} cells, but the first line names {len(header)} columns")
        else:
            yield line, dict(zip(header, row, strict=True))
