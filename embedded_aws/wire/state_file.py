"""A service's tables in one SQLite file of the state folder. An older or newer stepguard may have written the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def open_tables(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """Open the file, or create it with the tables of `schema`; every change of the tables increases `version`.

    Several threads may use the connection, one at a time. It is in autocommit mode: transactions are explicit. With WAL
    and synchronous=NORMAL a killed process loses nothing committed (https://sqlite.org/wal.html). Raises
    sqlite3.Error, also for a file whose tables have another version, which is then left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        _check(database, path.name, version)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version}; COMMIT;")
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, name: str, version: int) -> None:
    found, tables = database.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if (found or tables) and found != version:
        raise sqlite3.DatabaseError(
            f"{name} has version {found} of the tables, this stepguard needs version {version}; "
            "move or delete the folder, then a new one is made"
        )
