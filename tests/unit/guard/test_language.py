"""The language of a question, and the messages in it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.runtime.language import answering, for_question
from stepguard.guard.runtime.settings import apply_settings, read_values, schema
from stepguard.guard.settings import ModelSettings, read_settings
from stepguard.guard.texts.language import LANGUAGES, language_of
from stepguard.guard.texts.messages import MESSAGES, read_messages

QUESTIONS = {
    "en": ("How long does a cold last?", "What helps against a headache?", "When is the clinic open?"),
    "de": ("Wie lange dauert eine Erkältung?", "Was hilft gegen Kopfschmerzen?", "Wann hat die Klinik geöffnet?"),
    "fr": ("Combien de temps dure un rhume ?", "Que faire contre le mal de tête ?", "Où est la clinique ?"),
    "es": ("¿Cuánto dura un resfriado?", "¿Qué ayuda contra el dolor de cabeza?", "Cuando abre la clinica"),
    "it": ("Quanto dura un raffreddore?", "Cosa aiuta contro il mal di testa?", "Quando apre la clinica?"),
    "pt": ("Quanto tempo dura uma constipação?", "O que ajuda na dor de cabeça?", "Quais são os horários da clínica?"),
    "nl": ("Hoe lang duurt een verkoudheid?", "Wat helpt tegen hoofdpijn?", "Wanneer is de kliniek open?"),
    "pl": ("Jak długo trwa przeziębienie?", "Co pomaga na ból głowy?", "Kiedy otwarta jest klinika?"),
    "tr": ("Soğuk algınlığı ne kadar sürer?", "Baş ağrısına ne iyi gelir?", "Klinik ne zaman açık?"),
    "ja": ("風邪はどのくらい続きますか？",), "ko": ("감기는 얼마나 오래 가나요?",), "zh": ("感冒会持续多久？",),
    "ar": ("كم يستمر الزكام؟",), "hi": ("सर्दी कितने दिन रहती है?",), "he": ("כמה זמן נמשכת הצטננות?",),
    "th": ("หวัดเป็นนานเท่าไร",), "el": ("Πόσο διαρκεί ένα κρυολόγημα;",), "ru": ("Сколько длится простуда?",),
    "uk": ("Скільки триває застуда і що допомагає?",),
}  # fmt: skip


@pytest.mark.parametrize("code", LANGUAGES)
def test_short_questions_have_their_language(code: str) -> None:
    """One of each language, three of those that share an alphabet."""
    assert [language_of(text) for text in QUESTIONS[code]] == [code] * len(QUESTIONS[code])


@pytest.mark.parametrize(
    "text", ["", "12345 ???", "ok", "Ibuprofen 400", "COVID-19", "https://example.com/x", "a" * 100_000]
)
def test_what_is_not_clear_has_none(text: str) -> None:
    """Names, numbers and single words: the messages stay the deployment's own."""
    assert language_of(text) == ""


def test_messages_come_in_the_language_of_the_question() -> None:
    """Where there are any; what a language lacks stays as it is."""
    given = {"de": {"EMPTYMESSAGE": "Nichts gefunden.", "BLOCKEDMESSAGE": "Das geht nicht."}}
    settings = read_settings({"MESSAGES": json.dumps(given)})
    german = for_question(settings, QUESTIONS["de"][0])
    assert (german.empty_message, german.blocked_messages) == ("Nichts gefunden.", {"default": "Das geht nicht."})
    assert german.error_message == settings.error_message
    assert for_question(settings, QUESTIONS["fr"][0]) == settings
    assert for_question(replace(settings, messages={}), QUESTIONS["de"][0]).empty_message == settings.empty_message


def test_messages_change_at_run_time() -> None:
    """They replace the deployed ones; AppConfig's schema knows them."""
    values = read_values(json.dumps({MESSAGES: {"de": {"ERRORMESSAGE": "Später bitte."}}}))
    settings = apply_settings(read_settings({}), {"values": values})
    assert for_question(settings, QUESTIONS["de"][1]).error_message == "Später bitte."
    assert set(schema()["properties"][MESSAGES]["properties"]) == set(LANGUAGES)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be an object"),
        ('{"xx": {}}', "has the language 'xx'; known are ar, de"),
        ('{"de": "Nein"}', "MESSAGES.de must be an object with EMPTYMESSAGE"),
        ('{"de": {"OTHER": "x"}}', "MESSAGES.de must be an object with EMPTYMESSAGE"),
        (json.dumps({"de": {"BLOCKEDMESSAGE": "a" * 501}}), "BLOCKEDMESSAGE must be a text of at most 500"),
        ('{"de": {"EMPTYMESSAGE": 7}}', "EMPTYMESSAGE must be a text of at most 1000"),
    ],
)
def test_wrong_messages_are_named(value: str, message: str) -> None:
    """What is wrong, and what is known."""
    with pytest.raises(ConfigurationError, match=message):
        read_messages(value)


def test_the_model_answers_in_the_language() -> None:
    """By an instruction after the team's own; English and unclear questions leave the prompt as it is."""
    model = ModelSettings(system_prompt="You are kind.")
    assert answering(model, QUESTIONS["de"][0]).system_prompt == "You are kind. Answer in German."
    assert answering(ModelSettings(), QUESTIONS["ja"][0]).system_prompt == "Answer in Japanese."
    assert answering(model, QUESTIONS["en"][0]) is model
    assert answering(model, "Ibuprofen 400") is model
