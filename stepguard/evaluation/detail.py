"""What a report shows of an item's text: all of a short text; of a long one the beginning, the surroundings of the
spans and the beginning of each part in which a guard acted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stepguard.guard.bedrock_names import ANONYMIZED
from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, INVOKE_MODEL
from stepguard.guard.texts.chunking import Chunk, Mask, masks_of

WHOLE_CHARACTERS = 4_000
"""A longer text is shown in pieces, together not longer than this."""

START_CHARACTERS = 600
AROUND_CHARACTERS = 120
MOST_PARTS = 50


def pieces_of(
    chunks: Sequence[Chunk],
    spans: Iterable[tuple[int, int]] = (),
    starts: Iterable[int] = (),
    limit: int = WHOLE_CHARACTERS,
) -> list[Chunk]:
    """The pieces to show, in order. `chunks` may overlap or have gaps; `starts` are those of parts that matter."""
    if sum(len(chunk.text) for chunk in chunks) <= limit and len(chunks) == 1:
        return list(chunks)
    first = min(START_CHARACTERS, limit // 4)
    wanted = [
        *((chunk.start, chunk.start + first) for chunk in chunks[:1]),
        *((max(0, start - AROUND_CHARACTERS), end + AROUND_CHARACTERS) for start, end in spans),
        *((start, start + first) for start in starts),
    ]
    chosen: list[tuple[int, int]] = []
    left = limit
    for start, end in wanted:
        end = min(end, start + left)
        if end <= start:
            break
        chosen.append((start, end))
        left -= end - start
    return [piece for start, end in _joined(chosen) for piece in _cut(chunks, start, end)]


def _joined(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    current: tuple[int, int] | None = None
    for start, end in sorted(ranges):
        if current is not None and start <= current[1]:
            current = current[0], max(current[1], end)
            continue
        if current is not None:
            yield current
        current = start, end
    if current is not None:
        yield current


def _cut(chunks: Sequence[Chunk], start: int, end: int) -> Iterator[Chunk]:
    """The range's text, from the first chunk that has each character."""
    text, begin = "", start
    for chunk in chunks:
        low, high = max(start, chunk.start), min(end, chunk.end)
        if low >= high:
            continue
        if text and low > start:  # a gap between two pieces
            yield Chunk(begin, text)
            text = ""
        begin = begin if text else low
        text += chunk.text[low - chunk.start : high - chunk.start]
        start = high
    if text:
        yield Chunk(begin, text)


def masks_in(request: Mapping[str, Any], document: Mapping[str, Any]) -> list[Mask]:
    """Where the first layer that masked the judged text did so. Bedrock returns no places of blocked texts."""
    stages = (INVOKE_MODEL, GUARD_ANSWER) if request["kind"] == "response" else (GUARD_INPUT, GUARD_ANSWER)
    text = request.get("completion") if request["kind"] == "response" else request["text"]
    for stage in stages:
        result = document.get(stage.key) or {}
        names = {item["name"] for item in result.get("findings", ()) if item["action"] == ANONYMIZED}
        if request["kind"] == "prompt" and stage is GUARD_ANSWER:
            return []  # its text is the model's answer
        if names and not result.get("blocked") and isinstance(result.get("text"), str):
            try:
                return masks_of(text or "", result["text"], {f"{{{name}}}" for name in names})
            except UnreadableVerdict:
                return []
    return []
