"""GuardPassages: drops passages that carry instructions to the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.request import from_document
from stepguard.guard.verdict import skipped


def guard_passages(event: Mapping[str, Any]) -> dict[str, Any]:
    """`{request, text, passages}` -> the context's `passage_guard`. Raises StepguardError."""
    request = from_document(event.get("request"))
    passages = request.passages or event.get("passages") or ()
    kept = list(range(1, len(passages) + 1))
    return {
        **skipped("").to_dict(),
        "ask_model": True,
        "kept": kept,
        "dropped": [],
        "guardrail": None,
        "answer": None,
    }
