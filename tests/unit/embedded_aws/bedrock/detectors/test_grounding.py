"""Contextual grounding and relevance."""

import numpy as np
import pytest

from embedded_aws.bedrock.detectors.grounding.scores import GroundingScores, scores
from embedded_aws.bedrock.detectors.grounding.support import FEATURES, features, read_source

SOURCE = (
    "The clinic in Leeds opens at 8 am from Monday to Friday. Appointments with Dr. Emily Chen can be booked by phone. "
    "A blood test costs 40 pounds and takes 15 minutes. Patients do not need a referral for blood tests."
)
QUERY = "How much does a blood test cost?"


def test_the_sources_own_words_are_grounded_and_relevant() -> None:
    """A quoted answer to the question scores high on both."""
    found = scores(SOURCE, QUERY, "A blood test costs 40 pounds and takes 15 minutes.")
    assert found.grounding > 0.8
    assert found.relevance > 0.5


@pytest.mark.parametrize(
    "answer",
    [
        "The Eiffel Tower stands in Paris and was built for a world fair.",
        "Our dentists offer implants at a discount in Manchester.",
        "A blood test costs 95 pounds and takes 70 minutes.",
    ],
)
def test_invented_facts_are_less_grounded_than_kept_ones(answer: str) -> None:
    """Facts from elsewhere and changed numbers score under the usual threshold of 0.5."""
    assert scores(SOURCE, QUERY, answer).grounding < 0.5


def test_one_invented_sentence_lowers_the_whole_answer() -> None:
    """The worst sentence counts, however much is quoted around it."""
    kept = "A blood test costs 40 pounds and takes 15 minutes."
    mixed = f"{kept} The Eiffel Tower was built in 1889 by French engineers."
    assert scores(SOURCE, QUERY, mixed).grounding < scores(SOURCE, QUERY, kept).grounding - 0.3


def test_an_answer_to_another_question_is_less_relevant() -> None:
    """Relevance compares with the query, whatever the source says."""
    fitting = scores(SOURCE, QUERY, "A blood test costs 40 pounds.").relevance
    assert scores(SOURCE, QUERY, "Giraffes live in Africa and eat leaves.").relevance < fitting


def test_nothing_said_is_neither_grounded_nor_relevant() -> None:
    """An empty answer scores zero; an empty source supports nothing."""
    assert scores(SOURCE, QUERY, "  ") == GroundingScores(0.0, 0.0)
    assert scores("", QUERY, "A blood test costs 40 pounds.").grounding < 0.5


CAPITALS = "Tokyo is the capital of Japan. London is the capital of the UK."


@pytest.mark.parametrize(
    ("source", "true", "false"),
    [
        (CAPITALS, "The capital of Japan is Tokyo.", "The capital of Japan is London."),
        (SOURCE, "Patients do not need a referral for blood tests.", "Patients need a referral for blood tests."),
        (SOURCE, "The clinic opens at 8 am.", "The clinic closes at 8 am."),
        (SOURCE, "A blood test takes fifteen minutes.", "A blood test takes 40 minutes."),
        (SOURCE, "The clinic in Leeds opens at 8 am on Monday.", "The clinic in York opens at 8 am on Monday."),
    ],
)
def test_a_contradiction_in_the_sources_own_words_is_ungrounded(source: str, true: str, false: str) -> None:
    """Another name or number in the same place, a lost negation and an opposite count more than shared words."""
    assert scores(source, "", true).grounding > 0.85
    assert scores(source, "", false).grounding < 0.5


def test_what_is_not_free_is_not_free() -> None:
    """ "Not free" is the contrary of "free", which is "without cost"."""
    assert scores("Parking is not free.", "", "Yes, parking is free.").grounding < 0.3
    assert scores("Parking is not free.", "", "No, parking is not free.").grounding > 0.7


def test_a_number_that_the_source_does_not_have_counts_in_other_words_too() -> None:
    """Few words agree, but a deadline that the whole source does not have is made up."""
    source = read_source("Report a claim within seven days; report burglaries to the police as well.")
    made_up, said = features(source, ["Claims must be reported within 24 hours.", "You have seven days to tell us."])
    assert made_up[FEATURES.index("numbers absent")] > 0
    assert said[FEATURES.index("numbers absent")] == 0


def test_features_tell_numbers_names_and_negation() -> None:
    """A changed number, another name, a lost negation, an opposite and another order each show in their feature."""
    statements = {
        "numbers absent": "A blood test costs 41 pounds.",
        "names absent": "Appointments with Dr. Robert Chen can be booked by phone.",
        "substituted": "Appointments with Dr. Leeds Chen can be booked by phone.",
        "negation differs": "Patients need a referral for blood tests.",
        "opposites": "The clinic in Leeds closes at 8 am.",
        "order differs": "Blood costs a test 40 pounds.",
    }
    source = read_source(SOURCE)
    kept, *changed = features(source, ["A blood test costs 40 pounds.", *statements.values()])
    columns = {feature: index for index, feature in enumerate(FEATURES)}
    for name, row in zip(statements, changed, strict=True):
        assert kept[columns[name]] == 0
        assert row[columns[name]] > 0, name


def test_acronyms_and_number_words_are_the_same_fact() -> None:
    """ "UN" and "eight" agree with "United Nations" and "8"; list marks and citations are no numbers."""
    source = "In 1994 the United Nations sent 8 engineers and 1,200 tents to the town of Bakor."
    for answer in ("The UN sent eight engineers to Bakor.", "1. The UN sent 1200 tents to Bakor [3]."):
        assert scores(source, "", answer).grounding > 0.8


def test_a_source_of_100_000_characters_is_read_in_part() -> None:
    """Only windows that share words with the answer are embedded, so that a full-size source stays quick."""
    source = read_source("Trains leave every hour from the main station. " * 2200 + SOURCE)
    assert np.isfinite(features(source, ["A blood test costs 40 pounds."])).all()


def test_phrases_that_claim_nothing_do_not_count() -> None:
    """A polite close does not make a quoted answer ungrounded; alone it is grounded in nothing."""
    quoted = "A blood test costs 40 pounds and takes 15 minutes."
    assert scores(SOURCE, QUERY, f"{quoted} I hope this helps!").grounding == scores(SOURCE, QUERY, quoted).grounding
    assert scores(SOURCE, QUERY, "Let me know if you have other questions.").grounding < 0.5


@pytest.mark.parametrize(("answer", "relevant"), [("40 pounds", True), ("Giraffes", False)])
def test_a_terse_answer_is_relevant_by_its_place_in_the_source(answer: str, relevant: bool) -> None:
    """A number or name has little likeness to the question; the sentence that holds it has."""
    assert (scores(SOURCE, QUERY, answer).relevance > 0.5) is relevant


def test_a_person_of_whom_the_source_knows_nothing_is_ungrounded() -> None:
    """An invented full name counts even in a sentence that agrees only in part; an acronym spelt out does not."""
    answer = "Please ask {}, who leads the clinic in Leeds; it opens at 8 am."
    known, stranger = (scores(SOURCE, "", answer.format(name)).grounding for name in ("Emily Chen", "Linda Rossi"))
    assert stranger < known - 0.15
    assert scores("The UK joined in 1973.", "", "The United Kingdom joined in 1973.").grounding > 0.5
