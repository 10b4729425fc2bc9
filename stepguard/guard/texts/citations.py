"""Citations in the text of an answer: the passages that it names by number.

A model writes `[1]` behind a sentence. A number without a passage is removed, so that no answer names a source that it
does not have; sentences without a number are counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CITED = re.compile(r"[ \t]?\[(?:[Pp]assages?\s+|[Ss]ources?\s+)?(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_SENTENCE = re.compile(r"[^.!?…\n]+(?:[.!?…]+|\n|$)(?:[\"'”’)]|[ \t]?\[[\d\s,;]+\])*")


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer's text with numbers of existing passages only.

    `numbers` are those in the order of the text, `removed` counts the numbers of no passage, `uncited` the sentences
    without a number.
    """

    text: str
    numbers: tuple[int, ...] = ()
    removed: int = 0
    uncited: int = 0


def check_citations(text: str, known: Sequence[int]) -> Cited:
    """Remove the numbers of no passage from an answer and count its sentences without any."""
    numbers: list[int] = []
    removed = 0

    def checked(found: re.Match[str]) -> str:
        nonlocal removed
        given = [int(number) for number in re.findall(r"\d+", found[1])]
        kept = [number for number in given if number in known]
        removed += len(given) - len(kept)
        numbers.extend(kept)
        lead = found[0][: found[0].index("[")]
        return lead + "".join(f"[{number}]" for number in dict.fromkeys(kept)) if kept else ""

    clean = _CITED.sub(checked, text)
    sentences = [match[0] for match in _SENTENCE.finditer(clean) if re.search(r"\w", _CITED.sub("", match[0]))]
    uncited = sum(not _CITED.search(sentence) for sentence in sentences)
    return Cited(clean, tuple(dict.fromkeys(numbers)), removed, uncited)
