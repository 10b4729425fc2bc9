"""The resources of AppConfig in one SQLite file: applications, environments, profiles, versions, deployments."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedded_aws.wire.state_file import open_tables

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    kind TEXT NOT NULL, parent TEXT NOT NULL, id TEXT NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, parent, id)
) WITHOUT ROWID
"""

Body = dict[str, Any]


class Store:
    """Rows by kind, the identifier of what they belong to, and their own. Thread-safe."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._database = open_tables(file, _SCHEMA, 1)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: a killed process leaves all of it or nothing."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def get(self, kind: str, parent: str, id_: str) -> Body | None:
        """The body of a row."""
        query = "SELECT body FROM resources WHERE kind = ? AND parent = ? AND id = ?"
        with self._lock:
            row = self._database.execute(query, (kind, parent, id_)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def put(self, kind: str, parent: str, id_: str, body: Body, number: int = 0) -> Body:
        """Write a row, also over an older one, and return its body."""
        with self._lock:
            self._database.execute(
                "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)", (kind, parent, id_, number, json.dumps(body))
            )
        return body

    def delete(self, kind: str, parent: str, id_: str) -> None:
        """Remove a row, if it is there."""
        with self._lock:
            self._database.execute(
                "DELETE FROM resources WHERE kind = ? AND parent = ? AND id = ?", (kind, parent, id_)
            )

    def rows(self, kind: str, parent: str) -> list[Body]:
        """The bodies under a parent, the newest number first, then by identifier."""
        query = "SELECT body FROM resources WHERE kind = ? AND parent = ? ORDER BY number DESC, id"
        with self._lock:
            try:
                found = self._database.execute(query, (kind, parent)).fetchall()
            except sqlite3.ProgrammingError:  # closed: the process ends
                return []
        return [dict(json.loads(body)) for (body,) in found]
