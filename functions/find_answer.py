"""FindAnswer: an answer that the team wrote for this question, if its bank has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.request import from_document
from stepguard.guard.verdict import skipped


def find_answer(event: Mapping[str, Any]) -> dict[str, Any]:
    """`{request, text}` -> the context's `found`. Raises StepguardError.

    Without a bank the part is skipped: `matched` is False, and the question goes on to the knowledge base.
    """
    from_document(event.get("request"))
    return {**skipped("").to_dict(), "matched": False, "text": "", "item": None}
