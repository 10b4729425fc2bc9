"""Personal data in many languages: exact masks beside letters of any script, harmless sentences unchanged."""

from __future__ import annotations

import pytest

from embedded_aws.bedrock.detectors import pii
from stepguard.guard.bedrock_names import PII_TYPES


def masked(text: str) -> str:
    """The text with its findings as placeholders."""
    for span in reversed(pii.find(text, PII_TYPES)):
        text = f"{text[: span.start]}{{{span.label}}}{text[span.end :]}"
    return text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("卡号是5555555555554444，请处理。", "卡号是{CREDIT_DEBIT_CARD_NUMBER}，请处理。"),
        ("我的邮箱是wang.li@example.com请回复", "我的邮箱是{EMAIL}请回复"),
        ("手机13812345678可以联系到我", "手机{PHONE}可以联系到我"),
        ("メールはyuki@example.jpです", "メールは{EMAIL}です"),
        ("電話は080-1234-5678までどうぞ", "電話は{PHONE}までどうぞ"),
        ("제 카드는 4012888888881881이고요", "제 카드는 {CREDIT_DEBIT_CARD_NUMBER}이고요"),
        ("연락처는 010-8765-4321입니다", "연락처는 {PHONE}입니다"),
        ("อีเมลsuda@example.comครับ", "อีเมล{EMAIL}ครับ"),
        ("بريدي nour@example.com، وبطاقتي 4012888888881881.", "بريدي {EMAIL}، وبطاقتي {CREDIT_DEBIT_CARD_NUMBER}."),
        ("मेरा ईमेल ravi@example.in है।", "मेरा ईमेल {EMAIL} है।"),
        ("Карта5555555555554444украдена", "Карта{CREDIT_DEBIT_CARD_NUMBER}украдена"),
        ("见https://example.com/a1。谢谢", "见{URL}。谢谢"),
    ],
)
def test_values_beside_letters_of_any_script_are_masked_exactly(text: str, expected: str) -> None:
    """No blank is needed on either side of a value, and no letter of the sentence is masked."""
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Guten Abend, mein Name ist Ulrike Sandmann.", "Guten Abend, mein Name ist {NAME}."),
        ("Frau Petersen aus der Kaiserallee 7, 76133 Karlsruhe rief an.", "Frau {NAME} aus der {ADDRESS} rief an."),
        ("Mon collègue Bastien Girard habite 4 rue du Port, 44000 Nantes.", "Mon collègue {NAME} habite {ADDRESS}."),
        ("Cita de Nerea Etxebarrieta en radiología.", "Cita de {NAME} en radiología."),
        ("Mi vecina se llama Pilar Montero.", "Mi vecina se llama {NAME}."),
        ("Llámenme al 654 32 10 98 cuando puedan.", "Llámenme al {PHONE} cuando puedan."),
        ("O contrato foi assinado por Helena Sequeira.", "O contrato foi assinado por {NAME}."),
        ("Mein Passwort ist Winter2025! und geht nicht.", "Mein Passwort ist {PASSWORD} und geht nicht."),
        ("我的密码是Abc123!请重置", "我的密码是{PASSWORD}请重置"),
        ("Nom d'utilisateur : mdurand75", "Nom d'utilisateur : {USERNAME}"),
        ("La targa è FG 123 HK.", "La targa è {LICENSE_PLATE}."),
        ("Il pacco è per Matteo Gualtieri, via Cavour 12, 50129 Firenze.", "Il pacco è per {NAME}, {ADDRESS}."),
    ],
)
def test_names_addresses_and_numbers_of_five_languages(text: str, expected: str) -> None:
    """German, French, Spanish, Portuguese and Italian have a tagger, and numbers are those of their countries."""
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Die Gemeinde vergibt neue Grundstücke am Waldrand.",
        "Der Zahnarzt hat im Juli Urlaub.",
        "La préfecture reçoit uniquement sur rendez-vous.",
        "Después de comer se toma la pastilla blanca.",
        "A junta de freguesia abre às nove horas.",
        "Il medico di famiglia riceve di pomeriggio.",
        "De bibliotheek is op zondag gesloten.",
        "Szpital jest zamknięty w niedzielę.",
        "병원은 일요일에 문을 닫습니다.",
        "يغلق المستشفى أبوابه يوم الجمعة.",
        "अस्पताल रविवार को बंद रहता है।",
        "2024年の予算は30億円です。",
        "Das Passwort ist falsch.",
        "El usuario tiene tres intentos desde 2024.",
        "Die Login-Seite ist ab 8 Uhr offen.",
        "Rosa ist die Farbe des Formulars.",
        "Piazza Dante chiusa al traffico.",
        "User: Ich habe eine Frage.\nAssistant: Gern.",
        "La Cruz Roja reparte mantas.",
        "Mark the date in your diary.",
        "Grace periods end in June.",
        "Toner is kept in the cabinet next to the lift.",
        "Salt was added to the soup. Coal will be delivered on Friday.",
        "She looked at the night sky and thought of heaven.",
        "Our Madrid and Lisbon branches close early.",
        '{"result": "fail", "reason": "timeout", "font": "Georgia"}',
        "user=guest result=ok",
        "User: hello\nAssistant: Good morning.",
    ],
)
def test_harmless_sentences_stay(text: str) -> None:
    """Words at the start of a sentence, nouns with capitals and values of fields are no names."""
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane@example.com.Please hurry", "Write to {EMAIL}.Please hurry"),
        ("'jane@example.com' is old", "'{EMAIL}' is old"),
        ("jo (at) example.com. Call me", "{EMAIL}. Call me"),
        ("Ring +44 7700 900321 2 times", "Ring {PHONE} 2 times"),
    ],
)
def test_a_value_ends_where_the_sentence_continues(text: str, expected: str) -> None:
    """A full stop, a quote or another number after a value is not part of it."""
    assert masked(text) == expected
