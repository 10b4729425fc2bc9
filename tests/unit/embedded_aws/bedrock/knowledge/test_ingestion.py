"""Ingestion jobs: incremental, with deletions, and exact after a stop at any document."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.knowledge.fakes import S3, Bedrock


@pytest.fixture
def bedrock(tmp_path: Path) -> Iterator[Bedrock]:
    made = Bedrock(tmp_path, S3(**{"a.md": b"Visiting hours are long.", "b.txt": b"Parking costs money."}))
    yield made
    made.registry.close()


def counted(job: dict[str, object]) -> dict[str, int]:
    statistics = job["statistics"]
    assert isinstance(statistics, dict)
    return {name.removeprefix("numberOf"): number for name, number in statistics.items() if number}


def test_only_what_changed_is_read(bedrock: Bedrock) -> None:
    where = bedrock.base()
    assert counted(bedrock.ingest(where)) == {"DocumentsScanned": 2, "NewDocumentsIndexed": 2}
    bedrock.s3.objects["b.txt"] = b"Parking is free."
    bedrock.s3.objects["c.md"] = b"The canteen is open."
    bedrock.s3.read.clear()
    assert counted(bedrock.ingest(where)) == {
        "DocumentsScanned": 3, "NewDocumentsIndexed": 1, "ModifiedDocumentsIndexed": 1
    }  # fmt: skip
    assert bedrock.s3.read == ["b.txt", "c.md"]
    assert bedrock.search(where, "parking money")[0] == "b.txt"


def test_a_deleted_document_is_no_longer_found(bedrock: Bedrock) -> None:
    where = bedrock.base()
    bedrock.ingest(where)
    del bedrock.s3.objects["a.md"]
    assert counted(bedrock.ingest(where)) == {"DocumentsScanned": 1, "DocumentsDeleted": 1}
    assert bedrock.search(where, "visiting hours") == ["b.txt"]


def test_metadata_can_change_without_the_document(bedrock: Bedrock) -> None:
    where = bedrock.base()
    staff = {"equals": {"key": "groups", "value": "staff"}}
    bedrock.ingest(where)
    assert bedrock.search(where, "visiting", filter=staff) == []
    bedrock.s3.objects["a.md.metadata.json"] = json.dumps({"metadataAttributes": {"groups": ["staff"]}}).encode()
    assert counted(bedrock.ingest(where)) == {
        "DocumentsScanned": 2, "MetadataDocumentsScanned": 1, "MetadataDocumentsModified": 1
    }  # fmt: skip
    assert bedrock.search(where, "visiting", filter=staff) == ["a.md"]
    del bedrock.s3.objects["a.md.metadata.json"]
    bedrock.ingest(where)
    assert bedrock.search(where, "visiting", filter=staff) == []


def test_a_document_that_cannot_be_read_fails_alone_and_is_tried_again(bedrock: Bedrock) -> None:
    where = bedrock.base()
    bedrock.s3.objects |= {"slides.pptx": b"PK", "b.txt.metadata.json": b"{"}
    for _ in range(2):
        job = bedrock.ingest(where)
        assert job["status"] == "COMPLETE"
        assert counted(job)["DocumentsFailed"] == 2
        assert any("slides.pptx" in reason and ".pptx" in reason for reason in job["failureReasons"])
    bedrock.s3.objects["b.txt.metadata.json"] = b'{"metadataAttributes": {"year": 2026}}'
    assert counted(bedrock.ingest(where))["ModifiedDocumentsIndexed"] == 1
    listed = bedrock.control("ListKnowledgeBaseDocuments", **where)["documentDetails"]
    assert {one["identifier"]["s3"]["uri"]: one["status"] for one in listed} == {
        "s3://documents/a.md": "INDEXED", "s3://documents/b.txt": "INDEXED", "s3://documents/slides.pptx": "FAILED"
    }  # fmt: skip


@pytest.mark.parametrize("stop_at", ["00.txt", "03.txt", "07.txt"])
def test_a_job_that_was_stopped_continues_without_loss_or_double(tmp_path: Path, stop_at: str) -> None:
    """What is not in the file at a stop is what a killed process loses: no document is written in part."""
    s3 = S3(**{f"{number:02}.txt": f"Room {number} is a room.".encode() for number in range(8)})
    first, reached = Bedrock(tmp_path, s3), threading.Event()

    def stop(key: str) -> None:
        if key == stop_at:
            first.registry._ingestion._stopping.set()
            reached.set()

    s3.on_read = stop
    where = first.base()
    job = first.control("StartIngestionJob", **where)["ingestionJob"]["ingestionJobId"]
    assert reached.wait(5)
    first.registry.close()
    s3.on_read = lambda key: None
    second = Bedrock(tmp_path, s3)
    assert second.control("GetIngestionJob", **where, ingestionJobId=job)["ingestionJob"]["status"] == "IN_PROGRESS"
    second.registry.resume()
    ended = second.wait(where, job)
    assert counted(ended) == {"DocumentsScanned": 8, "NewDocumentsIndexed": 8}
    assert sorted(second.search(where, "room", numberOfResults=100)) == sorted(s3.objects)
    second.registry.close()


def test_a_second_job_waits_for_the_first_to_end(bedrock: Bedrock) -> None:
    where, go = bedrock.base(), threading.Event()

    def wait(key: str) -> None:
        go.wait(5)

    bedrock.s3.on_read = wait
    job = bedrock.control("StartIngestionJob", **where, clientToken="t" * 33)["ingestionJob"]
    for token in ({}, {"clientToken": "u" * 33}):  # SDKs send a new token with each call
        with pytest.raises(ServiceError, match=r"ConflictException: Data source .* has an ongoing ingestion job"):
            bedrock.control("StartIngestionJob", **where, **token)
    again = bedrock.control("StartIngestionJob", **where, clientToken="t" * 33)["ingestionJob"]
    assert again["ingestionJobId"] == job["ingestionJobId"]
    go.set()
    assert bedrock.wait(where, job["ingestionJobId"])["status"] == "COMPLETE"


def test_a_job_without_its_bucket_fails_with_the_reason(bedrock: Bedrock) -> None:
    where = bedrock.base()
    bedrock.s3.objects["a.md"] = b"changed"

    def fail(key: str) -> None:
        raise ValueError("secret text")

    bedrock.s3.on_read = fail
    job = bedrock.ingest(where)
    assert job["status"] == "FAILED"
    assert "ValueError" in str(job["failureReasons"])
    assert "secret" not in str(job)
