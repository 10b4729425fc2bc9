"""The whole corpus, for `make conformance` alone: pytest collects this file only where it is named."""

from __future__ import annotations

import os
from pathlib import Path

from tests.recorded.choose import choose
from tests.recorded.corpus import EXECUTIONS, HERE, cases, files, read


def test_the_corpus_has_its_cases_and_gives_the_committed_choice() -> None:
    """661 executions, 370 of them with a history; the files of this folder are what the script chooses from them."""
    every = cases(*EXECUTIONS)
    assert (len(every), sum(bool(case["expected"].get("events")) for case in every)) == (661, 370)
    corpus = Path(os.environ["STEPGUARD_CONFORMANCE"])
    assert choose(corpus) == {file.stem: read(file) for file in files(HERE)}
