"""The `bedrock-agent` service: knowledge bases with one kind of data source, S3, and their ingestion jobs.

Agents, flows and prompts are refused by name, as are other kinds of knowledge bases, stores, sources and chunking.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Agents_for_Amazon_Bedrock.html
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from embedded_aws.bedrock.api.embeddings import MODEL
from embedded_aws.bedrock.api.retrieve import S3_VECTORS
from embedded_aws.bedrock.knowledge.index_file import Job, JobRunning, now
from embedded_aws.bedrock.knowledge.ingestion import COUNTERS
from embedded_aws.bedrock.knowledge.registry import NameTaken, Registry, Resource
from embedded_aws.wire import Account, ServiceError, not_implemented, refuse_members

STORES = ("OPENSEARCH_SERVERLESS", S3_VECTORS)
"""Kinds of vector stores that a knowledge base can have here; the index is the same."""
_MISSING = (
    "Failed to retrieve resource because it doesn't exist. Retry the request with a different resource identifier."
)
_ID = string.ascii_uppercase + string.digits


class AgentControl:
    """Backend of `bedrock-agent`."""

    def __init__(self, registry: Registry, account: Account) -> None:
        self._registry = registry
        self._account = account

    # --- knowledge bases ---

    def create_knowledge_base(self, request: Mapping[str, Any]) -> dict[str, Any]:
        _check_knowledge_base(request)
        members = ("description", "roleArn", "knowledgeBaseConfiguration", "storageConfiguration")
        return {"knowledgeBase": self._describe(self._create("", request, members))}

    def get_knowledge_base(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"knowledgeBase": self._describe(self._base(request))}

    def list_knowledge_bases(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return _page(request, "knowledgeBaseSummaries", self._registry.all(), _summary_of_base)

    def delete_knowledge_base(self, request: Mapping[str, Any]) -> dict[str, Any]:
        base = self._base(request)
        for source in self._registry.all(base.id):
            self._check_idle(source)
        self._registry.delete(base)
        return {"knowledgeBaseId": base.id, "status": "DELETING"}

    def _describe(self, base: Resource) -> dict[str, Any]:
        return {
            "knowledgeBaseId": base.id,
            "name": base.name,
            "knowledgeBaseArn": self._account.arn("bedrock", f"knowledge-base/{base.id}"),
            "status": "ACTIVE",
            "createdAt": base.created,
            "updatedAt": base.created,
            **base.settings,
        }

    # --- data sources ---

    def create_data_source(self, request: Mapping[str, Any]) -> dict[str, Any]:
        base = self._base(request)
        _check_data_source(request)
        members = (
            "description", "dataSourceConfiguration", "dataDeletionPolicy", "serverSideEncryptionConfiguration",
            "vectorIngestionConfiguration",
        )  # fmt: skip
        return {"dataSource": _describe_source(self._create(base.id, request, members))}

    def get_data_source(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"dataSource": _describe_source(self._source(request))}

    def list_data_sources(self, request: Mapping[str, Any]) -> dict[str, Any]:
        sources = self._registry.all(self._base(request).id)
        return _page(request, "dataSourceSummaries", sources, _summary_of_source)

    def delete_data_source(self, request: Mapping[str, Any]) -> dict[str, Any]:
        source = self._source(request)
        self._check_idle(source)
        self._registry.delete(source)
        return {"knowledgeBaseId": source.parent, "dataSourceId": source.id, "status": "DELETING"}

    # --- ingestion jobs and documents ---

    def start_ingestion_job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        source = self._source(request)
        job_id, started = "".join(secrets.choice(_ID) for _ in range(10)), now()
        wanted = Job(job_id, source.id, "STARTING", started, started, request.get("description"))
        try:
            job = self._registry.index(source.parent).start_job(wanted, request.get("clientToken"))
        except JobRunning as running:
            raise _ongoing(source, running) from None
        if job.id == job_id:
            self._registry.ingest(source, job.id)
        return {"ingestionJob": _describe_job(source, job)}

    def get_ingestion_job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        source = self._source(request)
        job = self._registry.index(source.parent).job(request["ingestionJobId"])
        if job is None or job.source != source.id:
            raise _missing()
        return {"ingestionJob": _describe_job(source, job) | {"failureReasons": list(job.failures)}}

    def list_ingestion_jobs(self, request: Mapping[str, Any]) -> dict[str, Any]:
        refuse_members(request, ["filters"], "ListIngestionJobs")
        order = request.get("sortBy") or {"attribute": "STARTED_AT", "order": "DESCENDING"}
        if order["attribute"] != "STARTED_AT":
            raise not_implemented("sortBy STATUS of ListIngestionJobs")
        source = self._source(request)
        jobs = self._registry.index(source.parent).jobs(source.id)
        if order["order"] == "DESCENDING":
            jobs.reverse()
        return _page(request, "ingestionJobSummaries", jobs, lambda job: _describe_job(source, job))

    def list_knowledge_base_documents(self, request: Mapping[str, Any]) -> dict[str, Any]:
        source = self._source(request)
        documents = self._registry.index(source.parent).documents(source.id)
        return _page(
            request,
            "documentDetails",
            documents,
            lambda document: {
                "knowledgeBaseId": source.parent,
                "dataSourceId": source.id,
                "status": document.status,
                "identifier": {"dataSourceType": "S3", "s3": {"uri": document.uri}},
                "updatedAt": document.updated,
                **({"statusReason": document.reason} if document.reason else {}),
            },
        )

    # --- helpers ---

    def _create(self, parent: str, request: Mapping[str, Any], members: Sequence[str]) -> Resource:
        settings = {name: request[name] for name in members if request.get(name) is not None}
        try:
            return self._registry.create(parent, request["name"], request.get("clientToken"), settings)
        except NameTaken:
            kind = "Data source" if parent else "KnowledgeBase"
            raise ServiceError(
                "ConflictException", f"{kind} with name {request['name']} already exists.", 409
            ) from None

    def _base(self, request: Mapping[str, Any]) -> Resource:
        found = self._registry.get(request["knowledgeBaseId"], "")
        if found is None:
            raise _missing()
        return found

    def _source(self, request: Mapping[str, Any]) -> Resource:
        found = self._registry.get(request["dataSourceId"], self._base(request).id)
        if found is None:
            raise _missing()
        return found

    def _check_idle(self, source: Resource) -> None:
        try:
            self._registry.index(source.parent).check_idle(source.id)
        except JobRunning as running:
            raise _ongoing(source, running) from None


def _ongoing(source: Resource, running: JobRunning) -> ServiceError:
    return ServiceError(
        "ConflictException",
        f"Data source {source.id} has an ongoing ingestion job {running.job}. Wait for it to complete and try again.",
        409,
    )


def _missing() -> ServiceError:
    return ServiceError("ResourceNotFoundException", _MISSING, 404)


def _check_knowledge_base(request: Mapping[str, Any]) -> None:
    configuration = request["knowledgeBaseConfiguration"]
    if configuration["type"] != "VECTOR":
        raise not_implemented(f"knowledge bases of the type {configuration['type']}")
    vectors = configuration.get("vectorKnowledgeBaseConfiguration")
    if vectors is None:
        raise ServiceError("ValidationException", "vectorKnowledgeBaseConfiguration is required for the type VECTOR.")
    if not vectors["embeddingModelArn"].endswith(f"/{MODEL}"):
        raise not_implemented(f"the embedding model {vectors['embeddingModelArn']}; it has {MODEL}")
    refuse_members(vectors, ["supplementalDataStorageConfiguration"], "vectorKnowledgeBaseConfiguration")
    bedrock = (vectors.get("embeddingModelConfiguration") or {}).get("bedrockEmbeddingModelConfiguration") or {}
    if bedrock.get("embeddingDataType") == "BINARY":
        raise not_implemented("binary embeddings")
    storage = request.get("storageConfiguration")
    if storage is None:
        raise ServiceError("ValidationException", "storageConfiguration is required for the type VECTOR.")
    if storage["type"] not in STORES:
        raise not_implemented(f"the vector store {storage['type']}; it has {' and '.join(STORES)}")


def _check_data_source(request: Mapping[str, Any]) -> None:
    configuration = request["dataSourceConfiguration"]
    if configuration["type"] != "S3":
        raise not_implemented(f"data sources of the type {configuration['type']}")
    if "s3Configuration" not in configuration:
        raise ServiceError("ValidationException", "s3Configuration is required for the type S3.")
    ingestion = request.get("vectorIngestionConfiguration") or {}
    for member in ingestion:
        raise not_implemented(f"{member}: it has the default chunking and parsing")


def _describe_source(source: Resource) -> dict[str, Any]:
    times = {"createdAt": source.created, "updatedAt": source.created}
    settings = {"dataDeletionPolicy": "DELETE", **source.settings}
    return {**_summary_of_source(source), **times, **settings}


def _summary_of_source(source: Resource) -> dict[str, Any]:
    return {
        "knowledgeBaseId": source.parent,
        "dataSourceId": source.id,
        "name": source.name,
        "status": "AVAILABLE",
        "updatedAt": source.created,
    }


def _summary_of_base(base: Resource) -> dict[str, Any]:
    return {"knowledgeBaseId": base.id, "name": base.name, "status": "ACTIVE", "updatedAt": base.created}


def _describe_job(source: Resource, job: Job) -> dict[str, Any]:
    return {
        "knowledgeBaseId": source.parent,
        "dataSourceId": source.id,
        "ingestionJobId": job.id,
        "status": job.status,
        "startedAt": job.started,
        "updatedAt": job.updated,
        "statistics": {name: job.counters.get(name, 0) for name in COUNTERS},
        **({"description": job.description} if job.description else {}),
    }


def _page(
    request: Mapping[str, Any], member: str, entries: Sequence[Any], describe: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """A page of a list; the token is the position of its first entry."""
    token = request.get("nextToken") or "0"
    if not token.isdecimal():
        raise ServiceError("ValidationException", "The nextToken is not valid: start again without one.")
    start = int(token)
    end = start + (request.get("maxResults") or 100)
    answer: dict[str, Any] = {member: [describe(entry) for entry in entries[start:end]]}
    if end < len(entries):
        answer["nextToken"] = str(end)
    return answer
