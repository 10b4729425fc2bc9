"""The demo's files: its expectations notice what is wrong, and its curated answers are 30 that can be published."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.cli.demo.questions import read_questions, unexpected
from stepguard.formats.qnabot import read_import
from stepguard.guard.answer import Answer, AnswerOutcome, Citation, Source
from stepguard.project.folder import builtin_project
from stepguard.session.chat import Result
from stepguard.trace import read_history

STAFF = Citation(1, "1", "night-duty.md", "s3://b/documents/night-duty.md")
EXPECTED: dict[str, Any] = {"outcomes": ["answered"], "source": "KNOWLEDGE BASE", "findings": []}


def _result(*citations: Citation, text: str = "At 8 pm.") -> Result:
    answer = Answer(text, AnswerOutcome.ANSWERED, Source.KNOWLEDGE, 1, citations=citations)
    return Result("arn", answer, read_history([]))


@pytest.mark.parametrize(
    ("expectation", "wrong"),
    [
        ({}, []),
        ({"cites": "night-duty.md", "never": ["7711"]}, []),
        ({"cites": "parking.html"}, ["parking.html is not cited"]),
        ({"never_cites": "night-duty.md"}, ["night-duty.md is cited"]),
        ({"never": ["8 pm"]}, ["a raw value was delivered"]),
        ({"outcomes": ["blocked"]}, ["outcome answered, not blocked"]),
        ({"source": "CURATED ANSWER"}, ["source KNOWLEDGE BASE, not CURATED ANSWER"]),
        ({"findings": ["GROUNDING"]}, ["no finding of GROUNDING"]),
    ],
)
def test_what_an_answer_must_show(expectation: dict[str, Any], wrong: list[str]) -> None:
    """Each difference in words."""
    assert unexpected(EXPECTED | expectation, _result(STAFF)) == wrong


def test_the_hospital_has_thirty_curated_answers() -> None:
    """All of them are published: none needs what is left out, and every demo question has its document."""
    project = builtin_project()
    imported = read_import(project.path("corpora/hospital-answers.json").read_text("utf-8"), "hospital-answers.json")
    asked = {question for item in imported.items for question in item.questions}
    hospital = read_questions()["hospital"]

    assert (len(imported.items), len(imported.dont_know)) == (30, 1)
    assert [row["name"] for row in hospital if row["text"] in asked] == ["curated answer"]
    for row in hospital:
        for name in (row.get("cites"), row.get("never_cites")):
            assert name is None or project.path(f"corpora/hospital/{name}").is_file()
