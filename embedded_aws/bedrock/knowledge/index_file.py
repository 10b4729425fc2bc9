"""The index of one knowledge base: a SQLite file (WAL) with documents, chunks, vectors, full text and ingestion jobs.

A document, its chunks and the counters of its job change in one transaction, so that a process killed at any moment
neither loses nor doubles a document.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedded_aws.wire.state_file import open_tables

SCHEMA_VERSION = 1
"""Raised with every change of the tables."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    token TEXT,
    description TEXT,
    status TEXT NOT NULL,
    counters TEXT NOT NULL DEFAULT '{}',
    failures TEXT NOT NULL DEFAULT '[]',
    started TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    uri TEXT NOT NULL,
    version TEXT NOT NULL,
    metadata_version TEXT NOT NULL,
    metadata TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    job TEXT NOT NULL,
    updated TEXT NOT NULL,
    UNIQUE (source, uri)
);
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    page INTEGER,
    text TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS chunks_by_document ON chunks (document);
CREATE TABLE IF NOT EXISTS changes (one INTEGER PRIMARY KEY, number INTEGER NOT NULL);
INSERT OR IGNORE INTO changes VALUES (1, 0);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    text, content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER IF NOT EXISTS chunk_added AFTER INSERT ON chunks BEGIN
    INSERT INTO words (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER IF NOT EXISTS chunk_deleted AFTER DELETE ON chunks BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.id, old.text);
END;
"""
RUNNING = ("STARTING", "IN_PROGRESS")
"""A job's states before it ends."""
INDEXED, FAILED = "INDEXED", "FAILED"


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of a document with its vector, as numbers of 16 bits."""

    key: str
    text: str
    vector: bytes
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a data source; `version` changes with its content, `metadata_version` with its metadata file."""

    source: str
    uri: str
    version: str
    metadata_version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    status: str = INDEXED
    reason: str | None = None
    job: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """An ingestion job with what it has counted."""

    id: str
    source: str
    status: str
    started: datetime
    updated: datetime
    description: str | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk as Retrieve returns it."""

    key: str
    text: str
    page: int | None
    source: str
    uri: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Number, data source, URI and metadata of each document; each chunk's document; the vectors of new chunks."""

    changes: int
    documents: list[tuple[int, str, str, Mapping[str, Any]]]
    owners: Mapping[int, int]
    added: list[tuple[int, bytes]]


class JobRunning(Exception):
    """The data source has a job that has not ended; `job` is its id."""

    def __init__(self, job: str) -> None:
        super().__init__(job)
        self.job = job


