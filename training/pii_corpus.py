"""The labelled sentences that the NAME and ADDRESS tagger is trained and measured on.

Sources: presidio-research's generated sentences (MIT) whose template is not held out, and our sentences
(pii_sentences.py); public texts are in pii_public.py.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import pii_sentences
from training.pii_sentences import Sentence, joined

if TYPE_CHECKING:
    from training.pii_values import Values

_KINDS = {
    "PERSON": "NAME",
    "ADDRESS": "ADDRESS",
    "LOCATION": "LOC",
    "ORGANIZATION": "ORG",
}
_PREFIXES = frozenset("mr mrs ms miss dr prof mx".split())  # noqa: SIM905  (a word list)
_HELD_OUT_OF_FIVE = 1


def held_out(template: str) -> bool:
    """Whether sentences of a template (the text with its slots) are kept for measuring: one template in five."""
    return zlib.crc32(re.sub(r"\s+", " ", template).encode()) % 5 < _HELD_OUT_OF_FIVE


def presidio(data: Path, *, measuring: bool, name: str = "generated_large") -> list[dict[str, Any]]:
    """The records of presidio_research whose template is held out (`measuring`) or is not."""
    records = json.loads((data / "presidio_research" / f"{name}.json").read_text(encoding="utf-8"))
    return [record for record in records if held_out(record["masked"]) is measuring]


def labelled(record: dict[str, Any]) -> Sentence:
    """A presidio record with its names and addresses; the pieces of one address are joined.

    Titles ("Mr.") are no part of a NAME, as AWS documents. Towns and countries belong to an ADDRESS when they stand
    next to a piece of it.
    """
    spans: list[tuple[int, int, str]] = []
    text = record["full_text"]
    for span in sorted(record["spans"], key=lambda item: int(item["start_position"])):
        kind = _KINDS.get(span["entity_type"])
        value = str(span["entity_value"])
        if kind is None or (kind == "NAME" and value.lower().strip(". ") in _PREFIXES):
            continue
        start, end = int(span["start_position"]), int(span["end_position"])
        if spans and not re.search(r"[^\s,>?|]", text[spans[-1][1] : start]):
            before = spans[-1]
            if "ADDRESS" in (before[2], kind) and {before[2], kind} <= {"ADDRESS", "LOC"}:
                spans[-1] = (before[0], end, "ADDRESS")
                continue
        spans.append((start, end, kind))
    return Sentence(text, tuple(spans))


_SLOT = re.compile(r"\{+(\w+)\}+")
# presidio's slots -> our slots
_ALIASES = {
    "person": "name", "name_male": "name", "name_female": "name", "first_name": "first", "first_name_male": "first",
    "first_name_female": "first", "first_name_nonbinary": "first", "last_name": "last", "last_name_male": "last",
    "last_name_female": "last", "organization": "org", "company": "org", "phone_number": "phone",
    "day_of_week": "weekday",
    "date_time": "date", "date_of_birth": "date", "street_name": "streetline", "zipcode": "ADDRzip",
}  # fmt: skip


_JOINTS = {"NAME": (" ",), "ADDRESS": (" ", ", ", "\n")}


def filled(template: str, values: Values) -> Sentence | None:
    """A template with its slots filled; None if we have no values for one of its slots."""
    text, spans, at = "", list[tuple[int, int, str]](), 0
    template = template.replace("\\n", "\n")
    for slot in _SLOT.finditer(template):
        try:
            value, kind = values.slot(_ALIASES.get(slot[1], slot[1]))
        except KeyError:
            return None
        text += template[at : slot.start()]
        if kind and spans and spans[-1][2] == kind and text[spans[-1][1] :] in _JOINTS.get(kind, ()):
            spans[-1] = (spans[-1][0], len(text) + len(value), kind)  # "{first} {last}" is one name
        elif kind:
            spans.append((len(text), len(text) + len(value), kind))
        text += value
        at = slot.end()
    return Sentence(text + template[at:], tuple(spans))


def own(values: Values, rounds: int, places: int, plain: int) -> Iterator[Sentence]:
    """Our templates, each filled as many times as its kind's argument, alone or joined with others to a longer text."""
    for name, times in (("people", rounds), ("places", places), ("plain", plain)):
        lines = pii_sentences.templates(name)
        for _ in range(times):
            for line in lines:
                sentence = filled(line, values)
                if sentence is None:
                    raise ValueError(f"unknown slot in {line!r}")
                if values.random.random() < 0.25:
                    other = filled(values.random.choice(lines), values)
                    sentence = joined(sentence, other, values.random) if other else sentence
                yield sentence


def refilled(data: Path, values: Values, times: int) -> Iterator[Sentence]:
    """presidio's templates (those not held out) with our names and addresses."""
    lines = (data / "presidio_research" / "templates.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    templates = {record["masked"] for record in presidio(data, measuring=False)}
    templates |= {line for line in lines if line.strip() and not held_out(line)}
    # the held-out templates as the records spell them, in case the file differs
    kept = {re.sub(r"\W+", "", record["masked"]) for record in presidio(data, measuring=True)}
    for template in sorted(templates):
        if re.sub(r"\W+", "", template.replace("\\n", "\n")) in kept:
            continue
        for _ in range(times):
            sentence = filled(template.replace("{{building_number}} {{street_name}}", "{{streetline}}"), values)
            if sentence:
                yield Sentence(*_addresses_joined(sentence))


def _addresses_joined(sentence: Sentence) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """Adjacent ADDRESS and LOC spans become one ADDRESS."""
    record = {
        "full_text": sentence.text,
        "spans": [
            {"entity_type": {"NAME": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION"}.get(kind, kind),
             "entity_value": sentence.text[start:end], "start_position": start, "end_position": end}
            for start, end, kind in sentence.spans
        ],
    }  # fmt: skip
    again = labelled(record)
    return again.text, again.spans
