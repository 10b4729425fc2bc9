"""The items of some tables in one SQLite file.

A write is one transaction: a killed process leaves all of it or nothing. As in DynamoDB, an item that has
expired may still be read for a while: expired items are deleted when the file is opened.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_aws.wire.state_file import open_tables

Item = dict[str, Any]
"""The attributes by name, in DynamoDB's form: `{"id": {"S": "x"}}`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    name TEXT NOT NULL, key TEXT NOT NULL, item TEXT NOT NULL, expires REAL, PRIMARY KEY (name, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_by_expiry ON items (expires) WHERE expires IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `key` is its partition key, a string, and `expires` the attribute of its time to live, in seconds.

    `sort` is its sort key, a string too; a table may have none.
    """

    name: str
    key: str
    expires: str
    sort: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The attributes of its primary key."""
        return (self.key,) if self.sort is None else (self.key, self.sort)


BETWEEN = "\0"
"""What separates the partition key from the sort key in the file; no partition key of such a table contains it."""


class Tables:
    """Some tables in a file. Thread-safe."""

    def __init__(self, file: Path, tables: Iterable[Table], now: Callable[[], float] = time.time) -> None:
        self._tables = {table.name: table for table in tables}
        self._lock = threading.Lock()
        self._database = open_tables(file, _SCHEMA, 1)
        self._database.execute("DELETE FROM items WHERE expires < ?", (now(),))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def table(self, name: str) -> Table | None:
        """The table of this name, if it is one of these."""
        return self._tables.get(name)

    def get(self, table: Table, key: str) -> Item | None:
        """The item with this key."""
        with self._lock:
            return self._read(table, key)

    def partition(self, table: Table, key: str) -> Iterator[Item]:
        """The items with this partition key, in the order of their sort keys."""
        begin = key + BETWEEN
        with self._lock:
            try:
                rows = self._database.execute(
                    "SELECT item FROM items WHERE name = ? AND key >= ? AND key < ? ORDER BY key",
                    (table.name, begin, key + "\x01"),
                ).fetchall()
            except sqlite3.ProgrammingError:  # closed: the process ends
                rows = []
        return (dict(json.loads(row[0])) for row in rows)

    def change(self, table: Table, key: str, change: Callable[[Item | None], Item | None]) -> tuple[Any, Any]:
        """Replace an item by what `change` makes of it, None for no item; an exception leaves it as it was.

        Returns the item before and after.
        """
        with self._lock:
            before = self._read(table, key)
            after = change(before)
            if after is None:
                self._database.execute("DELETE FROM items WHERE name = ? AND key = ?", (table.name, key))
            else:
                expires = after.get(table.expires, {}).get("N")
                self._database.execute(
                    "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)",
                    (table.name, key, json.dumps(after), None if expires is None else float(expires)),
                )
            return before, after

    def _read(self, table: Table, key: str) -> Item | None:
        try:
            row = self._database.execute(
                "SELECT item FROM items WHERE name = ? AND key = ?", (table.name, key)
            ).fetchone()
        except sqlite3.ProgrammingError:  # closed: the process ends
            return None
        return None if row is None else dict(json.loads(row[0]))
