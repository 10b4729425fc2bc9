"""The passages of a question in the execution document: their form, their size, and the prompt that cites them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stepguard.guard.answer import Citation, read_citation
from stepguard.guard.knowledge import EVERYONE
from stepguard.guard.prompts import Passage
from stepguard.guard.request import Request, json_bytes
from stepguard.guard.stages import GUARD_PASSAGES, INVOKE_MODEL, RETRIEVE_PASSAGES

SHORTEST = 400
"""A passage is not cut to fewer characters; it is left out instead."""

CITATION_BYTES = 8_000
"""The most that the citations of an answer take in the execution document, as JSON."""

EXCERPT_CHARACTERS = 240
"""So much of a passage stands in its citation."""

SUPPORTED = 0.6
"""The share of a sentence's words that its passage must have, where the model named none."""


def fitting(passages: Sequence[Passage], room: int) -> tuple[list[Passage], int]:
    """The first passages that take at most `room` bytes as JSON, and how many characters were left out."""
    kept: list[Passage] = []
    left_out = 0
    for number, passage in enumerate(passages):
        size = json_bytes(passage.to_document()) + 2
        while size > room and len(passage.text) > SHORTEST:
            length = max(SHORTEST, min(len(passage.text) - 1, len(passage.text) * room // size))
            left_out += len(passage.text) - length
            passage = replace(passage, text=passage.text[:length])
            size = json_bytes(passage.to_document()) + 2
        if size > room:
            return kept, left_out + sum(len(other.text) for other in (passage, *passages[number + 1 :]))
        kept.append(passage)
        room -= size
    return kept, left_out


def passages_in(document: Mapping[str, Any], request: Request) -> tuple[Passage, ...]:
    """The passages for the model, numbered: those of the box that its guard kept, or else those of the request.

    Without the box, passages have no numbers, and the answer cites none.
    """
    guard = GUARD_PASSAGES.result(document)
    if guard is None:
        return request.passages
    # Who sees the question's execution may see the passages that came with it.
    mine = tuple(replace(passage, groups=(EVERYONE,)) for passage in request.passages)
    given = mine or found_in(document)
    numbered = [replace(passage, number=number) for number, passage in enumerate(given, 1)]
    kept = set(guard.get("kept") or ())
    return tuple(passage for passage in numbered if passage.number in kept)


def found_in(document: Mapping[str, Any]) -> tuple[Passage, ...]:
    """The passages that the box retrieved."""
    found = RETRIEVE_PASSAGES.result(document) or {}
    return tuple(map(read_document, found.get("passages") or ()))


def sources_in(document: Mapping[str, Any]) -> tuple[Citation, ...]:
    """What the model's answer cites of its service's own search, in place of the box's passages."""
    return tuple(map(read_citation, _cited(document).get("sources") or ()))


def cited_in(document: Mapping[str, Any], request: Request) -> tuple[Citation, ...]:
    """The citations of the model's answer: the sources of its service, or passages that the box kept."""
    numbers = _cited(document).get("numbers") or ()
    return sources_in(document) or citations_of(numbers, passages_in(document, request))


def _cited(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return (INVOKE_MODEL.result(document) or {}).get("citations") or {}


def readers_in(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The groups of each document from which an execution document has words."""
    return [*(passage.groups for passage in found_in(document)), *(source.groups for source in sources_in(document))]


def read_document(document: Mapping[str, Any]) -> Passage:
    """The passage of `Passage.to_document`."""
    page, score = document.get("page"), document.get("score")
    return Passage(
        str(document["id"]),
        str(document["text"]),
        str(document.get("uri", "")),
        str(document.get("title", "")),
        None if page is None else int(page),
        None if score is None else float(score),
        tuple(map(str, document.get("groups") or ())),
        bool(document.get("screened")),
    )


def citations_of(numbers: Sequence[int], passages: Iterable[Passage]) -> tuple[Citation, ...]:
    """The citations of these passages, in the order of the numbers; excerpts are shortened until all fit."""
    by_number = {passage.number: passage for passage in passages}
    cited = [_citation(by_number[number]) for number in numbers if number in by_number]
    length = EXCERPT_CHARACTERS
    while cited and json_bytes([citation.to_document() for citation in cited]) > CITATION_BYTES:
        if length < 20:
            cited.pop()
            continue
        length //= 2
        cited = [replace(citation, excerpt=citation.excerpt[:length]) for citation in cited]
    return tuple(cited)


def _citation(passage: Passage) -> Citation:
    excerpt = " ".join(passage.text[: 2 * EXCERPT_CHARACTERS].split())[:EXCERPT_CHARACTERS]
    return Citation(
        passage.number, passage.id, passage.title or passage.id, passage.uri, passage.page, excerpt, passage.score,
        passage.groups,
    )  # fmt: skip


def supporting(text: str, passages: Sequence[Passage]) -> tuple[int, ...]:
    """The numbers of the passages that hold most words of some sentence, for an answer that names no passage.

    A small model answers from its passages and writes no number. This names the passage that such a sentence is from;
    it adds nothing to the text, and a sentence that no passage supports stays without one.
    """
    words = {passage.number: _words(passage.text) for passage in passages}
    found: list[int] = []
    for sentence in re.split(r"(?<=[.!?…])\s+|\n+", text):
        said = _words(sentence)
        if len(said) < 3:
            continue
        shares = [(len(said & held) / len(said), -number) for number, held in words.items()]
        share, number = max(shares, default=(0.0, 0))
        if share >= SUPPORTED:
            found.append(-number)
    return tuple(dict.fromkeys(found))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3 or word.isdigit()}
