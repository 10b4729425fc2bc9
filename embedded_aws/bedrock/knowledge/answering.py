"""An answer from numbered sources: their own sentences that are nearest to the question.

The local language model is too small to answer from passages: most of what it writes is in none of them. So a request
whose grounding sources are numbered, as in `[1] text`, is answered with sentences of the sources, each with its number,
or with "Sorry, I don't know." if no sentence is near enough. An answer contains only what the sources say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from embedded_aws.bedrock.knowledge.embedding import Encoder, local_encoder

NEAR = 0.785
"""The cosine from which on a sentence is taken: between the encoder's related and unrelated sentences."""

CLOSE = 0.012
"""Sentences this close to the best one belong to the answer."""

MOST = 3
"""The sentences of an answer."""

UNKNOWN = "Sorry, I don't know."

_NUMBERED = re.compile(r"\[(\d{1,3})\] ")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")


def numbered(text: str) -> bool:
    """Whether a source has a number."""
    return _NUMBERED.match(text) is not None


def answer_from(sources: Sequence[str], question: str, encoder: Encoder = local_encoder) -> str:
    """The sentences of numbered sources that answer a question, each with its number."""
    sentences = list(dict.fromkeys(pair for source in sources for pair in _sentences(source)))
    return _answer(sentences, question, encoder) if sentences else UNKNOWN


def _answer(sentences: Sequence[tuple[str, str]], question: str, encoder: Encoder) -> str:
    scores = encoder([text for _, text in sentences], "passage") @ encoder([question], "query")[0]
    best = float(scores.max())
    if best < NEAR:
        return UNKNOWN
    near = [number for number in scores.argsort()[::-1][:MOST] if scores[number] >= max(NEAR, best - CLOSE)]
    return " ".join(f"{sentences[number][1]} [{sentences[number][0]}]" for number in sorted(near))


def _sentences(source: str) -> list[tuple[str, str]]:
    """The number and the sentences of a source, without headings and fragments."""
    found = _NUMBERED.match(source)
    if found is None:
        return []
    lines = (line.strip().lstrip("-*• ") for line in _SENTENCE.split(source[found.end() :]))
    return [(found[1], line) for line in lines if len(line.split()) > 2 and not line.startswith("#")]
