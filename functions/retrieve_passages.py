"""RetrievePassages: what the knowledge base holds about a question, of the documents that the caller may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.request import from_document
from stepguard.guard.verdict import skipped


def retrieve_passages(event: Mapping[str, Any]) -> dict[str, Any]:
    """`{request, text}` -> the context's `passages`. Raises StepguardError.

    Without a knowledge base the part is skipped. Passages that came with the question replace the search.
    """
    from_document(event.get("request"))
    return {**skipped("").to_dict(), "passages": [], "search": None}
