"""What a format is, and what is known of a corpus before its rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.formats.messages import decoded
from stepguard.formats.names import Row, fold, word_of

WORDS = 12
"""More distinct words than a label has."""

SAMPLE = 20
"""Rows that a recogniser may look into."""


@dataclass(slots=True)
class Column:
    """What the cells of a column are: how many have a value, how many are sentences, and their words if few."""

    name: str
    cells: int = 0
    sentences: int = 0
    objects: int = 0
    numbers: int = 0
    words: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        """Count one cell."""
        if value in (None, "", [], {}):
            return
        self.cells += 1
        if isinstance(value, str):
            words = value.split(None, 4)
            self.sentences += len(words) > 2 or len(value) > 60
            self.numbers += len(words) == 1 and _is_number(value)
        elif isinstance(value, dict | list):
            self.objects += 1
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self.numbers += 1
        if len(self.words) <= WORDS:
            self.words.add(word_of(value)[:60])

    @property
    def is_prose(self) -> bool:
        """Whether most of its cells are sentences."""
        return self.sentences * 2 > self.cells > 0

    @property
    def description(self) -> str:
        """The kind of its cells, without their content."""
        if not self.cells:
            return "empty"
        if self.is_prose:
            return "sentences"
        if self.objects * 2 > self.cells:
            return "lists or objects"
        if self.numbers == self.cells:
            return "numbers"
        if len(self.words) > WORDS:
            return "words"
        return "one word" if len(self.words) == 1 else f"{len(self.words)} different words"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class Profile:
    """The columns of all rows, by folded name, and the first rows. `around` is the object around the rows, if any."""

    columns: dict[str, Column] = field(default_factory=dict)
    rows: int = 0
    sample: list[Row] = field(default_factory=list)
    around: Mapping[str, Any] = field(default_factory=dict)
    strings: int = 0

    def add(self, row: object) -> None:
        """Count one row."""
        self.rows += 1
        if isinstance(row, str):
            self.strings += 1
            return
        if not isinstance(row, Mapping):
            return
        if len(self.sample) < SAMPLE:
            self.sample.append(folded_row(row))
        for name, value in row.items():
            key = fold(str(name))
            column = self.columns.get(key)
            if column is None:
                column = self.columns[key] = Column(str(name))
            column.add(value)

    @property
    def names(self) -> frozenset[str]:
        """The folded names of the columns."""
        return frozenset(self.columns)

    def any(self, name: str, kind: type | tuple[type, ...]) -> bool:
        """Whether the sample has a value of this type in a column; a list or object may be text in a cell."""
        return any(isinstance(decoded(row.get(name)), kind) for row in self.sample)


def folded_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row by the folded names of its columns."""
    return {fold(str(name)): value for name, value in row.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of a corpus are read. `read` returns the items of a row as rows in our own words; it raises
    InvalidRequest for a bad row. `notes` are assumptions; `known` are columns that have no use here, by the format's
    definition."""

    format: str
    read: Callable[[Row], Iterator[dict[str, Any]]]
    used: frozenset[str]
    known: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, the columns that are read, those that are known and have no use, how it is recognised and
    how a row is read."""

    name: str
    matches: Callable[[Profile], bool]
    read: Callable[[Row], Iterator[dict[str, Any]]]
    used: tuple[str, ...]
    known: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
