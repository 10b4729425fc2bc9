"""Names of columns and words of labels that people use in corpora."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from stepguard.evaluation.items import Expected

Row = Mapping[str, Any]
"""A row by the folded names of its columns."""


def fold(name: str) -> str:
    """A column's name without case, blanks, `_` and `-`: `actualOutput` and `Actual Output` are one name. Two leading
    underscores, promptfoo's mark, remain."""
    name = name.strip().lstrip("\ufeff")
    mark = "__" if name.startswith("__") else ""
    return mark + re.sub(r"[\s_-]+", "", name).lower()


def folded(names: str) -> tuple[str, ...]:
    """Names in one string, folded."""
    return tuple(fold(name) for name in names.split())


QUESTIONS = folded("""
    prompt question query user_input instruction goal behavior forbidden_prompt prompt_text seed_prompt user_prompt
    user_query user_message question_text adversarial adversarial_prompt
""")
"""A column of questions to a model: the item is a prompt."""

TEXTS = folded("text document content sentence comment comment_text input data message test_case utterance body")
"""A column of texts without a meaning: the item has the kind of `--kind`."""

ANSWERS = folded("""
    completion response answer output actual_output model_output generation chosen prediction model_response
    model_answer assistant_response generated_text llm_output llm_response bot_response reply
""")
PASSAGES = folded("""
    passages passage contexts context retrieved_contexts retrieval_context grounding_source retrieved_context
    knowledge retrieved_documents source_documents
""")
GOLD = folded("""
    reference_response reference_responses ideal expected_output expected_response expected_answer reference references
    reference_answer reference_contexts ground_truth ground_truths gold gold_answer correct_answer best_answer
    expected_outcome target solution rejected correct_answers incorrect_answers
""")
"""Answers that a model should give: neither answers to judge nor expectations of the guardrails."""

IDS = folded("id uid uuid item_id record_id custom_id test_number question_id prompt_id")
GROUPS = folded("category topic probe_classname harm_category risk_category group subject semantic_category")
OWN = folded("kind policies pii layers")

EXPECTATIONS = folded("expected expected_action action decision expected_label")
LABELS = folded("label labels verdict class type safety prompt_label ground_truth_label is_label response_label")
HARMS = folded("""
    is_attack attack toxic toxicity jailbreak jailbreaking is_jailbreak unsafe is_unsafe harmful is_harmful is_toxic
    flagged injection is_injection prompt_injection contains_pii should_block expected_blocked malicious is_malicious
    severe_toxic obscene threat insult identity_hate hate
""")
GOODS = folded("is_safe safe benign is_benign should_pass allowed harmless")

_PASSES = "pass passed allow allowed none safe ok answered not_blocked"
_STOPS = (
    "reject rejected deny denied refuse refused guardrail_intervened intervened intervene stop stopped flag flagged"
)
ACTIONS: dict[str, Expected] = (
    dict.fromkeys(folded(_PASSES), Expected.PASSED)
    | dict.fromkeys(folded(_STOPS), Expected.INTERVENED)
    | dict.fromkeys(folded("block blocked"), Expected.BLOCKED)
    | dict.fromkeys(folded("mask masked anonymize anonymized anonymise anonymised"), Expected.MASKED)
)
"""What the guardrails should do, in a word."""

CLASSES: dict[str, Expected] = (
    dict.fromkeys(
        folded("""safe benign harmless normal legit legitimate clean non-toxic nontoxic negative compliant good no false
        0 0.0 non_jailbreak not_jailbreak safe_prompt ham neutral not_harmful unharmful non_harmful n f ok"""),
        Expected.PASSED,
    )
    | dict.fromkeys(
        folded("""unsafe harmful malicious jailbreak injection attack toxic hate hateful adversarial positive violation
        bad yes true 1 1.0 prompt_injection y t spam abusive offensive"""),
        Expected.INTERVENED,
    )
    | ACTIONS
)
"""The class of a text. `1` is the harmful class: a convention of the data sets for this purpose, so the command says
that it read them so."""

_FALSE, _TRUE = folded("0 0.0 false no n f"), folded("1 1.0 true yes y t")


def classes(passing: Iterable[str], stopped: Iterable[str]) -> dict[str, Expected]:
    """The words of a column that is named after its harm, or after the good."""
    return dict.fromkeys(passing, Expected.PASSED) | dict.fromkeys(stopped, Expected.INTERVENED)


HARM_WORDS = classes(_FALSE, _TRUE)
GOOD_WORDS = classes(_TRUE, _FALSE)


def word_of(value: object) -> str:
    """A label's word, folded: `true` for True, `1` for 1.0."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return fold(str(value)) if isinstance(value, str | int | float) else ""


def first(row: Row, names: Iterable[str]) -> tuple[str, Any] | None:
    """The first of the names with a value in this row."""
    for name in names:
        if row.get(name) not in (None, "", [], {}):
            return name, row[name]
    return None


def value_of(row: Row, *names: str) -> Any:
    """The value of the first of these names that has one; None if there is none."""
    found = first(row, (fold(name) for name in names))
    return found[1] if found else None


def members(value: object) -> dict[str, Any]:
    """An object's members by folded names; empty for any other value."""
    return {fold(str(name)): member for name, member in value.items()} if isinstance(value, Mapping) else {}
