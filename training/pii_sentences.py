"""A labelled text, the ways in which careless people and mail programs change it, and our templates.

Templates: our sentences for the NAME and ADDRESS tagger (pii_authored/*.txt), whose slots pii_values.py fills.

One template a line. Slots that are labelled: name, first, last (NAME); address, streetline, zipcity (ADDRESS);
org, firm, orgperson (ORG); city, country, state, landmark (LOC). All other slots are plain text.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its (start, end, type) spans; types are NAME, ADDRESS, ORG, LOC."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


def joined(one: Sentence, other: Sentence, rng: random.Random) -> Sentence:
    """Two sentences as one text."""
    gap = rng.choice((" ", " ", "\n", ". "))
    shift = len(one.text) + len(gap)
    return Sentence(
        one.text + gap + other.text,
        one.spans + tuple((start + shift, end + shift, kind) for start, end, kind in other.spans),
    )


def quoted(sentence: Sentence, rng: random.Random) -> Sentence:
    """Sometimes turn a text of several lines into a reply or a list: a mark before each line."""
    if "\n" not in sentence.text or rng.random() > 0.15:
        return sentence
    mark = rng.choice((">", "> ", "- ", "* ", "| ", "    "))
    places: list[int] = []
    text = mark
    for char in sentence.text:
        places.append(len(text))
        text += char + (mark if char == "\n" else "")
    return Sentence(text, tuple((places[start], places[end - 1] + 1, kind) for start, end, kind in sentence.spans))


def recased(sentence: Sentence, rng: random.Random) -> Sentence:
    """The sentence as careless people type it: sometimes in lower or upper case."""
    chance = rng.random()
    text = sentence.text
    if chance < 0.2:
        changed = text.lower()
    elif chance < 0.25:
        changed = text.upper()
    elif chance < 0.29:
        changed = re.sub(r"(?<![^\W_])[^\W\d_]", lambda found: found.group().upper(), text)
    elif not sentence.spans and chance < 0.6:
        changed = text[:1].upper() + text[1:]
    else:
        return sentence
    return Sentence(changed, sentence.spans) if len(changed) == len(text) else sentence


FOLDER = Path(__file__).with_name("pii_authored")


@cache
def templates(name: str) -> tuple[str, ...]:
    """The templates of "people", "places" or "plain" (texts without personal information)."""
    return tuple(line for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines() if line)


@cache
def lists() -> dict[str, list[str]]:
    """What slots are filled with (values.txt): list name -> values."""
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for line in (FOLDER / "values.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            values = found.setdefault(line[1:], [])
        elif not line.startswith("#"):
            values += [entry.strip() for entry in line.split(";") if entry.strip()]
    return found
