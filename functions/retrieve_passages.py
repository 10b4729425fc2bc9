"""RetrievePassages: what the knowledge base holds about a question, of the documents that the caller may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.knowledge import RetrieveClient, retrieve
from stepguard.guard.knowledge import PASSAGE_BYTES
from stepguard.guard.passages import fitting
from stepguard.guard.request import CONVERSATION_BYTES, REQUEST_BYTES, from_document, json_bytes
from stepguard.guard.settings import ModelApi, Settings
from stepguard.guard.stages import question_of


def retrieve_passages(
    event: Mapping[str, Any], settings: Settings | None = None, runtime: RetrieveClient | None = None
) -> dict[str, Any]:
    """`{document}` -> the context's `passages`. Raises StepguardError.

    Without a knowledge base the part is skipped. Passages that came with the question replace the search. What does not
    fit into the execution document is cut, and `search` says how much.
    """
    settings = settings or environment()
    document = event["document"]
    request, text = from_document(document.get("request")), question_of(document)
    knowledge = settings.knowledge
    if request.passages:
        return _result("skipped", [], {"reason": "passages came with the question"})
    if settings.model.api is ModelApi.RETRIEVE_AND_GENERATE:
        return _result("skipped", [], {"reason": "the model searches the knowledge base itself"})
    if knowledge.problem:
        return _result("skipped", [], {"reason": knowledge.problem})
    found = retrieve(knowledge, text, request.groups, request.tenant, runtime)
    room = REQUEST_BYTES - CONVERSATION_BYTES - json_bytes(request.to_document()) - json_bytes(text)
    passages, left_out = fitting(found.passages, min(PASSAGE_BYTES, room))
    search = {
        "knowledge_base": knowledge.id,
        "type": str(found.search),
        "access": str(knowledge.access),
        "characters_left_out": left_out,
    }
    return _result("found" if passages else "none", [passage.to_document() for passage in passages], search)


def _result(outcome: str, passages: list[dict[str, Any]], search: Mapping[str, Any]) -> dict[str, Any]:
    return {"outcome": outcome, "findings": [], "text_units": {}, "scores": [], "passages": passages,
            "search": dict(search)}  # fmt: skip
