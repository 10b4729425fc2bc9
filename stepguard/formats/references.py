"""Reference answers, sources and the corpus's own grades of given answers, in any format whose columns name them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from stepguard.evaluation.answers.grades import GRADES
from stepguard.formats.mapping import Mapped, column_of
from stepguard.formats.messages import decoded, text_of_parts
from stepguard.formats.model import Column, Plan, Profile
from stepguard.formats.names import CLASSES, Row, first, folded, members

REFERENCES = folded("""
    reference references reference_answer reference_answers reference_response reference_responses ideal expected_output
    expected_response expected_answer ground_truth ground_truths ground_truth_answer gold_answer gold golden_answer
    correct_answer correct_answers best_answer right_answer answers target solution
""")
"""The first of these that a row has is its reference answer."""

_SOURCES = folded("sources expected_sources source_documents relevant_documents")
"""The documents that an answer should cite, by name."""

_VAGUE = frozenset(folded("gold target solution answers"))
"""Names that other columns have, too: only texts count."""

_GRADES = folded("grade human_grade human_label human_verdict correctness is_correct answer_label")


def with_references(plan: Plan, profile: Profile, mapped: Mapped) -> Plan:
    """The plan with the reference answers, sources and grades of the rows. Raises InvalidRequest for a missing column
    that the user named."""
    shown = {name: column.name for name, column in profile.columns.items()}
    chosen = {
        target: column_of(name, shown)
        for target, name in mapped.columns.items()
        if target in ("reference", "grade", "sources")
    }
    free = profile.names - plan.used
    names = [name for name in REFERENCES if name in free and _is_reference(name, profile.columns[name])]
    if "reference" in chosen:
        names = [chosen["reference"]]
    graded = [name for name in _GRADES if name in free and _is_grade(profile.columns[name])]
    grade = chosen.get("grade") or next(iter(graded), None)
    named = [name for name in _SOURCES if name in free and not profile.columns[name].objects]
    sources = chosen.get("sources") or next(iter(named), None)
    if not names and grade is None and sources is None:
        return plan

    def read(row: Row) -> Iterator[dict[str, Any]]:
        for item in plan.read(row):
            found = first(row, names)
            more: dict[str, Any] = {} if found is None else {"reference": texts_of(found[1])}
            if grade is not None and row.get(grade) not in (None, ""):
                more["grade"] = row[grade]
            if sources is not None and row.get(sources) not in (None, ""):
                more["sources"] = decoded(row[sources])
            yield more | {name: value for name, value in item.items() if value is not None}

    return replace(plan, read=read, used=plan.used | set(names) | {name for name in (grade, sources) if name})


def _is_reference(name: str, column: Column) -> bool:
    if not column.cells or (column.words and column.words <= set(CLASSES)):
        return False
    return name not in _VAGUE or column.is_prose or column.objects > 0


def _is_grade(column: Column) -> bool:
    return bool(column.words) and column.words <= set(GRADES) and not column.objects


def texts_of(value: Any) -> list[str]:
    """The texts of a cell: one, a list, SQuAD's `{"text": [...]}`, or an object with an answer."""
    value = decoded(value)
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, str | int | float):
        return [str(value)] if str(value).strip() else []
    if isinstance(value, list):
        return [text for entry in value for text in texts_of(entry)]
    if not isinstance(value, dict):
        return []
    cells = members(value)
    found = first(cells, folded("text answer output response content value expected reference output_text result"))
    if found is not None:
        return texts_of(found[1]) or [text for text in [text_of_parts(found[1])] if text.strip()]
    texts = [cell for cell in cells.values() if isinstance(cell, str) and cell.strip()]
    return texts if len(texts) == 1 else []
