"""Ingestion jobs: a data source's objects in S3, read, cut, embedded and indexed.

A job is incremental: an object whose ETag is known is left as it is, an object that is gone is removed. Jobs run one
after another in one thread. A job that a killed process left unfinished continues at the next start.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from embedded_aws.bedrock.knowledge.chunking import chunks
from embedded_aws.bedrock.knowledge.embedding import Encoder
from embedded_aws.bedrock.knowledge.index_file import FAILED, RUNNING, Document, IndexFile, Piece
from embedded_aws.bedrock.knowledge.reading import Unreadable, pages
from embedded_aws.bedrock.knowledge.sidecar import ENDING, read_metadata
from embedded_aws.wire import ServiceError, place_of

_log = logging.getLogger(__name__)

SCANNED, METADATA_SCANNED = "numberOfDocumentsScanned", "numberOfMetadataDocumentsScanned"
NEW, MODIFIED = "numberOfNewDocumentsIndexed", "numberOfModifiedDocumentsIndexed"
METADATA_MODIFIED, DELETED = "numberOfMetadataDocumentsModified", "numberOfDocumentsDeleted"
FAILURES = "numberOfDocumentsFailed"
COUNTERS = (SCANNED, METADATA_SCANNED, NEW, MODIFIED, METADATA_MODIFIED, DELETED, FAILURES)


@dataclass(frozen=True, slots=True)
class Source:
    """An S3 data source: the objects below some prefixes of a bucket."""

    id: str
    bucket: str
    prefixes: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Task:
    """A job to run."""

    index: IndexFile
    source: Source
    job: str


class _Stopped(Exception):
    """The process ends."""


class Ingestion:
    """Runs jobs in a thread, which starts with the first one. `s3` makes a client of S3."""

    def __init__(self, s3: Callable[[], Any], encoder: Encoder) -> None:
        self._s3 = s3
        self._encoder = encoder
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, task: Task) -> None:
        """Run a job after those that were started before."""
        self._tasks.put(task)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="ingestion", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop after the current chunk; the job continues when the folder is opened again."""
        self._stopping.set()
        self._tasks.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._stopping.is_set():
            self._run(task)

    def _run(self, task: Task) -> None:
        try:
            task.index.set_job(task.job, "IN_PROGRESS")
            self._ingest(task)
            task.index.set_job(task.job, "COMPLETE")
        except _Stopped:
            return
        except Exception as error:  # noqa: BLE001 - a job that meets a bug fails, and the thread continues
            if self._stopping.is_set():
                return
            _log.error("An ingestion job failed: %s", place_of(error))
            known = isinstance(error, ServiceError | BotoCoreError | ClientError)
            reason = str(error) if known else f"The job failed: {place_of(error)}."
            task.index.fail_job(task.job, reason)

    def _ingest(self, task: Task) -> None:
        s3, source = self._s3(), task.source
        objects = _objects(s3, source)
        sidecars = {key: tag for key, tag in objects.items() if key.endswith(ENDING)}
        documents = {key: tag for key, tag in objects.items() if key not in sidecars}
        task.index.set_job(
            task.job,
            "IN_PROGRESS",
            **{SCANNED: len(documents), METADATA_SCANNED: sum(key + ENDING in sidecars for key in documents)},
        )
        known = {document.uri: document for document in task.index.documents(source.id)}
        for uri in known.keys() - {_uri(source, key) for key in documents}:
            task.index.remove(source.id, uri, task.job, DELETED)
        for key, tag in documents.items():
            self._check_stopping()
            before = known.get(_uri(source, key))
            wanted = Document(source.id, _uri(source, key), tag, sidecars.get(key + ENDING, ""))
            same = before is not None and (before.version, before.metadata_version) == (tag, wanted.metadata_version)
            failed_earlier = before is not None and before.status == FAILED and before.job != task.job
            if not same or failed_earlier:
                self._update(task, s3, key, wanted, before)

    def _update(self, task: Task, s3: Any, key: str, wanted: Document, before: Document | None) -> None:
        try:
            if wanted.metadata_version:
                content = _content(s3, task.source, key + ENDING)
                wanted = replace(wanted, metadata=read_metadata(content))
            if before is not None and before.version == wanted.version and before.status != FAILED:
                task.index.put_metadata(wanted, task.job, METADATA_MODIFIED)
                return
            pieces = list(self._pieces(key, pages(key, _content(s3, task.source, key))))
        except Unreadable as error:
            # A document that can no longer be read is no longer found.
            failed = replace(wanted, status=FAILED, reason=str(error))
            task.index.put(failed, (), task.job, FAILURES)
            return
        task.index.put(wanted, pieces, task.job, NEW if before is None else MODIFIED)

    def _pieces(self, key: str, found: list[str]) -> Iterator[Piece]:
        paged = key.lower().endswith(".pdf")
        for number, page in enumerate(found, 1):
            for text in chunks(page):
                self._check_stopping()
                yield Piece(
                    str(uuid4()), text, self._encoder([text])[0].astype("float16").tobytes(), number if paged else None
                )

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise _Stopped


def unfinished(index: IndexFile) -> list[tuple[str, str]]:
    """Job and data source of the jobs that a dead process left running."""
    return [(job.id, job.source) for job in index.jobs() if job.status in RUNNING]


def _uri(source: Source, key: str) -> str:
    return f"s3://{source.bucket}/{key}"


def _objects(s3: Any, source: Source) -> dict[str, str]:
    """ETag by key."""
    found: dict[str, str] = {}
    for prefix in source.prefixes:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=prefix):
            found |= {one["Key"]: one["ETag"] for one in page.get("Contents", []) if not one["Key"].endswith("/")}
    return found


def _content(s3: Any, source: Source, key: str) -> bytes:
    content: bytes = s3.get_object(Bucket=source.bucket, Key=key)["Body"].read()
    return content
