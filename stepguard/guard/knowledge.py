"""Knowledge: who may read which document, and which passages of a knowledge base a question may get.

The filter is made here from the caller's groups and tenant, never from a request. Each passage that comes back is
checked again, because a filter that is missing or misread must not show a document to the wrong caller.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.prompts import Passage

GROUPS = "groups"
"""The groups whose members may read a document: a list."""

TENANT = "tenant"
"""The tenant to which a document belongs, if it belongs to one."""

EVERYONE = "everyone"
"""The group of all callers; the groups of a document that names none."""

OWN = "stepguard_"
"""Attributes that only stepguard writes."""

SCREENING = f"{OWN}screening"
"""The verdict of the guards on a document."""

SCREENED = ("passed", "masked", "released")
"""The verdicts with which a document may be retrieved; `released` was flagged and then released by name."""

PASSAGE_BYTES = 64_000
"""The most that the passages of a question take in the execution document, as JSON."""

MOST_RESULTS = 20
"""As many passages as a request may give."""

_SERVICE = "x-amz-bedrock-kb-"
_PLACES = (
    ("s3Location", "uri"),
    ("webLocation", "url"),
    ("confluenceLocation", "url"),
    ("salesforceLocation", "url"),
    ("sharePointLocation", "url"),
    ("kendraDocumentLocation", "uri"),
    ("customDocumentLocation", "id"),
)
"""Where Retrieve says which document a passage is from."""


class Access(StrEnum):
    """KNOWLEDGE_BASE_ACCESS: who may read the documents of the knowledge base."""

    GROUPS = "groups"
    EVERYONE = "everyone"


class Search(StrEnum):
    """KNOWLEDGE_BASE_SEARCH_TYPE, with QnABot's values; DEFAULT leaves the choice to Bedrock."""

    DEFAULT = "DEFAULT"
    HYBRID = "HYBRID"
    SEMANTIC = "SEMANTIC"


@dataclass(frozen=True, slots=True)
class KnowledgeSettings:
    """The knowledge base. Without an id nothing is retrieved; without an access neither.

    With `only`, a question for which nothing was found is not answered by the model alone.
    """

    id: str = ""
    access: Access | None = None
    results: int = 5
    search: Search = Search.DEFAULT
    filters: Mapping[str, Any] = field(default_factory=dict)
    reranking_model: str = ""
    only: bool = True

    @property
    def problem(self) -> str | None:
        """Why nothing is retrieved, or None."""
        if not self.id:
            return "KNOWLEDGE_BASE_ID is not set"
        return None if self.access else "KNOWLEDGE_BASE_ACCESS is not set to groups or everyone"


NO_KNOWLEDGE = KnowledgeSettings()
"""Without a knowledge base."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, and what knowledge there is."""

    knowledge: KnowledgeSettings
    groups: tuple[str, ...] = ()
    tenant: str | None = None


NOBODY = Reader(NO_KNOWLEDGE)
"""The reader where there is no knowledge base."""


def read_filters(source: str) -> dict[str, Any]:
    """KNOWLEDGE_BASE_METADATA_FILTERS, a RetrievalFilter of Bedrock as JSON. Raises ConfigurationError."""
    try:
        filters = json.loads(source or "{}")
    except ValueError:
        filters = None
    if not isinstance(filters, dict) or len(filters) > 1:
        raise ConfigurationError(
            'KNOWLEDGE_BASE_METADATA_FILTERS must be one filter as JSON, such as {"equals": {"key": "year", "value": '
            "2026}}."
        )
    return filters


def screened_only() -> dict[str, Any]:
    """The filter that takes screened documents only."""
    return {"in": {"key": SCREENING, "value": list(SCREENED)}}


def filter_of(settings: KnowledgeSettings, groups: Collection[str], tenant: str | None) -> dict[str, Any] | None:
    """The filter of a caller; None where everyone may read everything.

    `groups`: screened documents for everyone or for one of the caller's groups, and for a caller with a tenant those of
    the tenant or of the tenant `everyone`. `everyone`: what the deployment's own filter takes.
    """
    conditions: list[dict[str, Any]] = []
    if settings.access is not Access.EVERYONE:
        named = [EVERYONE, *sorted(set(groups) - {EVERYONE})]
        conditions.append(screened_only())
        conditions.append(_any([{"listContains": {"key": GROUPS, "value": group}} for group in named]))
        if tenant:
            conditions.append({"in": {"key": TENANT, "value": [tenant, EVERYONE]}})
    if settings.filters:
        conditions.append(dict(settings.filters))
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else {"andAll": conditions}


def _any(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return conditions[0] if len(conditions) == 1 else {"orAll": conditions}  # Bedrock refuses a list of one


def may_read(groups: Collection[str], readers: Iterable[str]) -> bool:
    """Whether a caller with these groups may read what is for these readers."""
    return bool(({EVERYONE} | set(groups)) & set(readers))


def is_readable(
    settings: KnowledgeSettings, metadata: Mapping[str, Any], groups: Collection[str], tenant: str | None
) -> bool:
    """Whether a caller may get a passage with this metadata."""
    if settings.access is Access.EVERYONE:
        return True
    owner = metadata.get(TENANT)
    same = owner in (None, EVERYONE, tenant) if not tenant else owner in (tenant, EVERYONE)
    return same and metadata.get(SCREENING) in SCREENED and may_read(groups, readers_of(metadata))


def readers_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups of a document; none if it names none."""
    named = metadata.get(GROUPS)
    if isinstance(named, str):
        return (named,)
    return tuple(map(str, named)) if isinstance(named, list) else ()


def read_passage(result: Mapping[str, Any], access: Access | None) -> Passage | None:
    """A passage of Retrieve's results; None if it has no text."""
    content, metadata = result.get("content") or {}, result.get("metadata") or {}
    text = content.get("text")
    if not isinstance(text, str) or not text.strip():
        return None
    uri = _uri(result.get("location") or {}, metadata)
    page, score = metadata.get(f"{_SERVICE}document-page-number"), result.get("score")
    return Passage(
        id=str(metadata.get(f"{_SERVICE}chunk-id") or result.get("documentId") or uri),
        text=text,
        uri=uri,
        title=title_of(metadata, uri),
        page=int(page) if isinstance(page, int | float) and not isinstance(page, bool) else None,
        score=float(score) if isinstance(score, int | float) else None,
        groups=(EVERYONE,) if access is Access.EVERYONE else readers_of(metadata),
        screened=metadata.get(SCREENING) in SCREENED,
    )


def _uri(location: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    found = next((location[kind].get(member) for kind, member in _PLACES if location.get(kind)), None)
    return str(found or metadata.get(f"{_SERVICE}source-uri") or "")


def title_of(metadata: Mapping[str, Any], uri: str) -> str:
    """The document's `title`, or else the name of its file."""
    title = metadata.get("title")
    return title.strip() if isinstance(title, str) and title.strip() else unquote(uri.rstrip("/").rpartition("/")[2])
