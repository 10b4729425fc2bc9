"""FindAnswer: an answer that the team wrote for this question, if its bank has one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from stepguard.aws.bank.versions import ANSWER_BANK, AnswerBank, bank_at
from stepguard.guard.request import from_document
from stepguard.guard.stages import Outcome, question_of
from stepguard.guard.verdict import Verdict, skipped


def find_answer(event: Mapping[str, Any], bank: AnswerBank | None = None) -> dict[str, Any]:
    """`{document}` -> the context's `found`. Raises StepguardError.

    Without a bank the part is skipped: `matched` is False, and the question goes on to the knowledge base.
    """
    document = event["document"]
    from_document(document.get("request"))
    matcher = bank.matcher() if (bank := bank or _bank()) else None
    if matcher is None:
        return {**skipped("").to_dict(), "matched": False, "text": "", "item": None}
    match = matcher.find(question_of(document))
    return {
        **Verdict(Outcome.PASSED, "").to_dict(),
        "matched": match.matched,
        "text": match.item.answer if match.matched and match.item else "",
        "item": match.to_dict() | {"version": matcher.bank.version},
    }


@cache
def _bank() -> AnswerBank | None:
    address = os.environ.get(ANSWER_BANK, "").strip()
    return bank_at(address) if address else None
