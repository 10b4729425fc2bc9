"""Retrieve: the passages of a knowledge base for a question.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Retrieve.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from embedded_aws.bedrock.knowledge.index_file import Found, service_keys
from embedded_aws.bedrock.knowledge.registry import Registry, Resource
from embedded_aws.wire import Account, ServiceError, refuse_members

if TYPE_CHECKING:
    from embedded_aws.bedrock.knowledge.search import Mode

DEFAULT_RESULTS = 5
S3_VECTORS = "S3_VECTORS"


def find_base(registry: Registry, account: Account, identifier: str) -> Resource:
    """The knowledge base of an id or ARN. Raises ServiceError."""
    own = account.arn("bedrock", "knowledge-base/")
    base = registry.get(identifier.removeprefix(own), "")
    if base is None:
        raise ServiceError("ResourceNotFoundException", f"Knowledge base with id {identifier} does not exist.", 404)
    return base


def check_implemented(configuration: Mapping[str, Any]) -> None:
    """Raise ServiceError for members of a retrievalConfiguration that do nothing here."""
    refuse_members(configuration, sorted(configuration.keys() - {"vectorSearchConfiguration"}), "Retrieve")
    search = configuration.get("vectorSearchConfiguration") or {}
    refuse_members(search, ("implicitFilterConfiguration", "rerankingConfiguration"), "Retrieve")


def retrieve(
    registry: Registry, base: Resource, text: str, configuration: Mapping[str, Any]
) -> list[tuple[Found, float]]:
    """The best passages, best first. Raises ServiceError for a configuration that the knowledge base cannot serve."""
    from embedded_aws.bedrock.knowledge import filters  # it loads numpy

    search = configuration.get("vectorSearchConfiguration") or {}
    in_s3 = base.settings["storageConfiguration"]["type"] == S3_VECTORS
    wanted = search.get("overrideSearchType")
    if wanted == "HYBRID" and in_s3:
        raise ServiceError(
            "ValidationException", f"HYBRID search type is not supported for search operation on index {base.id}"
        )
    mode: Mode = "SEMANTIC" if in_s3 or wanted == "SEMANTIC" else "HYBRID"
    condition = search.get("filter")
    if condition is not None:
        filters.check(condition, on_text=not in_s3)
    vector = registry.encoder([text], "query")[0]
    return registry.searcher(base.id).search(
        text, vector, mode, search.get("numberOfResults", DEFAULT_RESULTS), condition
    )


def describe(found: Found) -> dict[str, Any]:
    """A passage without its score, as Retrieve and RetrieveAndGenerate return it."""
    metadata = {
        **found.metadata, **service_keys(found.source, found.uri), "x-amz-bedrock-kb-chunk-id": found.key
    }  # fmt: skip
    if found.page is not None:
        metadata["x-amz-bedrock-kb-document-page-number"] = float(found.page)
    return {
        "content": {"type": "TEXT", "text": found.text},
        "location": {"type": "S3", "s3Location": {"uri": found.uri}},
        "metadata": metadata,
    }
