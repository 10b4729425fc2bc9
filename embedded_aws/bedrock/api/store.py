"""Where guardrails are kept: one SQLite file (WAL), so that a process killed in the middle loses nothing finished.

Rows: a guardrail, its versions (DRAFT among them, the others immutable by a trigger), and the client request tokens
that make creation idempotent.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedded_aws.bedrock.guardrail import DRAFT, Guardrail
from embedded_aws.wire.state_file import open_tables

SCHEMA_VERSION = 1
"""Raised with every change of the tables."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS guardrails (
    id TEXT PRIMARY KEY,
    arn TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    last_version INTEGER NOT NULL DEFAULT 0,
    tags TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS versions (
    id TEXT NOT NULL REFERENCES guardrails (id) ON DELETE CASCADE,
    version TEXT NOT NULL,
    number INTEGER NOT NULL,
    description TEXT,
    config TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT NOT NULL,
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (token, scope),
    FOREIGN KEY (id, version) REFERENCES versions (id, version) ON DELETE CASCADE
);
CREATE TRIGGER IF NOT EXISTS versions_are_immutable BEFORE UPDATE ON versions WHEN OLD.version <> 'DRAFT'
BEGIN
    SELECT RAISE(ABORT, 'a published version is immutable');
END;
"""
_COLUMNS = "v.id, g.arn, v.version, v.config, v.revision, v.created_at, v.updated_at, v.description"
_FROM = "FROM versions v JOIN guardrails g ON g.id = v.id"


class NameTaken(Exception):
    """Another guardrail has this name."""


class Store:
    """All guardrails of one account and region. Safe to use from several threads and several processes."""

    def __init__(self, database: Path) -> None:
        """Open or make the file. Raises sqlite3.Error, also for a file of another schema."""
        self._lock = threading.RLock()
        self._connection = open_tables(database, _SCHEMA, SCHEMA_VERSION)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._parsed: dict[tuple[str, str], tuple[int, Mapping[str, Any]]] = {}
        try:
            self._check()
        except (ValueError, TypeError, KeyError, sqlite3.Error) as error:
            self._connection.close()
            reason = error if isinstance(error, sqlite3.Error) else "a guardrail in it is unreadable"
            raise sqlite3.DatabaseError(f"{database.name}: {reason}") from None

    def _check(self) -> None:
        """Read every guardrail: what cannot be read must be reported now and not by a later request."""
        for draft in self.drafts():
            self.versions(draft.id)
            self.tags(draft.id)

    def close(self) -> None:
        """Close the file; the store is of no use afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing."""
        with self._lock:  # BEGIN IMMEDIATE: check and change are one, for other processes too
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # --- reading ---

    def find(self, guardrail_id: str, version: str = DRAFT) -> Guardrail | None:
        """One version of a guardrail, or None."""
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} {_FROM} WHERE v.id = ? AND v.version = ?",
                (guardrail_id, version),
            ).fetchall()
            return self._guardrail(rows[0]) if rows else None

    def drafts(self) -> list[Guardrail]:
        """The DRAFT of every guardrail, in order of creation."""
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} {_FROM} WHERE v.version = 'DRAFT' ORDER BY g.created_at, g.id"
            ).fetchall()
            return [self._guardrail(row) for row in rows]

    def versions(self, guardrail_id: str) -> list[Guardrail]:
        """All versions of a guardrail, DRAFT first, then in order of creation."""
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} {_FROM} WHERE v.id = ? ORDER BY v.number",
                (guardrail_id,),
            ).fetchall()
            return [self._guardrail(row) for row in rows]

    def count(self) -> int:
        """How many guardrails there are."""
        with self._lock:
            (number,) = self._connection.execute("SELECT count(*) FROM guardrails").fetchone()
            return int(number)

    def tags(self, guardrail_id: str) -> dict[str, str]:
        """A guardrail's tags."""
        with self._lock:
            (tags,) = self._connection.execute("SELECT tags FROM guardrails WHERE id = ?", (guardrail_id,)).fetchone()
            parsed: dict[str, str] = json.loads(tags)
            return parsed

    def remembered(self, token: str, scope: str) -> Guardrail | None:
        """The version that an earlier request with this client token made, if it still exists."""
        with self._lock:
            row = self._connection.execute(
                "SELECT id, version FROM tokens WHERE token = ? AND scope = ?", (token, scope)
            ).fetchone()
            return self.find(*row) if row else None

    # --- writing (inside a transaction) ---

    def create(self, guardrail_id: str, arn: str, config: Mapping[str, Any], tags: Mapping[str, str]) -> Guardrail:
        """Add a guardrail with its DRAFT. Raises NameTaken."""
        now = _now()
        try:
            self._connection.execute(
                "INSERT INTO guardrails (id, arn, name, created_at, tags) VALUES (?, ?, ?, ?, ?)",
                (guardrail_id, arn, config["name"], now, json.dumps(dict(tags))),
            )
        except sqlite3.IntegrityError:
            raise NameTaken(config["name"]) from None
        self._insert(guardrail_id, DRAFT, 0, config.get("description"), config, now)
        return self._existing(guardrail_id, DRAFT)

    def replace_draft(self, guardrail_id: str, config: Mapping[str, Any]) -> Guardrail:
        """Put `config` in the place of the DRAFT. Raises NameTaken."""
        try:
            self._connection.execute("UPDATE guardrails SET name = ? WHERE id = ?", (config["name"], guardrail_id))
        except sqlite3.IntegrityError:
            raise NameTaken(config["name"]) from None
        self._connection.execute(
            "UPDATE versions SET config = ?, description = ?, updated_at = ?, revision = revision + 1 "
            "WHERE id = ? AND version = 'DRAFT'",
            (json.dumps(dict(config)), config.get("description"), _now(), guardrail_id),
        )
        return self._existing(guardrail_id, DRAFT)

    def publish(self, guardrail_id: str, description: str | None) -> Guardrail:
        """Freeze the DRAFT as the next number; numbers of deleted versions are not used again."""
        draft = self._existing(guardrail_id, DRAFT)
        (number,) = self._connection.execute(
            "UPDATE guardrails SET last_version = last_version + 1 WHERE id = ? RETURNING last_version",
            (guardrail_id,),
        ).fetchone()
        self._insert(guardrail_id, str(number), number, description or draft.description, draft.config, _now())
        return self._existing(guardrail_id, str(number))

    def remember(self, token: str, scope: str, made: Guardrail) -> None:
        """Note which version a request with this client token made."""
        self._connection.execute(
            "INSERT OR REPLACE INTO tokens (token, scope, id, version) VALUES (?, ?, ?, ?)",
            (token, scope, made.id, made.version),
        )

    def delete(self, guardrail_id: str) -> None:
        """Delete a guardrail with all its versions."""
        self._connection.execute("DELETE FROM guardrails WHERE id = ?", (guardrail_id,))

    def delete_version(self, guardrail_id: str, version: str) -> None:
        """Delete one published version."""
        self._connection.execute("DELETE FROM versions WHERE id = ? AND version = ?", (guardrail_id, version))

    def set_tags(self, guardrail_id: str, tags: Mapping[str, str]) -> None:
        """Replace a guardrail's tags."""
        self._connection.execute("UPDATE guardrails SET tags = ? WHERE id = ?", (json.dumps(dict(tags)), guardrail_id))

    # --- helpers ---

    def _insert(
        self,
        guardrail_id: str,
        version: str,
        number: int,
        description: str | None,
        config: Mapping[str, Any],
        now: str,
    ) -> None:
        self._connection.execute(
            "INSERT INTO versions (id, version, number, description, config, revision, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, 1, ?, ?)",
            (guardrail_id, version, number, description, json.dumps(dict(config)), now, now),
        )

    def _existing(self, guardrail_id: str, version: str) -> Guardrail:
        found = self.find(guardrail_id, version)
        if found is None:
            raise LookupError(f"guardrail {guardrail_id} has no version {version}")
        return found

    def _guardrail(self, row: Sequence[Any]) -> Guardrail:
        guardrail_id, arn, version, config, revision, created_at, updated_at, description = row
        # Parsing 10,000 words on every call would cost more than matching them.
        known = self._parsed.get((guardrail_id, version))
        if known is None or known[0] != revision:
            known = self._parsed[guardrail_id, version] = (revision, json.loads(config))
        return Guardrail(
            id=guardrail_id,
            arn=arn,
            version=version,
            config=known[1],
            revision=revision,
            created_at=datetime.fromisoformat(created_at),
            updated_at=datetime.fromisoformat(updated_at),
            description=description,
        )


def _now() -> str:
    return datetime.now(UTC).isoformat()
