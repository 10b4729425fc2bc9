"""Knowledge bases over the API: what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.knowledge.fakes import (
    CONFIGURATION,
    OPENSEARCH,
    ROLE,
    S3,
    S3_VECTORS,
    Bedrock,
)

OTHER = "arn:aws:bedrock:us-east-1::foundation-model/other"


@pytest.fixture
def bedrock(tmp_path: Path) -> Iterator[Bedrock]:
    made = Bedrock(tmp_path, S3(**{"a.md": b"Visiting hours are long.", "b.txt": b"Parking costs money."}))
    yield made
    made.registry.close()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"knowledgeBaseConfiguration": {"type": "KENDRA"}}, "the type KENDRA"),
        ({"storageConfiguration": {"type": "PINECONE"}}, "the vector store PINECONE"),
        (
            {"knowledgeBaseConfiguration": {
                "type": "VECTOR",
                "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": OTHER},
            }},
            f"the embedding model {OTHER}",
        ),
    ],
)  # fmt: skip
def test_other_kinds_are_refused_by_name(bedrock: Bedrock, changed: dict[str, Any], named: str) -> None:
    request = {"name": "n", "roleArn": ROLE, "knowledgeBaseConfiguration": CONFIGURATION,
               "storageConfiguration": OPENSEARCH} | changed  # fmt: skip
    with pytest.raises(ServiceError, match=named) as refused:
        bedrock.control("CreateKnowledgeBase", **request)
    assert refused.value.status == 501


def test_other_sources_chunking_and_operations_are_refused_by_name(bedrock: Bedrock) -> None:
    base = {"knowledgeBaseId": bedrock.base()["knowledgeBaseId"], "name": "other"}
    s3 = {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::documents"}}
    with pytest.raises(ServiceError, match="data sources of the type WEB"):
        bedrock.control("CreateDataSource", **base, dataSourceConfiguration={"type": "WEB"})
    with pytest.raises(ServiceError, match="chunkingConfiguration"):
        bedrock.control(
            "CreateDataSource", **base, dataSourceConfiguration=s3,
            vectorIngestionConfiguration={"chunkingConfiguration": {"chunkingStrategy": "NONE"}},
        )  # fmt: skip
    with pytest.raises(ServiceError, match="bedrock-agent:CreateAgent"):
        bedrock.control("CreateAgent", agentName="a")


def test_what_is_missing_is_not_found(bedrock: Bedrock) -> None:
    where = bedrock.base()
    for operation, request in {
        "GetKnowledgeBase": {"knowledgeBaseId": "A" * 10},
        "GetDataSource": {**where, "dataSourceId": "A" * 10},
        "GetIngestionJob": {**where, "ingestionJobId": "A" * 10},
    }.items():
        with pytest.raises(ServiceError, match="ResourceNotFoundException: Failed to retrieve resource"):
            bedrock.control(operation, **request)
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        bedrock.search({"knowledgeBaseId": "A" * 10}, "text")


def test_a_name_is_taken_and_a_token_repeats_a_request(bedrock: Bedrock) -> None:
    bedrock.base(name="one")
    with pytest.raises(ServiceError, match="ConflictException: KnowledgeBase with name one already exists"):
        bedrock.base(name="one")
    request = {"name": "two", "roleArn": ROLE, "knowledgeBaseConfiguration": CONFIGURATION,
               "storageConfiguration": OPENSEARCH, "clientToken": "t" * 33}  # fmt: skip
    assert bedrock.control("CreateKnowledgeBase", **request) == bedrock.control("CreateKnowledgeBase", **request)
    first = bedrock.control("ListKnowledgeBases", maxResults=1)
    rest = bedrock.control("ListKnowledgeBases", nextToken=first["nextToken"])
    names = [one["name"] for page in (first, rest) for one in page["knowledgeBaseSummaries"]]
    assert names == ["one", "two"]


def test_s3_vectors_has_no_hybrid_search_and_no_filters_on_parts(bedrock: Bedrock) -> None:
    where = bedrock.base(S3_VECTORS)
    bedrock.ingest(where)
    assert bedrock.search(where, "parking") == ["b.txt", "a.md"]
    with pytest.raises(ServiceError, match="HYBRID search type is not supported for search operation on index"):
        bedrock.search(where, "parking", overrideSearchType="HYBRID")
    with pytest.raises(ServiceError, match="startsWith is not supported"):
        bedrock.search(where, "parking", filter={"startsWith": {"key": "a", "value": "b"}})


def test_a_filter_of_one_condition_must_not_be_wrapped(bedrock: Bedrock) -> None:
    where = bedrock.base()
    with pytest.raises(ServiceError, match=r"andAll.* Member must have length greater than or equal to 2"):
        bedrock.search(where, "parking", filter={"andAll": [{"equals": {"key": "a", "value": "b"}}]})


@pytest.mark.parametrize(
    "request_", [{"guardrailConfiguration": {"guardrailId": "a", "guardrailVersion": "1"}}, {"nextToken": "1"}]
)
def test_members_that_do_nothing_here_are_refused(bedrock: Bedrock, request_: dict[str, Any]) -> None:
    base = bedrock.base()["knowledgeBaseId"]
    with pytest.raises(ServiceError, match=next(iter(request_))) as refused:
        bedrock.runtime("Retrieve", knowledgeBaseId=base, retrievalQuery={"text": "a"}, **request_)
    assert refused.value.status == 501


def test_results_have_the_services_metadata(bedrock: Bedrock) -> None:
    where = bedrock.base()
    bedrock.ingest(where)
    found = bedrock.runtime("Retrieve", knowledgeBaseId=where["knowledgeBaseId"],
                            retrievalQuery={"text": "parking"})["retrievalResults"]  # fmt: skip
    assert found[0]["content"] == {"type": "TEXT", "text": "Parking costs money."}
    assert found[0]["metadata"].pop("x-amz-bedrock-kb-chunk-id")
    assert found[0]["metadata"] == {
        "x-amz-bedrock-kb-source-uri": "s3://documents/b.txt",
        "x-amz-bedrock-kb-data-source-id": where["dataSourceId"],
    }
    assert found[0]["score"] > found[1]["score"]


def test_a_deleted_knowledge_base_leaves_no_file(bedrock: Bedrock, tmp_path: Path) -> None:
    where = bedrock.base()
    bedrock.ingest(where)
    assert bedrock.control("DeleteKnowledgeBase", knowledgeBaseId=where["knowledgeBaseId"])["status"] == "DELETING"
    assert list((tmp_path / "knowledge").iterdir()) == []
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        bedrock.search(where, "parking")
