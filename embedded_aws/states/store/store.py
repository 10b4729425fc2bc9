"""State machines, executions and their histories in one SQLite file (WAL).

Writes are collected and committed together, in order, so that an event is in the file completely or not at all. Code
calls `flush` before it reports a state to a client. A power failure may lose the last writes but never consistency.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from embedded_aws.states.interpret.history import Event
from embedded_aws.states.language.json_text import dump
from embedded_aws.wire import place_of
from embedded_aws.wire.state_file import open_tables

SCHEMA_VERSION = 1
"""Raised with every change of the tables."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS machines (
    arn TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    revision TEXT NOT NULL, settings TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS revisions (
    machine TEXT NOT NULL, revision TEXT NOT NULL, definition TEXT NOT NULL, role TEXT NOT NULL, created REAL NOT NULL,
    PRIMARY KEY (machine, revision)
) STRICT;
CREATE TABLE IF NOT EXISTS executions (
    id INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, machine TEXT NOT NULL, revision TEXT NOT NULL,
    name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, started REAL NOT NULL, stopped REAL,
    input TEXT NOT NULL, output TEXT, error TEXT, cause TEXT, map_run TEXT, item INTEGER,
    version TEXT, alias TEXT, redrives INTEGER NOT NULL DEFAULT 0, redriven REAL
) STRICT;
CREATE INDEX IF NOT EXISTS executions_of_machine ON executions (machine, id);
CREATE UNIQUE INDEX IF NOT EXISTS executions_of_map_run ON executions (map_run, item) WHERE map_run IS NOT NULL;
CREATE INDEX IF NOT EXISTS executions_running ON executions (status) WHERE status = 'RUNNING';
CREATE TABLE IF NOT EXISTS map_runs (
    number INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, execution INTEGER NOT NULL, entered INTEGER NOT NULL,
    machine TEXT NOT NULL, status TEXT NOT NULL, started REAL NOT NULL, stopped REAL, limits TEXT NOT NULL,
    counts TEXT, redrives INTEGER NOT NULL DEFAULT 0, redriven REAL
) STRICT;
CREATE TABLE IF NOT EXISTS events (
    execution INTEGER NOT NULL, id INTEGER NOT NULL, previous INTEGER NOT NULL, timestamp REAL NOT NULL,
    type TEXT NOT NULL, details TEXT, PRIMARY KEY (execution, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS threads (
    execution INTEGER NOT NULL, id INTEGER NOT NULL, thread TEXT NOT NULL, PRIMARY KEY (execution, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    arn TEXT PRIMARY KEY, machine TEXT NOT NULL, number INTEGER NOT NULL, revision TEXT NOT NULL,
    description TEXT NOT NULL, created REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS version_numbers (machine TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS aliases (
    arn TEXT PRIMARY KEY, machine TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, routing TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS activities (arn TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS encryption (arn TEXT PRIMARY KEY, settings TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
) STRICT;
"""

_log = logging.getLogger(__name__)

_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_THREAD = "INSERT INTO threads VALUES (?, ?, ?)"
_INSERTS = (_INSERT_EVENT, _INSERT_THREAD)
"""They come in turn, and their order does not matter: each table's rows are inserted together."""
_PERIOD = 0.005


class Store:
    """The database. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises sqlite3.Error, also for a file with another schema."""
        self._db = open_tables(path, _SCHEMA, SCHEMA_VERSION)
        self._db.row_factory = sqlite3.Row
        self._pending: list[tuple[str, Sequence[Any]]] = []
        self._pending_lock = threading.Lock()
        self._db_lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._writer = threading.Thread(target=self._write_behind, name="asl-store", daemon=True)
        self._writer.start()

    def write(self, sql: str, *values: Any) -> None:
        """Queue a statement; it is committed within some milliseconds, in order."""
        with self._pending_lock:
            self._pending.append((sql, values))
        self._wake.set()

    def write_events(self, execution: int, events: Iterable[Event]) -> None:
        """Queue events of an execution: all of them are committed together.

        The branch or iteration of an event is in a separate table: most executions have only a main line.
        """
        rows: list[tuple[str, Sequence[Any]]] = []
        for event in events:
            text = None if event.details is None else dump(event.details)
            rows.append((_INSERT_EVENT, (execution, event.id, event.previous, event.timestamp, event.type, text)))
            if event.thread:
                rows.append((_INSERT_THREAD, (execution, event.id, event.thread)))
        with self._pending_lock:
            self._pending += rows
        self._wake.set()

    def flush(self) -> None:
        """Commit everything queued so far, in one transaction."""
        with self._db_lock:
            self._flush()

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Rows, everything queued before included."""
        with self._db_lock:
            self._flush()
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, if any."""
        rows = self.read(sql, *values)
        return rows[0] if rows else None

    def close(self) -> None:
        """Commit what is queued and close the file."""
        self._closed.set()
        self._wake.set()
        self._writer.join()
        with self._db_lock:
            self._flush()
            self._db.close()

    def _flush(self) -> None:
        with self._pending_lock:
            pending, self._pending = self._pending, []
        if not pending:
            return
        try:
            try:
                self._commit(pending)
            except UnicodeEncodeError:
                self._commit([(sql, [_storable(value) for value in values]) for sql, values in pending])
        except sqlite3.Error:
            # For example a full disk: nothing is lost while the process lives, and the caller gets the error.
            with self._pending_lock:
                self._pending = pending + self._pending
            raise

    def _commit(self, pending: list[tuple[str, Sequence[Any]]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for _, group in groupby(pending, key=lambda item: item[0] in _INSERTS or item[0]):
                rows: dict[str, list[Sequence[Any]]] = {}
                for sql, values in group:
                    rows.setdefault(sql, []).append(values)
                for sql, several in rows.items():
                    self._db.executemany(sql, several)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _write_behind(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            # The pause collects the events of many executions into one transaction.
            if self._closed.wait(_PERIOD):
                return
            try:
                self.flush()
            except sqlite3.Error as error:
                _log.error(
                    "The state could not be written, it is tried again with the next change: %s", place_of(error)
                )


def _storable(value: Any) -> Any:
    """Text that UTF-8 cannot hold (a hostile client's lone surrogates) with replacement characters instead."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
