"""Bedrock Knowledge Bases: searching one, and ingesting its documents."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.aws.clients import aws_errors, client, pages
from stepguard.aws.objects import Address
from stepguard.guard.errors import ConfigurationError

KNOWLEDGE_BASE_ID = "KNOWLEDGE_BASE_ID"
_URI = "x-amz-bedrock-kb-source-uri"
_CHUNK = "x-amz-bedrock-kb-chunk-id"


@dataclass(frozen=True, slots=True)
class Found:
    """A passage of a knowledge base: `uri` of its document, the document's attributes, `score` (higher is better)."""

    id: str
    text: str
    uri: str
    score: float
    metadata: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The passage as commands print it."""
        return {
            "id": self.id,
            "text": self.text,
            "uri": self.uri,
            "score": self.score,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class Job:
    """An ingestion job: its status and counters, and why documents failed."""

    id: str
    status: str
    statistics: Mapping[str, int]
    failures: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the job has ended, successfully or not."""
        return self.status in ("COMPLETE", "FAILED", "STOPPED")


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """One knowledge base."""

    id: str
    _runtime: Any = field(default=None, repr=False)
    _agent: Any = field(default=None, repr=False)

    def search(self, text: str, number: int | None = None, condition: Mapping[str, Any] | None = None) -> list[Found]:
        """The best passages for a text, best first. Raises StepguardError."""
        search: dict[str, Any] = {}
        if number is not None:
            search["numberOfResults"] = number
        if condition is not None:
            search["filter"] = condition
        request: dict[str, Any] = {"knowledgeBaseId": self.id, "retrievalQuery": {"text": text}}
        if search:
            request["retrievalConfiguration"] = {"vectorSearchConfiguration": search}
        runtime = self._runtime or client("bedrock-agent-runtime")
        with aws_errors("Retrieve", f"KNOWLEDGE_BASE_ID is {self.id}."):
            results = runtime.retrieve(**request)["retrievalResults"]
        return [_found(result) for result in results]

    @property
    def source(self) -> Source:
        """The data source of documents in S3. Raises StepguardError."""
        agent = self._agent or client("bedrock-agent")
        with aws_errors("ListDataSources", f"KNOWLEDGE_BASE_ID is {self.id}."):
            listed = agent.list_data_sources(knowledgeBaseId=self.id)["dataSourceSummaries"]
            described = [
                agent.get_data_source(knowledgeBaseId=self.id, dataSourceId=one["dataSourceId"])["dataSource"]
                for one in listed
            ]
        in_s3 = [one for one in described if one["dataSourceConfiguration"]["type"] == "S3"]
        if len(in_s3) != 1:
            raise ConfigurationError(
                f"The knowledge base {self.id} has {len(in_s3)} data sources in S3; documents are added to exactly one."
            )
        place = in_s3[0]["dataSourceConfiguration"]["s3Configuration"]
        prefixes = place.get("inclusionPrefixes") or [""]
        bucket = place["bucketArn"].rpartition(":")[2]
        return Source(self.id, in_s3[0]["dataSourceId"], Address(bucket, prefixes[0]), agent)


@dataclass(frozen=True, slots=True)
class Source:
    """The documents of a knowledge base: the objects under an address, and the jobs that ingest them."""

    base: str
    id: str
    documents: Address
    _agent: Any = field(repr=False)

    @property
    def _where(self) -> dict[str, str]:
        return {"knowledgeBaseId": self.base, "dataSourceId": self.id}

    def start(self) -> Job:
        """Start an ingestion job. Raises StepguardError, for example while another job runs."""
        with aws_errors("StartIngestionJob"):
            started = self._agent.start_ingestion_job(**self._where, clientToken=str(uuid.uuid4()))
        return _job(started["ingestionJob"])

    def job(self, job_id: str) -> Job:
        """A job's progress. Raises StepguardError."""
        with aws_errors("GetIngestionJob"):
            return _job(self._agent.get_ingestion_job(**self._where, ingestionJobId=job_id)["ingestionJob"])

    def last(self) -> Job | None:
        """The newest job. Raises StepguardError."""
        newest = {"attribute": "STARTED_AT", "order": "DESCENDING"}
        with aws_errors("ListIngestionJobs"):
            listed = self._agent.list_ingestion_jobs(**self._where, sortBy=newest, maxResults=1)
        jobs = listed["ingestionJobSummaries"]
        return self.job(jobs[0]["ingestionJobId"]) if jobs else None

    def indexed(self) -> Iterator[tuple[str, str]]:
        """URI and status of each document that the knowledge base knows. Raises StepguardError."""
        paginate = self._agent.get_paginator("list_knowledge_base_documents").paginate
        for page in pages("ListKnowledgeBaseDocuments", paginate, **self._where):
            for one in page["documentDetails"]:
                yield one["identifier"].get("s3", {}).get("uri", ""), one["status"]


def named(name: str) -> KnowledgeBase:
    """The account's knowledge base of a name. Raises StepguardError."""
    paginate = client("bedrock-agent").get_paginator("list_knowledge_bases").paginate
    for page in pages("ListKnowledgeBases", paginate):
        for one in page["knowledgeBaseSummaries"]:
            if one["name"] == name:
                return KnowledgeBase(one["knowledgeBaseId"])
    raise ConfigurationError(f"There is no knowledge base {name}.")


def _found(result: Mapping[str, Any]) -> Found:
    metadata = dict(result.get("metadata") or {})
    location = result.get("location") or {}
    uri = (location.get("s3Location") or {}).get("uri") or metadata.get(_URI) or ""
    identifier = metadata.get(_CHUNK) or result.get("documentId") or uri
    return Found(str(identifier), result["content"].get("text", ""), str(uri), result.get("score", 0.0), metadata)


def _job(job: Mapping[str, Any]) -> Job:
    return Job(
        job["ingestionJobId"], job["status"], job.get("statistics") or {}, tuple(job.get("failureReasons") or ())
    )
