"""A service's tables in one SQLite file of the state folder. An older or newer stepguard may have written the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

CHECKED_BYTES = 32 * 1024 * 1024
"""Up to this size (about a tenth of a second) every page of a file is checked when it is opened; a fault in a larger
file is reported by the first request that reads it."""

_COLUMNS = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"


def open_tables(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """Open the file, or create it with the tables of `schema`; every change of the tables increases `version`.

    Several threads may use the connection, one at a time. It is in autocommit mode: transactions are explicit. With WAL
    and synchronous=NORMAL a killed process loses nothing committed (https://sqlite.org/wal.html). Raises
    sqlite3.Error, whose message names the file, also for a file that is damaged or whose tables have another version;
    the file is then left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            _check(database, path, version)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT;")
            _check_columns(database, schema)
        except BaseException:
            database.close()
            raise
    except sqlite3.Error as error:
        raise sqlite3.DatabaseError(f"{path.name}: {error}") from None
    return database


def _check(database: sqlite3.Connection, path: Path, version: int) -> None:
    found, tables = database.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if (found or tables) and found != version:
        raise sqlite3.DatabaseError(
            f"the file has version {found} of the tables, this stepguard needs version {version}; "
            "move or delete the folder, then a new one is made"
        )
    if path.stat().st_size <= CHECKED_BYTES:
        (result,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise sqlite3.DatabaseError("the file is damaged; move or delete the folder, then a new one is made")


def _check_columns(database: sqlite3.Connection, schema: str) -> None:
    """Compare the columns of the file's tables with those of `schema`: the version alone does not prove them."""
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(schema)
        missing = set(empty.execute(_COLUMNS)) - set(database.execute(_COLUMNS))
    if missing:
        table, column = min(missing)
        raise sqlite3.DatabaseError(
            f"the table {table} has no column {column}; move or delete the folder, then a new one is made"
        )