class IndexFile:
    """One knowledge base's index. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises sqlite3.Error, also for a file of another schema."""
        self._path = path
        self._lock = threading.RLock()
        self._connection = open_tables(path, _SCHEMA, SCHEMA_VERSION)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA recursive_triggers = ON")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def delete(self) -> None:
        """Close and delete the file."""
        self.close()
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # --- jobs ---

    def start_job(self, job: Job, token: str | None) -> Job:
        """Add a job, or return the one that the same token started. Raises JobRunning while another one runs."""
        with self._transaction() as database:
            if token and (row := database.execute("SELECT id FROM jobs WHERE token = ?", (token,)).fetchone()):
                known = self.job(row[0])
                assert known is not None
                return known
            self.check_idle(job.source)
            database.execute(
                "INSERT INTO jobs (id, source, token, description, status, started, updated) VALUES (?,?,?,?,?,?,?)",
                (job.id, job.source, token, job.description, job.status, *[job.started.isoformat()] * 2),
            )
        return job

    def job(self, job_id: str) -> Job | None:
        """A job by its id."""
        return next((job for job in self.jobs() if job.id == job_id), None)

    def jobs(self, source: str | None = None) -> list[Job]:
        """The jobs of a data source, or all, the oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, source, status, started, updated, description, counters, failures FROM jobs "
                "WHERE ?1 IS NULL OR source = ?1 ORDER BY number",
                (source,),
            ).fetchall()
        return [
            Job(
                job_id, source_id, status, datetime.fromisoformat(started), datetime.fromisoformat(updated),
                description, json.loads(counters), tuple(json.loads(failures)),
            )
            for job_id, source_id, status, started, updated, description, counters, failures in rows
        ]  # fmt: skip

    def check_idle(self, source: str) -> None:
        """Raise JobRunning if a job of the data source has not ended."""
        for job in self.jobs(source):
            if job.status in RUNNING:
                raise JobRunning(job.id)

    def set_job(self, job_id: str, status: str, **counters: int) -> None:
        """Set a job's status and counters."""
        with self._transaction() as database:
            self._count(database, job_id, counters, (), status)

    def fail_job(self, job_id: str, reason: str) -> None:
        """End a job as failed."""
        with self._transaction() as database:
            self._count(database, job_id, {}, (reason,), "FAILED")

    def _count(
        self,
        database: sqlite3.Connection,
        job_id: str,
        counters: Mapping[str, int],
        failures: Sequence[str],
        status: str | None = None,
        *,
        add: bool = False,
    ) -> None:
        job = self.job(job_id)
        assert job is not None
        counted = {name: number + (job.counters.get(name, 0) if add else 0) for name, number in counters.items()}
        database.execute(
            "UPDATE jobs SET status = ?, counters = ?, failures = ?, updated = ? WHERE id = ?",
            (
                status or job.status,
                json.dumps({**job.counters, **counted}),
                json.dumps([*job.failures, *failures]),
                now().isoformat(),
                job_id,
            ),
        )

    # --- documents ---

    def documents(self, source: str | None = None) -> list[Document]:
        """The documents of a data source, or all, by URI."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT source, uri, version, metadata_version, metadata, status, reason, job, updated FROM documents "
                "WHERE ?1 IS NULL OR source = ?1 ORDER BY uri",
                (source,),
            ).fetchall()
        return [
            Document(
                source_id, uri, version, metadata_version, json.loads(metadata), status, reason, job,
                datetime.fromisoformat(updated),
            )
            for source_id, uri, version, metadata_version, metadata, status, reason, job, updated in rows
        ]  # fmt: skip

    def put(self, document: Document, pieces: Sequence[Piece], job: str, counter: str) -> None:
        """Replace a document and its chunks, and add one to a counter of the job."""
        with self._transaction() as database:
            self._drop(database, document.source, document.uri)
            number = database.execute(
                "INSERT INTO documents (source, uri, version, metadata_version, metadata, status, reason, job, updated)"
                " VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    document.source, document.uri, document.version, document.metadata_version,
                    json.dumps(document.metadata), document.status, document.reason, job, now().isoformat(),
                ),
            ).lastrowid  # fmt: skip
            database.executemany(
                "INSERT INTO chunks (document, key, page, text, vector) VALUES (?,?,?,?,?)",
                ((number, piece.key, piece.page, piece.text, piece.vector) for piece in pieces),
            )
            failures = [f"{document.uri}: {document.reason}"] if document.reason else []
            self._count(database, job, {counter: 1}, failures, add=True)
            self._changed(database)

    def put_metadata(self, document: Document, job: str, counter: str) -> None:
        """Replace a document's metadata and keep its chunks."""
        with self._transaction() as database:
            database.execute(
                "UPDATE documents SET metadata = ?, metadata_version = ?, job = ?, updated = ? "
                "WHERE source = ? AND uri = ?",
                (
                    json.dumps(document.metadata), document.metadata_version, job, now().isoformat(),
                    document.source, document.uri,
                ),
            )  # fmt: skip
            self._count(database, job, {counter: 1}, (), add=True)
            self._changed(database)

    def remove(self, source: str, uri: str, job: str, counter: str) -> None:
        """Remove a document and its chunks."""
        with self._transaction() as database:
            self._drop(database, source, uri)
            self._count(database, job, {counter: 1}, (), add=True)
            self._changed(database)

    def remove_source(self, source: str) -> None:
        """Remove a data source's documents."""
        with self._transaction() as database:
            for (uri,) in database.execute("SELECT uri FROM documents WHERE source = ?", (source,)).fetchall():
                self._drop(database, source, uri)
            self._changed(database)

    @staticmethod
    def _drop(database: sqlite3.Connection, source: str, uri: str) -> None:
        # Not by the cascade: SQLite runs triggers of cascaded deletes, but this order needs no setting for it.
        where = "document IN (SELECT id FROM documents WHERE source = ? AND uri = ?)"
        database.execute(f"DELETE FROM chunks WHERE {where}", (source, uri))  # noqa: S608 - a constant
        database.execute("DELETE FROM documents WHERE source = ? AND uri = ?", (source, uri))

    @staticmethod
    def _changed(database: sqlite3.Connection) -> None:
        database.execute("UPDATE changes SET number = number + 1")

    # --- searching ---

    def changes(self) -> int:
        """How many changes the index has had."""
        with self._lock:
            (number,) = self._connection.execute("SELECT number FROM changes").fetchone()
        return int(number)

    def snapshot(self, after: int) -> Snapshot:
        """The index as it is now, with the vectors of the chunks above the number `after`."""
        with self._lock:  # every change takes this lock, too
            query = self._connection.execute
            documents = query("SELECT id, source, uri, metadata FROM documents ORDER BY id").fetchall()
            return Snapshot(
                self.changes(),
                [(number, source, uri, json.loads(metadata)) for number, source, uri, metadata in documents],
                dict(query("SELECT id, document FROM chunks ORDER BY id")),
                query("SELECT id, vector FROM chunks WHERE id > ? ORDER BY id", (after,)).fetchall(),
            )

    def frequency(self, query: str, limit: int) -> int:
        """How many chunks match a full-text query, counted up to `limit`."""
        with self._lock:
            (number,) = self._connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)", (query, limit)
            ).fetchone()
        return int(number)

    def matching(self, query: str) -> list[tuple[int, float]]:
        """The chunks that match a full-text query, with their BM25 (higher is better), in any order."""
        with self._lock:
            return self._connection.execute(
                "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ?", (query,)
            ).fetchall()

    def found(self, numbers: Sequence[int]) -> dict[int, Found]:
        """Chunks by number; a chunk removed in the meantime is left out."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT c.id, c.key, c.text, c.page, d.source, d.uri, d.metadata FROM json_each(?) AS wanted "
                "JOIN chunks c ON c.id = wanted.value JOIN documents d ON d.id = c.document",
                (json.dumps(list(numbers)),),
            ).fetchall()
        return {
            number: Found(key, text, page, source, uri, json.loads(metadata))
            for number, key, text, page, source, uri, metadata in rows
        }


def service_keys(source: str, uri: str) -> dict[str, Any]:
    """The metadata that the service adds to every document."""
    return {"x-amz-bedrock-kb-source-uri": uri, "x-amz-bedrock-kb-data-source-id": source}


def now() -> datetime:
    """The current time."""
    return datetime.now(UTC)
