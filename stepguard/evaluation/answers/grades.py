"""The grades of answers: correct, wrong, or refused."""

from __future__ import annotations

import re
from enum import StrEnum


class Grade(StrEnum):
    """What an answer is worth. A refusal is not a wrong answer."""

    CORRECT = "correct"
    WRONG = "wrong"
    REFUSED = "refused"


GRADES: dict[str, Grade] = {
    **{str(grade): grade for grade in Grade},
    **dict.fromkeys(("right", "true", "yes", "pass", "passed", "good", "1", "1.0"), Grade.CORRECT),
    **dict.fromkeys(
        ("incorrect", "false", "no", "fail", "failed", "bad", "hallucinated", "hallucination", "0", "0.0"), Grade.WRONG
    ),
    **dict.fromkeys(
        ("refusal", "notattempted", "noanswer", "abstained", "declined", "unanswered", "missing"), Grade.REFUSED
    ),
}
"""Words of grades, without blanks, `_` and `-`: people's, and those of SimpleQA (CORRECT, INCORRECT, NOT_ATTEMPTED)."""


def grade_of(value: object) -> Grade | None:
    """The grade that a cell names; None for any other value."""
    if isinstance(value, bool):
        return Grade.CORRECT if value else Grade.WRONG
    return GRADES.get(re.sub(r"[\s_-]+", "", str(value)).lower()) if isinstance(value, str | int | float) else None
