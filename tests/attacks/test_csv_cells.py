"""Formulas in the table of results: a corpus, or a model, may write what a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepguard.evaluation.corpus import read_file
from stepguard.evaluation.csv_text import COLUMNS, cell_text, neutralise_cell, row_of
from stepguard.evaluation.items import Item
from stepguard.evaluation.results import Result, result_of
from tests.unit.evaluation.test_scorecard import record

SIGNS = ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\ufe62", "\ufe63", "\ufe6b", "\u2212"]
BEFORE = [
    "",
    " ",
    "\u00a0",
    "\u3000",
    "\t",
    "\r",
    "\n",
    "\0",
    "\x0b",
    "\x1b",
    '"',
    "'",
    "\u201c",
    "\ufeff",
    "\u200b",
    ' "',
]
CELLS = st.text(st.sampled_from([*SIGNS, *"".join(BEFORE), *";,ab1"]), max_size=12) | st.text()


def result(text: str, name: str = "item", error: str | None = None) -> Result:
    """A result of this text."""
    return replace(result_of(record(text=text))[0], id=name, excerpt=text, error=error)


def table(*results: Result) -> str:
    """The results as functions/summarize_corpus.py writes them."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows([COLUMNS, *map(row_of, results)])
    return file.getvalue()


def runs(cell: str) -> bool:
    """Whether a spreadsheet that drops blanks, quotes and invisible characters, and reads full-width signs, runs it."""
    plain = unicodedata.normalize("NFKC", cell).replace("\u2212", "-")
    seen = "".join(char for char in plain if unicodedata.category(char)[0] not in "CZ" and char not in '"\u201c')
    return seen.startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", BEFORE)
def test_no_cell_is_a_formula(before: str, sign: str) -> None:
    """OWASP's characters and their full-width twins, also after what a spreadsheet skips; in each column of text."""
    text = f"{before}{sign}cmd|' /C calc'!A0"
    cells = dict(zip(COLUMNS, row_of(result(text, text, text)), strict=True))

    assert {cells[name] for name in ("id", "error", "text")} == {"'" + text} or before in "\t\r\n\x0b"
    assert not any(map(runs, cells.values()))


@pytest.mark.parametrize("first", ["\0", "\t", "\r", "\n", "\x1b", "\x7f", "\x85"])
def test_no_cell_begins_with_a_control_character(first: str) -> None:
    """ASVS 1.2.10: tab and NUL are escaped whatever follows."""
    assert row_of(result(f"{first}abc"))[-1] == f"'{first}abc"


def test_a_cell_within_a_cell_is_no_formula() -> None:
    """Where the decimal sign is a comma, spreadsheets split at semicolons, inside of quotes as well."""
    line = table(result("a;=1+1", 'x"; @SUM(1)'))

    assert not [cell for cell in line.splitlines()[1].split(";") if runs(cell)]


@example("'=1")
@example("a;\n=1")
@given(CELLS)
def test_the_text_comes_back(text: str) -> None:
    """Neutralising loses nothing, for any text, neutralised ones included."""
    assert cell_text(neutralise_cell(text)) == text
    assert cell_text(neutralise_cell(neutralise_cell(text))) == neutralise_cell(text)


@given(CELLS)
def test_nothing_runs(text: str) -> None:
    """Every line and every part between semicolons is text."""
    cell = neutralise_cell(text)

    assert not runs(cell)
    assert not [part for part in cell.replace("\t", ";").splitlines() for part in part.split(";") if runs(part)]


def test_a_table_read_as_a_corpus_has_the_texts_as_they_were() -> None:
    """`items.csv` may be evaluated again."""
    text, same = "=1+1", "Plain, with a - sign"
    entries = list(read_file("items.csv", io.BytesIO(table(result(text), result(same)).encode())))

    assert [entry.request.text for entry in entries if isinstance(entry, Item)] == [text, same]


def test_a_callers_own_apostrophe_stays() -> None:
    """A corpus of other columns is read as it is."""
    entries = list(read_file("own.csv", io.BytesIO(b"id,text\na,'=1\n")))

    assert [entry.request.text for entry in entries if isinstance(entry, Item)] == ["'=1"]
