"""What a conversation keeps of a turn: as the states RecordAnswer and RecordDontKnow write it, and as it is read again.

A turn is kept only as the layers left it: the masked question and the delivered answer. A blocked one leaves its
execution, its outcome and its time. The question is kept as the input layer left it. A later layer may mask in the
answer, or in the rewritten question, what the person wrote and the input layer let pass; then the question is not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepguard.guard.knowledge import EVERYONE, may_read
from stepguard.guard.request import Request
from stepguard.guard.stages import GUARD_INPUT, GUARD_REWRITE, INVOKE_MODEL, REWRITE_QUESTION, Outcome, context_of

TEXT_CHARACTERS = 2_000
TEXT_BYTES = 4_000
"""A kept question or answer is cut to so many characters and bytes of JSON: 12 turns are read in one state."""

BYTES = 24_000
"""The turns that a model gets are at most so many bytes of JSON; the oldest are left out."""

_MARK = re.compile(r"\{[^{}]{1,100}\}")
_SHORTEST_WORD = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn as it is kept. Texts are None where the turn was blocked, or has not ended.

    `readers` are the groups of each document that the answer cites.
    """

    at: str
    execution: str
    outcome: str | None
    question: str | None = None
    answer: str | None = None
    readers: tuple[tuple[str, ...], ...] = ()

    def readable(self, groups: Collection[str]) -> bool:
        """Whether a caller with these groups may read every document that the answer cites."""
        return all(may_read(groups, readers) for readers in self.readers)

    def to_dict(self) -> dict[str, Any]:
        """The turn as a caller who may read it gets it."""
        return {
            "question": self.question,
            "answer": self.answer,
            "outcome": self.outcome,
            "at": self.at,
            "execution": self.execution,
        }


def turn_of(
    document: Mapping[str, Any], request: Request, said: str, delivered: str, readers: Iterable[Sequence[str]] = ()
) -> dict[str, Any]:
    """The kept texts of a turn that is delivered; nothing outside a conversation.

    `said` is the answer before the answer layer, `delivered` the one after it; `readers` are the groups of each
    document that it cites.
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
    return kept(None if secret else question, delivered, readers)


def turns_in(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The questions and answers before, as RewriteQuestion left them in an execution document.

    None if the input layer masked in the rewritten question: that text came from these turns, and the rewritten
    question stands alone.
    """
    if (GUARD_REWRITE.result(document) or {}).get("outcome") == Outcome.MASKED:
        return ()
    held = (context_of(document).get("conversation") or {}).get("turns") or ()
    return tuple((str(question), str(answer)) for question, answer in held)


def joined(turns: Sequence[Sequence[str]], question: str, most: int) -> str:
    """The last questions of a conversation and the newest one as one text, as the input layer judges them together."""
    return "\n".join([*(str(turn[0]) for turn in turns[-most:]), question])


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


def kept(question: str | None, answer: str, readers: Iterable[Sequence[str]] = ()) -> dict[str, Any]:
    """A turn's texts, with the groups of each cited document, as RecordAnswer writes them, in DynamoDB's form."""
    texts = {"answer": {"S": shortened(answer)}}
    if limited := sorted({tuple(groups) for groups in readers if EVERYONE not in groups}):
        texts["readers"] = {"S": json.dumps(limited)}
    if question is not None:
        texts["question"] = {"S": shortened(question)}
    return {"M": texts}


NOTHING_KEPT: Mapping[str, Any] = {"NULL": True}
"""The same for a turn without texts: the definition reads a value of each stage."""


def shortened(text: str) -> str:
    """The beginning of a text, as much as is kept of it."""
    cut = text[:TEXT_CHARACTERS]
    while len(json.dumps(cut, ensure_ascii=False).encode(errors="surrogatepass")) > TEXT_BYTES:
        cut = cut[: len(cut) * 3 // 4]
    return cut if len(cut) == len(text) else cut[:-1].rstrip() + "…"


def read_turn(item: Mapping[str, Mapping[str, Any]]) -> Turn:
    """A turn of an item of the table, in DynamoDB's form."""
    held: Mapping[str, Any] = next(
        (value["M"] for value in (item.get("texts") or {}).get("L") or () if "M" in value), {}
    )
    at, _, execution = str(item["turn"]["S"]).partition("#")
    return Turn(
        at,
        execution,
        (item.get("outcome") or {}).get("S"),
        (held.get("question") or {}).get("S"),
        (held.get("answer") or {}).get("S"),
        tuple(map(tuple, json.loads((held.get("readers") or {}).get("S", "[]")))),
    )


def expired(item: Mapping[str, Mapping[str, Any]], now: float) -> bool:
    """Whether the item's time to live is over: DynamoDB deletes it days later."""
    return float((item.get("expires") or {}).get("N", 0)) <= now


def remembered(
    items: Iterable[Mapping[str, Mapping[str, Any]]], now: float, most: int, groups: Collection[str]
) -> list[Turn]:
    """The turns with texts of items that are newest first, oldest first: at most `most`, and as many as fit.

    Turns from documents that a caller with these groups may not read now are left out.
    """
    turns: list[Turn] = []
    room = BYTES
    for item in items:
        turn = read_turn(item)
        if expired(item, now) or turn.question is None or turn.answer is None or not turn.readable(groups):
            continue
        room -= len(json.dumps([turn.question, turn.answer], ensure_ascii=False).encode(errors="surrogatepass"))
        if room < 0 or len(turns) == most:
            break
        turns.append(turn)
    return turns[::-1]
