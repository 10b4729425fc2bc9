"""The documents of a knowledge base: their metadata files, and where the guards' verdict puts them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from stepguard.admin.document_metadata import sidecar, sidecar_attributes
from stepguard.admin.knowledge_base import KnowledgeBase, Source
from stepguard.admin.knowledge_documents import Library, Local, read_folder
from stepguard.aws.objects import Address
from stepguard.guard.errors import ConfigurationError, InvalidRequest


class Objects:
    """S3 in memory, in the order of the writes."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.written: list[str] = []

    def list(self, address: Address) -> Iterator[Address]:
        return (Address(address.bucket, key) for key in sorted(self.kept) if key.startswith(address.key))

    def exists(self, address: Address) -> bool:
        return address.key in self.kept

    def open(self, address: Address) -> IO[bytes]:
        return io.BytesIO(self.kept[address.key])

    def put(self, address: Address, content: bytes, kind: str = "") -> None:
        self.kept[address.key] = content
        self.written.append(address.key)

    def delete(self, address: Address) -> None:
        self.kept.pop(address.key, None)


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def library(objects: Objects) -> Library:
    return Library(Source("base", "source", Address("bucket", "documents/"), None), objects)  # type: ignore[arg-type]


@pytest.fixture
def document(tmp_path: Path) -> Local:
    (tmp_path / "a.md").write_text("A ward.")
    (found,), refused = read_folder(tmp_path)
    assert not refused
    return found


def test_a_document_without_groups_is_everyones_and_keeps_its_own_attributes() -> None:
    assert sidecar_attributes(None) == {"groups": ["everyone"]}
    given = {"metadataAttributes": {"groups": ["staff"], "year": 2026}}
    assert sidecar_attributes(json.dumps(given).encode()) == {"groups": ["staff"], "year": 2026}
    long = {"groups": {"value": {"type": "STRING_LIST", "stringListValue": ["staff"]}, "includeForEmbedding": False}}
    assert sidecar_attributes(json.dumps({"metadataAttributes": long}).encode()) == {"groups": ["staff"]}


@pytest.mark.parametrize(
    "attributes",
    [
        {"groups": "staff"}, {"groups": []}, {"groups": [" "]}, {"groups": None}, {"groups": {"staff": True}},
        {"stepguard_screening": "passed"}, {"a": {"b": 1}},
    ],
)  # fmt: skip
def test_groups_that_cannot_be_read_and_reserved_attributes_are_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        sidecar_attributes(json.dumps({"metadataAttributes": attributes}).encode())


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"metadataAttributes": {}, "groups": ["staff"]}'])
def test_a_metadata_file_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="its metadata file"):
        sidecar_attributes(content)


def test_metadata_that_is_too_large_for_bedrock_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="more than 10,240"):
        sidecar({"groups": ["everyone"], "note": "x" * 10_240})


def test_a_folder_says_what_it_cannot_add(tmp_path: Path) -> None:
    for name in ("wards/a.md", "b.pptx", "c.txt", "c.txt.metadata.json", "d.txt.metadata.json", ".hidden.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{" if name.startswith("c.txt.") else "text")
    found, refused = read_folder(tmp_path)
    assert [document.name for document in found] == ["wards/a.md"]
    assert {name for name, _ in refused} == {"b.pptx", "c.txt", "d.txt.metadata.json"}


def test_the_metadata_is_written_before_its_document(library: Library, objects: Objects, document: Local) -> None:
    """An ingestion between the two would index the document without its groups."""
    library.put(document, "passed", "preprocess=a:1")
    assert objects.written == ["documents/a.md.metadata.json", "documents/a.md"]
    attributes = library.documents()["a.md"].attributes
    assert attributes["stepguard_screening"] == "passed"
    assert attributes["stepguard_guardrails"] == "preprocess=a:1"
    assert library.documents()["a.md"].matches(document, "preprocess=a:1")
    assert not library.documents()["a.md"].matches(document, "preprocess=a:2")


def test_a_flagged_document_leaves_the_knowledge_base_until_it_is_released(
    library: Library, objects: Objects, document: Local
) -> None:
    library.put(document, "passed", "g")
    library.flag(document, "blocked", "g")
    assert (list(library.documents()), list(library.flagged())) == ([], ["a.md"])
    library.release("a.md")
    assert library.documents()["a.md"].attributes["stepguard_screening"] == "released"
    assert library.flagged() == {}
    with pytest.raises(InvalidRequest, match="There is no flagged document"):
        library.release("a.md")
    library.remove("a.md")
    assert objects.kept == {}
    with pytest.raises(InvalidRequest, match="There is no document"):
        library.remove("a.md")


def test_a_file_that_changed_while_it_was_screened_is_not_added(library: Library, document: Local) -> None:
    document.file.write_text("Another text.")
    with pytest.raises(InvalidRequest, match="changed while it was screened"):
        library.put(document, "passed", "g")


def test_a_data_source_of_the_whole_bucket_is_refused(objects: Objects) -> None:
    with pytest.raises(ConfigurationError, match="must include the prefix documents/"):
        Library(Source("base", "source", Address("bucket", ""), None), objects)  # type: ignore[arg-type]


def test_a_search_returns_the_documents_uri_and_attributes() -> None:
    class Runtime:
        def retrieve(self, **request: Any) -> dict[str, Any]:
            assert request == {
                "knowledgeBaseId": "KB",
                "retrievalQuery": {"text": "q"},
                "retrievalConfiguration": {"vectorSearchConfiguration": {"numberOfResults": 2}},
            }
            return {"retrievalResults": [{
                "content": {"text": "t"}, "score": 0.5,
                "location": {"type": "S3", "s3Location": {"uri": "s3://b/a.md"}},
                "metadata": {"groups": ["staff"], "x-amz-bedrock-kb-chunk-id": "1"},
            }]}  # fmt: skip

    (found,) = KnowledgeBase("KB", Runtime()).search("q", 2)
    assert found.to_dict() == {
        "id": "1", "text": "t", "uri": "s3://b/a.md", "score": 0.5,
        "metadata": {"groups": ["staff"], "x-amz-bedrock-kb-chunk-id": "1"},
    }  # fmt: skip
