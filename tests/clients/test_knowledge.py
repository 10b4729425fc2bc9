"""Knowledge bases by boto3 and by langchain-aws's AmazonKnowledgeBasesRetriever, both unmodified."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from stepguard.admin.knowledge_documents import DOCUMENTS
from stepguard.session.knowledge import BUCKET
from tests.clients.test_langchain import invoke
from tests.e2e.product import Server

TEXTS = {
    "visiting.md": "Visiting hours are from 2 pm to 8 pm.",
    "parking.html": "<h1>Parking</h1><p>The car park costs 2 euros an hour.</p>",
    "duty.txt": "The night duty of ward 3 begins at 9 pm.",
}
STAFF = {"metadataAttributes": {"groups": ["staff"]}}


@pytest.fixture(name="base", scope="module")
def _base(server: Server) -> str:
    """The served knowledge base, with three documents, one of them for staff."""
    client = {"endpoint_url": server.url, "region_name": "us-east-1",
              "aws_access_key_id": "a", "aws_secret_access_key": "b"}  # fmt: skip
    s3, agent = boto3.client("s3", **client), boto3.client("bedrock-agent", **client)
    for name, text in TEXTS.items():
        s3.put_object(Bucket=BUCKET, Key=DOCUMENTS + name, Body=text.encode())
    s3.put_object(Bucket=BUCKET, Key=f"{DOCUMENTS}duty.txt.metadata.json", Body=json.dumps(STAFF).encode())
    base: str = agent.list_knowledge_bases()["knowledgeBaseSummaries"][0]["knowledgeBaseId"]
    source = agent.list_data_sources(knowledgeBaseId=base)["dataSourceSummaries"][0]["dataSourceId"]
    where = {"knowledgeBaseId": base, "dataSourceId": source}
    job = agent.start_ingestion_job(**where)["ingestionJob"]
    for _ in range(600):
        if job["status"] in ("COMPLETE", "FAILED"):
            break
        time.sleep(0.1)
        job = agent.get_ingestion_job(**where, ingestionJobId=job["ingestionJobId"])["ingestionJob"]
    assert (job["status"], job["statistics"]["numberOfNewDocumentsIndexed"]) == ("COMPLETE", 3)
    return base


def ask(python: Path, server: Server, base: str, text: str, **search: Any) -> list[dict[str, Any]]:
    """What the retriever returns."""
    options = {"knowledge_base_id": base, "retrieval_config": {"vectorSearchConfiguration": search}}
    (answer,) = invoke(python, server, [{"model": "retriever", "options": options, "messages": text}])
    return list(answer["documents"])


def test_the_retriever_finds_passages_with_their_source(python: Path, server: Server, base: str) -> None:
    """Text, location, score and metadata, in langchain's form."""
    found = ask(python, server, base, "How much is the car park?", numberOfResults=2)
    assert found[0]["metadata"]["location"]["s3Location"]["uri"].endswith("/parking.html")
    assert found[0]["text"] == "Parking\nThe car park costs 2 euros an hour."
    assert found[0]["metadata"]["score"] > found[1]["metadata"]["score"]


def test_the_retrievers_filter_keeps_documents_out(python: Path, server: Server, base: str) -> None:
    """A filter that excludes a group, and one that asks for it."""
    text = "When does the night duty begin?"
    excluded = ask(python, server, base, text, filter={"notEquals": {"key": "groups", "value": "staff"}})
    assert {one["metadata"]["location"]["s3Location"]["uri"].rpartition("/")[2] for one in excluded} == {
        "visiting.md", "parking.html"
    }  # fmt: skip
    (staff,) = ask(python, server, base, text, filter={"listContains": {"key": "groups", "value": "staff"}})
    assert staff["metadata"]["source_metadata"]["groups"] == ["staff"]
