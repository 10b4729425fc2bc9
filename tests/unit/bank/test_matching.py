"""Which curated answer a question finds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from stepguard.guard.bank.matching import Matcher, dont_know_of
from stepguard.guard.bank.model import Item, from_json, normalise, to_json
from stepguard.guard.errors import ConfigurationError
from tests.unit.bank.texts import BESUCH, NO_HITS, PARKING, VISITS, bank, embed, matcher


@pytest.mark.parametrize(
    "question", ["what are the visiting hours", "  WHAT are the visiting-hours?! ", "What are the ｖisiting hours？"]
)
def test_the_same_words_match_without_the_model(question: str) -> None:
    """Letter case, punctuation, width and white space do not count; nothing is embedded."""

    def fails(text: str) -> Sequence[float]:
        raise AssertionError(text)

    found = Matcher(bank(VISITS, PARKING), fails).find(question)
    assert (found.matched, found.exact, found.item) == (True, True, VISITS)


@pytest.mark.parametrize("question", ["What are visiting hours?", "Where can I park the car?"])
def test_nearly_the_same_words_match_by_their_vectors(question: str) -> None:
    """From the threshold on."""
    found = matcher(VISITS, PARKING).find(question)
    assert found.matched
    assert not found.exact
    assert (found.score or 0) >= 0.8


def test_a_question_below_the_threshold_gets_no_answer() -> None:
    """It is near parking, but does not ask what the item asks."""
    found = matcher(VISITS, PARKING).find("Where can I park my bicycle, please?")
    assert not found.matched
    assert found.item == PARKING
    assert found.dont_know == "Ask the porter."


def test_two_answers_that_are_about_as_near_are_no_answer() -> None:
    """The lead over the runner-up is smaller than the margin."""
    other = Item("Bike", ("Where can I park my cart?",), "In the yard.")
    found = matcher(PARKING, other).find("Where can I park my cars?")
    assert not found.matched
    assert (found.score or 0) > 0.8
    same = replace(other, answer=PARKING.answer)
    assert matcher(PARKING, same).find("Where can I park my cars?").matched  # either item gives the same answer


def test_an_answer_in_another_language_is_not_given() -> None:
    """The language is that of the question, judged by the bank's own texts."""
    german = replace(VISITS, qid="Other", language="de", questions=("Sind die Besuchszeiten lang?",), answer="Ja.")
    found = matcher(VISITS, BESUCH, german).find("Wie sind die Besuchszeiten")
    assert found.item == BESUCH
    assert found.language == "de"
    assert matcher(VISITS, BESUCH).find("Wann darf ich zum Besuch kommen?").item == BESUCH


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Was kostet die Behandlung beim Besuch der Ambulanz?", "Bitte rufen Sie an."),
        ("Where can I park my bicycle, please?", "Ask the porter."),
        ("Tell me about the moon and the stars", "Please call us."),
    ],
)
def test_the_dont_know_answer_is_that_of_the_topic_and_the_language(question: str, answer: str) -> None:
    """Of QnABot's `no_hits` items."""
    found = matcher(VISITS, BESUCH, PARKING).find(question)
    assert not found.matched
    assert found.dont_know == answer
    assert dont_know_of({"item": found.to_dict()}) == answer


def test_a_bank_of_dont_know_answers_alone_answers_nothing() -> None:
    """No vector is compared."""
    found = Matcher(bank(), embed).find("Where?")
    assert (found.matched, found.dont_know) == (False, "Please call us.")
    assert dont_know_of(None) == dont_know_of({"item": None}) == ""


def test_another_embedding_model_is_refused_whatever_its_name() -> None:
    """Its cosines mean something else, so the threshold would say nothing."""
    with pytest.raises(ConfigurationError, match="another embedding model"):
        Matcher(bank(VISITS), lambda text: embed(text[::-1])).find("When may I come?")
    with pytest.raises(ConfigurationError, match="another embedding model"):
        Matcher(bank(VISITS), lambda text: [*embed(text), 0.0]).find("When may I come?")


def test_a_question_without_itself_is_compared_with_the_others() -> None:
    """`answers test` asks so."""
    whole = matcher(VISITS, PARKING)
    assert whole.find(PARKING.questions[0]).matched
    assert not whole.find(PARKING.questions[0], without_itself=True).matched


def test_a_version_is_read_as_it_was_written() -> None:
    """With its vectors, limits and items."""
    passage = Item("Text", (), "The car park is open day and night.", alternates={"markdown": "**Open**"})
    written = bank(VISITS, passage)
    read = from_json(to_json(written), written.version)
    assert (read.items, read.dont_know, read.limits) == (written.items, NO_HITS, written.limits)
    assert read.vectors == written.vectors
    assert to_json(read) == to_json(written)


@pytest.mark.parametrize("change", [{"format": 2}, {"items": []}, {"limits": {}}, {"probe": "x"}, {"vectors": None}])
def test_a_damaged_version_is_refused(change: dict[str, object]) -> None:
    """The error says what to do."""
    content = json.dumps(json.loads(to_json(bank(VISITS))) | change).encode()
    with pytest.raises(ConfigurationError, match="version 00"):
        from_json(content, "0" * 16)


def test_a_question_of_signs_alone_stays_as_it_is() -> None:
    """Else every such question would be the same."""
    assert normalise("???") == "???"
    assert normalise("¿Qué  hora?") == "qué hora"
