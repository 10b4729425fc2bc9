"""The `bedrock-agent-runtime` service: Retrieve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedded_aws.bedrock.api.retrieve import describe, find_base, retrieve
from embedded_aws.bedrock.knowledge.registry import Registry
from embedded_aws.wire import Account, ServiceError


class AgentRuntime:
    """Backend of `bedrock-agent-runtime`."""

    def __init__(self, registry: Registry, account: Account) -> None:
        self._registry = registry
        self._account = account

    def retrieve(self, request: Mapping[str, Any]) -> dict[str, Any]:
        for member in ("guardrailConfiguration", "userContext", "nextToken"):
            if request.get(member) is not None:
                raise ServiceError(
                    "NotImplemented", f"stepguard's embedded AWS does not implement {member} of Retrieve.", 501
                )
        query = request["retrievalQuery"]
        if query.get("type", "TEXT") != "TEXT" or not query.get("text", "").strip():
            raise ServiceError("ValidationException", "The query text must not be empty.")
        base = find_base(self._registry, self._account, request["knowledgeBaseId"])
        found = retrieve(self._registry, base, query["text"], request.get("retrievalConfiguration") or {})
        return {"retrievalResults": [describe(passage) | {"score": score} for passage, score in found]}
