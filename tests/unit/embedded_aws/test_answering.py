"""Answers from numbered sources: their own sentences, with their numbers, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from embedded_aws.bedrock.knowledge.answering import UNKNOWN, answer_from, numbered

SOURCES = [
    "[1] # Visiting\n\nVisitors are welcome from two to eight. The entrance closes at nine.",
    "[3] The car park costs three euros.",
]


def encoder(texts: Sequence[str], kind: str = "passage", /) -> Any:
    """Vectors that point to the words `visit` and `park`."""
    found = [[("isit" in text) + 0.01, ("park" in text) + 0.01, 0.1] for text in texts]
    array = np.array(found, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_the_nearest_sentence_is_the_answer_with_its_number() -> None:
    """Headings are no sentences, and nothing is added."""
    assert answer_from(SOURCES, "When may I visit?", encoder) == "Visitors are welcome from two to eight. [1]"
    assert answer_from(SOURCES, "Where do I park?", encoder) == "The car park costs three euros. [3]"


def test_what_no_source_holds_is_not_known() -> None:
    """Also for sources without a sentence."""
    assert answer_from(SOURCES[1:], "When may I visit?", encoder) == UNKNOWN
    assert answer_from(["[1] # A heading"], "When may I visit?", encoder) == UNKNOWN


def test_only_numbered_sources_are_read() -> None:
    """Others are the language model's."""
    assert numbered("[1] text")
    assert not numbered("[one] text")
    assert not numbered("text [1] ")
