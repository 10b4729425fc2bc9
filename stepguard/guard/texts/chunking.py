"""Long texts: cut into overlapping chunks that each fit one ApplyGuardrail request, and put back together.

A request takes 25 text units of up to 1,000 characters (https://docs.aws.amazon.com/general/latest/gr/bedrock.html,
ApplyGuardrail quotas). Chunks overlap, so that one of them contains the whole of a violation across a cut; they end at
sentence ends where there are any.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from stepguard.guard.errors import UnreadableVerdict

REQUEST_CHARACTERS = 25_000
"""The most characters that one ApplyGuardrail request may hold."""

OVERLAP_CHARACTERS = 1_000
"""How much of a chunk the next one repeats: longer than any name, number, address or sentence worth finding."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Characters `start` to `end` of a text."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """One past the last character."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Mask:
    """Characters `start` to `end` of a text, replaced by `placeholder`."""

    start: int
    end: int
    placeholder: str


def cut(text: str, limit: int = REQUEST_CHARACTERS, overlap: int = OVERLAP_CHARACTERS) -> list[Chunk]:
    """Cut a text into chunks of at most `limit` characters, each repeating the last `overlap` ones of the one before.

    Raises ValueError unless 0 <= 2 * overlap < limit.
    """
    if not 0 <= 2 * overlap < limit:
        raise ValueError("The overlap must be less than half of the limit.")
    chunks = []
    start = 0
    while len(text) - start > limit:
        end = _boundary(text, start + limit - overlap, start + limit)
        chunks.append(Chunk(start, text[start:end]))
        start = end - overlap
    chunks.append(Chunk(start, text[start:]))
    return chunks


_SENTENCE_END = re.compile(r"[.!?。！？]+[\"'”’)\]]*\s+|\n+")


def _boundary(text: str, low: int, high: int) -> int:
    """The last sentence end in (low, high], else the last white space, else `high`."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text, low, high)]
    if ends:
        return ends[-1]
    space = max(text.rfind(" ", low, high), text.rfind("\t", low, high))
    return space + 1 if space >= low else high


def masks_of(original: str, masked: str, placeholders: Collection[str]) -> list[Mask]:
    """Where a masked text differs from its original: Bedrock returns only the text, not the places.

    `placeholders` are the ones that the assessment explains, e.g. {"{EMAIL}", "{NAME}"}. Raises UnreadableVerdict
    when the masked text is not the original with such replacements.
    """
    if not placeholders:
        if original != masked:
            raise UnreadableVerdict("A masked text differs from its original, but no finding explains the difference.")
        return []
    pieces = re.split("(" + "|".join(re.escape(item) for item in sorted(placeholders)) + ")", masked)
    masks = []
    position = 0
    for index in range(1, len(pieces), 2):
        literal, placeholder, following = pieces[index - 1], pieces[index], pieces[index + 1]
        position = _expect(original, literal, position)
        if index + 2 == len(pieces):
            end = len(original) - len(following)
        else:
            # A masked value is at least one character; the text that follows it ends it.
            end = original.find(following, position + 1) if following else position + 1
        if end <= position:
            raise UnreadableVerdict("A masked text does not line up with its original.")
        masks.append(Mask(position, end, placeholder))
        position = end
    if _expect(original, pieces[-1], position) != len(original):
        raise UnreadableVerdict("A masked text does not line up with its original.")
    return masks


def _expect(original: str, literal: str, position: int) -> int:
    if not original.startswith(literal, position):
        raise UnreadableVerdict("A masked text does not line up with its original.")
    return position + len(literal)


def put_back(text: str, chunks: Sequence[tuple[Chunk, str]], placeholders: Collection[str]) -> str:
    """The whole text with the masks of all its chunks, white space and order untouched.

    `chunks` pairs each chunk with its masked text. Where chunks overlap, what either of them masked is masked.
    """
    if len(chunks) == 1:
        return chunks[0][1]
    masks: list[Mask] = []
    for chunk, masked in chunks:
        if masked != chunk.text:
            found = masks_of(chunk.text, masked, placeholders)
            masks.extend(Mask(mask.start + chunk.start, mask.end + chunk.start, mask.placeholder) for mask in found)
    return _apply(text, masks)


def _apply(text: str, masks: Iterable[Mask]) -> str:
    masked_parts = []
    position = 0
    for mask in sorted(masks, key=lambda mask: (mask.start, -mask.end)):
        if mask.end <= position:
            continue
        if mask.start < position:  # an overlap that two chunks masked differently: hide the rest as well
            position = mask.end
            continue
        masked_parts += [text[position : mask.start], mask.placeholder]
        position = mask.end
    return "".join([*masked_parts, text[position:]])
