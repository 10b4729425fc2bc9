"""What a conversation keeps of a turn, as the states RecordAnswer and RecordDontKnow write it.

The question is kept as the input layer left it. A later layer may mask in the answer, or in the rewritten question,
what the person wrote and the input layer let pass; then the question is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stepguard.guard.conversation import NOTHING_KEPT, kept
from stepguard.guard.request import Request
from stepguard.guard.stages import GUARD_INPUT, GUARD_REWRITE, INVOKE_MODEL, REWRITE_QUESTION, context_of
from stepguard.guard.verdict import Outcome

_MARK = re.compile(r"\{[^{}]{1,100}\}")
_SHORTEST_WORD = 3


def turn_of(document: Mapping[str, Any], request: Request, said: str, delivered: str) -> dict[str, Any]:
    """The kept texts of a turn that is delivered; nothing outside a conversation.

    `said` is the answer before the answer layer, `delivered` the one after it.
    """
    if request.conversation is None:
        return dict(NOTHING_KEPT)
    question = str(document[GUARD_INPUT.key]["text"])
    model = INVOKE_MODEL.result(document)
    rewritten, guarded = REWRITE_QUESTION.result(document) or {}, GUARD_REWRITE.result(document) or {}
    secret = (
        (model is not None and model["outcome"] not in (Outcome.PASSED, Outcome.SKIPPED))
        or _repeats(question, said, delivered)
        or _repeats(question, str(rewritten.get("text", "")), str(guarded.get("text", "")))
    )
    return kept(None if secret else question, delivered)


def turns_in(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The questions and answers before, as RewriteQuestion left them in an execution document."""
    held = (context_of(document).get("conversation") or {}).get("turns") or ()
    return tuple((str(question), str(answer)) for question, answer in held)


def _repeats(question: str, before: str, after: str) -> bool:
    """Whether the question has a word that a layer masked in another text.

    Between the marks of the masked text, the original is the same; what is there instead of a mark was masked.
    """
    if before == after:
        return False
    at = 0
    words: list[str] = []
    for number, literal in enumerate(_MARK.split(after)):
        found = before.find(literal, at) if literal else (at if number == 0 else len(before))
        if found < 0:
            return True  # the texts differ in another way: what was masked is unknown
        words += re.findall(r"\w+", before[at:found])
        at = found + len(literal)
    words += re.findall(r"\w+", before[at:])
    wrote = question.casefold()
    return any(word.casefold() in wrote for word in words if len(word) >= _SHORTEST_WORD)
