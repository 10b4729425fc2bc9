"""Knowledge bases and data sources: one SQLite file, and one index file for each knowledge base."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedded_aws.bedrock.knowledge.embedding import Encoder, local_encoder
from embedded_aws.bedrock.knowledge.index_file import IndexFile, now
from embedded_aws.bedrock.knowledge.ingestion import Ingestion, Source, Task, unfinished
from embedded_aws.wire.state_file import open_tables

if TYPE_CHECKING:
    from embedded_aws.bedrock.knowledge.search import Searcher

SCHEMA_VERSION = 1
"""Raised with every change of the tables."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    token TEXT,
    settings TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (parent, name)
);
"""
_ID = string.ascii_uppercase + string.digits


class NameTaken(Exception):
    """Another resource has this name."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A knowledge base, or a data source, whose `parent` is its knowledge base; `settings` as in the request."""

    id: str
    parent: str
    name: str
    settings: Mapping[str, Any]
    created: datetime


class Registry:
    """All knowledge bases of an account. Index files are opened when they are first used."""

    def __init__(self, folder: Path, s3: Callable[[], Any], encoder: Encoder = local_encoder) -> None:
        """Raises sqlite3.Error."""
        self._folder = folder
        self._lock = threading.RLock()
        self._connection = open_tables(folder.with_suffix(".sqlite3"), _SCHEMA, SCHEMA_VERSION)
        self._open: dict[str, IndexFile] = {}
        self._searchers: dict[str, Searcher] = {}
        self._ingestion = Ingestion(s3, encoder)
        self.encoder = encoder

    def close(self) -> None:
        """Stop ingesting and close the files."""
        self._ingestion.close()
        with self._lock:
            for index in self._open.values():
                index.close()
            self._open.clear()
            self._searchers.clear()
            self._connection.close()

    def resume(self) -> None:
        """Continue the jobs that a dead process left unfinished."""
        for base in self.all():
            index = self.index(base.id)
            for job, source_id in unfinished(index):
                if source := self.get(source_id):
                    self.ingest(source, job)
                else:
                    index.fail_job(job, "The data source was deleted.")

    def ingest(self, source: Resource, job: str) -> None:
        """Run an ingestion job."""
        s3 = source.settings["dataSourceConfiguration"]["s3Configuration"]
        prefixes = tuple(s3.get("inclusionPrefixes") or ("",))
        bucket = s3["bucketArn"].rpartition(":")[2]
        self._ingestion.start(Task(self.index(source.parent), Source(source.id, bucket, prefixes), job))

    def index(self, base: str) -> IndexFile:
        """The index of a knowledge base."""
        with self._lock:
            if base not in self._open:
                self._open[base] = IndexFile(self._folder / f"{base}.sqlite3")
            return self._open[base]

    def searcher(self, base: str) -> Searcher:
        """The searcher of a knowledge base."""
        from embedded_aws.bedrock.knowledge.search import Searcher  # it loads numpy

        with self._lock:
            if base not in self._searchers:
                self._searchers[base] = Searcher(self.index(base))
            return self._searchers[base]

    def create(self, parent: str, name: str, token: str | None, settings: Mapping[str, Any]) -> Resource:
        """Add a resource, or return the one that the same token made. Raises NameTaken."""
        with self._lock:
            if token:
                row = self._connection.execute(
                    "SELECT id FROM resources WHERE token = ? AND parent = ?", (token, parent)
                ).fetchone()
                if row and (known := self.get(row[0])):
                    return known
            made = Resource("".join(secrets.choice(_ID) for _ in range(10)), parent, name, settings, now())
            try:
                self._connection.execute(
                    "INSERT INTO resources (id, parent, name, token, settings, created) VALUES (?,?,?,?,?,?)",
                    (made.id, parent, name, token, json.dumps(settings), made.created.isoformat()),
                )
            except sqlite3.IntegrityError:
                raise NameTaken from None
        return made

    def get(self, resource_id: str, parent: str | None = None) -> Resource | None:
        """A resource by id."""
        return next((one for one in self.all(parent) if one.id == resource_id), None)

    def all(self, parent: str | None = "") -> list[Resource]:
        """The data sources of a knowledge base; without `parent` the knowledge bases, with None everything."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, parent, name, settings, created FROM resources WHERE ?1 IS NULL OR parent = ?1 "
                "ORDER BY number",
                (parent,),
            ).fetchall()
        return [
            Resource(resource_id, owner, name, json.loads(settings), datetime.fromisoformat(created))
            for resource_id, owner, name, settings, created in rows
        ]

    def delete(self, resource: Resource) -> None:
        """Delete a knowledge base with its data sources and index, or a data source with or without its documents."""
        with self._lock:
            self._connection.execute("DELETE FROM resources WHERE id = ?1 OR parent = ?1", (resource.id,))
            if not resource.parent:
                self.index(resource.id).delete()
                del self._open[resource.id]
                self._searchers.pop(resource.id, None)
            elif resource.settings.get("dataDeletionPolicy") != "RETAIN":
                self.index(resource.parent).remove_source(resource.id)
