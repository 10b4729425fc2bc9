"""An S3 in memory, an encoder by words, and a knowledge base that uses both."""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedded_aws.bedrock.api import service
from embedded_aws.bedrock.knowledge.embedding import Kind, Vector
from embedded_aws.bedrock.models.catalogue import Catalogue
from embedded_aws.wire import JsonService
from tests.unit.embedded_aws.bedrock.fakes import FakeDetection, ScriptedModel

ROLE = "arn:aws:iam::123456789012:role/knowledge"
TITAN = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
CONFIGURATION = {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": TITAN}}
OPENSEARCH = {
    "type": "OPENSEARCH_SERVERLESS",
    "opensearchServerlessConfiguration": {
        "collectionArn": "arn:aws:aoss:us-east-1:123456789012:collection/abcdefghij0123456789",
        "vectorIndexName": "index",
        "fieldMapping": {"vectorField": "vector", "textField": "text", "metadataField": "metadata"},
    },
}
S3_VECTORS = {
    "type": "S3_VECTORS",
    "s3VectorsConfiguration": {"indexArn": "arn:aws:s3vectors:us-east-1:123456789012:bucket/vectors/index/index"},
}


class S3:
    """The objects of one bucket, as a client of S3 gives them."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects
        self.read: list[str] = []
        self.on_read: Callable[[str], None] = lambda key: None

    def get_paginator(self, _operation: str) -> S3:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        for key in sorted(self.objects):
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key, "ETag": hashlib.sha256(self.objects[key]).hexdigest()}]}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.read.append(Key)
        self.on_read(Key)
        return {"Body": io.BytesIO(self.objects[Key])}


def by_words(texts: Sequence[str], kind: Kind = "passage", /) -> Vector:
    """A vector with a dimension for each word (hashed): texts are alike as far as they share words."""
    rows = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in re.findall(r"\w+", text.lower()):
            row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 64] += 1
        row /= max(float(np.linalg.norm(row)), 1e-9)
    return rows


class Bedrock:
    """The two services of knowledge bases over one folder."""

    def __init__(self, folder: Path, s3: S3) -> None:
        self.s3 = s3
        self.model = ScriptedModel()
        self._service = service.Bedrock(
            folder / "bedrock.sqlite3", detection=FakeDetection(), models=Catalogue(self.model), s3=lambda: s3,
            encoder=by_words,
        )  # fmt: skip
        self.registry = self._service.knowledge
        self._guardrails = JsonService("bedrock", self._service.control)
        self._control = JsonService("bedrock-agent", self._service.agent_control)
        self._runtime = JsonService("bedrock-agent-runtime", self._service.agent_runtime)

    def guardrail(self, **policies: Any) -> dict[str, str]:
        """A new guardrail, as `guardrailConfiguration` names it."""
        request = {"name": "guard", "blockedInputMessaging": "No question.", "blockedOutputsMessaging": "No answer."}
        made = self._guardrails.call("CreateGuardrail", request | policies)
        return {"guardrailId": made["guardrailId"], "guardrailVersion": "DRAFT"}

    def control(self, operation: str, **request: Any) -> dict[str, Any]:
        return self._control.call(operation, request)

    def runtime(self, operation: str, **request: Any) -> dict[str, Any]:
        return self._runtime.call(operation, request)

    def base(self, storage: dict[str, Any] = OPENSEARCH, name: str = "base") -> dict[str, str]:
        """A new knowledge base with a data source: the parameters that name both."""
        made = self.control(
            "CreateKnowledgeBase", name=name, roleArn=ROLE, knowledgeBaseConfiguration=CONFIGURATION,
            storageConfiguration=storage,
        )  # fmt: skip
        base = made["knowledgeBase"]["knowledgeBaseId"]
        source = self.control(
            "CreateDataSource", knowledgeBaseId=base, name="documents",
            dataSourceConfiguration={"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::documents"}},
        )  # fmt: skip
        return {"knowledgeBaseId": base, "dataSourceId": source["dataSource"]["dataSourceId"]}

    def ingest(self, where: dict[str, str]) -> dict[str, Any]:
        """Run an ingestion job to its end."""
        job = self.control("StartIngestionJob", **where)["ingestionJob"]
        return self.wait(where, job["ingestionJobId"])

    def wait(self, where: dict[str, str], job: str) -> dict[str, Any]:
        for _ in range(1000):
            found: dict[str, Any] = self.control("GetIngestionJob", **where, ingestionJobId=job)["ingestionJob"]
            if found["status"] in ("COMPLETE", "FAILED"):
                return found
            time.sleep(0.005)
        raise AssertionError("the job does not end")

    def search(self, where: dict[str, str], text: str, **search: Any) -> list[str]:
        """The names of the documents found, best first."""
        found = self.runtime(
            "Retrieve", knowledgeBaseId=where["knowledgeBaseId"], retrievalQuery={"text": text},
            retrievalConfiguration={"vectorSearchConfiguration": search},
        )  # fmt: skip
        return [one["location"]["s3Location"]["uri"].rpartition("/")[2] for one in found["retrievalResults"]]
