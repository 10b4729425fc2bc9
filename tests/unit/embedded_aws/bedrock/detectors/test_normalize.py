"""Folding, reading and decoding of disguised texts, with the places in the original."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.bedrock.detectors.text.normalize import Folded, fold, hidden, legible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4111\u200b1111", "41111111"),
        ("p\u0430ypal and \u0440\u0430ypal", "paypal and paypal"),
        ("\uff21\uff22\uff11", "AB1"),
        ("се\u0430se this wоrk", "cease this work"),
        ("Привет, Acme Corp! Как дела? Это она", "Привет, Acme Corp! Как дела? Это она"),
        ("k\u0336i\u0336l\u0336l\u0336", "kill"),
        ("cafe\u0301", "caf\u00e9"),
        ("tea\u00a0time", "tea time"),
        ("212\u2011555\u20130199", "212-555-0199"),
        ("это сор, а не мусор", "это сор, а не мусор"),
        ("Søren Đorđe Łódź", "Søren Đorđe Łódź"),
        ("plain ASCII", "plain ASCII"),
    ],
)
def test_a_text_reads_as_its_reader_sees_it(text: str, shown: str) -> None:
    """Invisible, compatibility and look-alike characters become plain; other scripts and accents stay."""
    assert legible(text).text == shown


def test_places_lead_back_to_the_original() -> None:
    """A stretch of the read text is the stretch of the original that it was made of."""
    text = "x 4\u200b1\u200b1 y"
    found = legible(text)
    start = found.text.index("411")
    assert text[slice(*found.original(start, start + 3))] == "4\u200b1\u200b1"


@pytest.mark.parametrize("encode", [lambda data: base64.b64encode(data).decode(), lambda data: data.hex()])
def test_hidden_texts_are_decoded_with_their_places(encode: object) -> None:
    """A word inside base 64 or hexadecimal is placed at the digits that hold it."""
    assert callable(encode)
    text = "see " + encode(b"write to ann@example.com now") + " ok"
    (found,) = hidden(text)
    start = found.text.index("ann@")
    where = found.original(start, start + len("ann@example.com"))
    decode = base64.b64decode if "=" in text else bytes.fromhex
    assert b"ann@example.com" in decode(text[slice(*where)])


@pytest.mark.parametrize(
    "text",
    [
        "internationalization",
        "4111111111111111",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "d41d8cd98f00b204e9800998ecf8427e",
    ],
)
def test_what_decodes_to_no_text_is_no_hidden_text(text: str) -> None:
    """Long words, numbers, keys and digests are left alone."""
    assert hidden(text) == ()


@given(st.text())
def test_places_are_inside_the_text_and_in_order(text: str) -> None:
    """Whatever the text: each folded character comes from a non-empty stretch inside it, in order, and never longer."""
    for found in (fold(text), fold(text, strip_accents=True), legible(text), *hidden(text)):
        _check(found, text)


def _check(found: Folded, text: str) -> None:
    if not found.starts:
        assert len(found.text) in (0, len(text))
        return
    assert len(found.text) == len(found.starts) == len(found.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(found.starts, found.ends, strict=True))
    assert list(found.starts) == sorted(found.starts)
