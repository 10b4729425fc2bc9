"""The outcomes of an answer: one list in stepguard.guard.answer, and every place that shows them."""

from __future__ import annotations

import re

import pytest

from stepguard.guard.answer import AnswerOutcome
from tests.paths import ROOT

PAGES = {
    "web/words.js": r"^  {}: \[",
    "web/list.js": r"outcome: \[.*\"{}\"",
    "docs/use/chat.md": r"`{}`",
}


@pytest.mark.parametrize("outcome", AnswerOutcome)
@pytest.mark.parametrize("page", PAGES)
def test_every_outcome_has_its_place(page: str, outcome: AnswerOutcome) -> None:
    """The page has words and a filter for it, and the docs describe it."""
    assert re.search(PAGES[page].format(outcome), (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
