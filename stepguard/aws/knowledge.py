"""Retrieve: what a knowledge base holds about a question, of the documents that the caller may read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.knowledge import KnowledgeSettings, Search, filter_of, is_readable, read_passage
from stepguard.guard.prompts import Passage

QUERY_CHARACTERS = 20_000
"""The longest query of Retrieve."""

RERANKED_FROM = 4
"""A reranker gets this many times the results, and returns the best of them."""


class RetrieveClient(Protocol):
    """The part of boto3's `bedrock-agent-runtime` client that retrieval needs."""

    def retrieve(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Retrieve.html"""
        ...


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages, best first, and the search that found them: HYBRID may have become SEMANTIC."""

    passages: tuple[Passage, ...]
    search: Search


def retrieve(
    settings: KnowledgeSettings,
    text: str,
    groups: Collection[str],
    tenant: str | None,
    runtime: RetrieveClient | None = None,
) -> Retrieved:
    """Search the knowledge base. Raises StepguardError.

    A store without hybrid search is searched by meaning. A passage that the caller may not read is dropped, whatever
    the filter let through.
    """
    search = settings.search
    try:
        results = _call(settings, search, text, groups, tenant, runtime)
    except InvalidRequest as error:
        if search is not Search.HYBRID or "HYBRID" not in str(error).upper():
            raise
        search = Search.SEMANTIC
        results = _call(settings, search, text, groups, tenant, runtime)
    readable = [item for item in results if is_readable(settings, item.get("metadata") or {}, groups, tenant)]
    passages = [read_passage(item, settings.access) for item in readable]
    return Retrieved(tuple(passage for passage in passages if passage is not None)[: settings.results], search)


def _call(
    settings: KnowledgeSettings,
    search: Search,
    text: str,
    groups: Collection[str],
    tenant: str | None,
    runtime: RetrieveClient | None,
) -> list[Mapping[str, Any]]:
    wanted: dict[str, Any] = {"numberOfResults": settings.results}
    if search is not Search.DEFAULT:
        wanted["overrideSearchType"] = str(search)
    condition = filter_of(settings, groups, tenant)
    if condition is not None:
        wanted["filter"] = condition
    if settings.reranking_model:
        wanted["numberOfResults"] = min(settings.results * RERANKED_FROM, 100)
        wanted["rerankingConfiguration"] = {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {"modelArn": settings.reranking_model},
                "numberOfRerankedResults": settings.results,
            },
        }
    with aws_errors("Retrieve", f"It concerns the knowledge base {settings.id}, from KNOWLEDGE_BASE_ID."):
        response = (runtime or client("bedrock-agent-runtime")).retrieve(
            knowledgeBaseId=settings.id,
            retrievalQuery={"text": text[:QUERY_CHARACTERS]},
            retrievalConfiguration={"vectorSearchConfiguration": wanted},
        )
    if response.get("guardrailAction") == "INTERVENED":
        return []
    return list(response.get("retrievalResults") or ())
