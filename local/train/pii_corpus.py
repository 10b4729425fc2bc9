"""The labelled sentences that the NAME and ADDRESS tagger is trained and measured on.

Sources: presidio-research's generated sentences (MIT) whose template is not held out, sentences of our own
(pii_templates.py), and public texts without names as negatives: CLINC150 (CC-BY-3.0), Banking77 (CC-BY-4.0), CovidQA
and Alpaca's seed tasks (Apache-2.0), ExpertQA and AdvBench (MIT).
"""

from __future__ import annotations

import csv
import json
import random
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.bedrock.detectors.pii import lexicon
from local.train import pii_templates

if TYPE_CHECKING:
    from local.train.pii_values import Values

_KINDS = {
    "PERSON": "NAME",
    "ADDRESS": "ADDRESS",
    "LOCATION": "LOC",
    "ORGANIZATION": "ORG",
}
_PREFIXES = frozenset("mr mrs ms miss dr prof mx".split())  # noqa: SIM905  (a word list)
_HELD_OUT_OF_FIVE = 1


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its (start, end, type) spans; types are NAME, ADDRESS, ORG, LOC."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


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
# presidio's slots in terms of ours
_ALIASES = {
    "person": "name", "name_male": "name", "name_female": "name", "first_name": "first", "first_name_male": "first",
    "first_name_female": "first", "first_name_nonbinary": "first", "last_name": "last", "last_name_male": "last",
    "last_name_female": "last", "organization": "org", "company": "org", "phone_number": "phone",
    "day_of_week": "weekday",
    "date_time": "date", "date_of_birth": "date", "street_name": "streetline", "zipcode": "ADDRzip",
}  # fmt: skip


_JOINTS = {"NAME": (" ",), "ADDRESS": (" ", ", ", "\n")}


def filled(template: str, values: Values) -> Sentence | None:
    """A template with its slots filled; None when it has a slot that we have no values for."""
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
    """Our templates, each filled as often as told, alone or joined with others to a longer text."""
    groups = ((pii_templates.PEOPLE, rounds), (pii_templates.PLACES, places), (pii_templates.PLAIN, plain))
    for templates, times in groups:
        lines = [line for line in templates.splitlines() if line]
        for _ in range(times):
            for line in lines:
                sentence = filled(line, values)
                if sentence is None:
                    raise ValueError(f"unknown slot in {line!r}")
                if values.random.random() < 0.25:
                    other = filled(values.random.choice(lines), values)
                    sentence = joined(sentence, other, values.random) if other else sentence
                yield sentence


def joined(one: Sentence, other: Sentence, rng: random.Random) -> Sentence:
    """Two sentences as one text."""
    gap = rng.choice((" ", " ", "\n", ". "))
    shift = len(one.text) + len(gap)
    return Sentence(
        one.text + gap + other.text,
        one.spans + tuple((start + shift, end + shift, kind) for start, end, kind in other.spans),
    )


def refilled(data: Path, values: Values, times: int) -> Iterator[Sentence]:
    """presidio's templates (those not held out) with our names and addresses."""
    lines = (data / "presidio_research" / "templates.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    templates = {record["masked"] for record in presidio(data, measuring=False)}
    templates |= {line for line in lines if line.strip() and not held_out(line)}
    # the held-out templates as the records have them, should the file write them differently
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


def _lines(text: str | None) -> list[str]:
    """The sentences of a longer text."""
    return re.split(r"(?<=[.?!])\s+|\n+", text or "")


def requests(data: Path, part: int) -> Iterator[str]:
    """Every other request of CLINC150 and Banking77; `part` is 0 or 1."""
    clinc = json.loads((data / "clinc150" / "data_train_val.json").read_text(encoding="utf-8"))
    yield from (text for text, _ in clinc["train"][part::2])
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        yield from [row["text"].strip() for row in csv.DictReader(file)][part::2]


def _raw_texts(data: Path) -> Iterator[str]:
    """Public texts: requests, questions, paragraphs."""
    yield from requests(data, 0)
    yield from requests(data, 1)
    for line in (data / "alpaca_seed" / "seed_tasks.jsonl").read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        yield task["instruction"]
        yield from (str(item[key]) for item in task["instances"] for key in ("input", "output") if item[key])
    for document in json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]:
        for paragraph in document["paragraphs"]:
            body = paragraph["context"].split("Abstract:", 1)[-1]
            yield from re.split(r"(?<=[.?!])\s+(?=[A-Z])", body)[:250]
            yield from (qa["question"] for qa in paragraph["qas"])
    for name in ("harmful_behaviors.csv", "harmful_strings.csv"):
        with (data / "advbench" / name).open(encoding="utf-8", newline="") as file:
            yield from [next(iter(row.values())) for row in csv.DictReader(file)]
    with (data / "covidqa" / "faq_covidbert.csv").open(encoding="utf-8", newline="") as file:
        yield from (part for row in csv.DictReader(file) for value in row.values() for part in _lines(value))
    for line in (data / "expertqa" / "r1_data_anon.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)["question"]


def negatives(data: Path) -> list[Sentence]:
    """Public sentences that hold, as far as the word lists can tell, no person's name and no address."""
    first, last = lexicon.words("first_names"), lexicon.words("last_names")
    common = lexicon.words("common_words")
    names_listed = lexicon.names()
    kept: list[Sentence] = []
    for text in _raw_texts(data):
        if not 8 <= len(text) <= 600:
            continue
        capitalised = re.findall(r"(?<![\w])([A-Z][a-z'’-]+)", text)
        names = [word for word in capitalised if word.lower() in names_listed and word.lower() not in common]
        pairs = re.findall(r"([A-Z][a-z]+) (?:[A-Z]\. )?([A-Z][a-z]+)", text)
        if len(names) > 1 or any(a.lower() in first and b.lower() in last for a, b in pairs) or "et al" in text:
            continue
        if names and any(word.lower() in first for word in names):
            continue
        words = set(re.findall(r"[a-z]+", text.lower()))
        # "call john": lower-case requests with a frequent given name that is no other word
        if any(word in _FREQUENT for word in words) or re.search(
            r"\d+ \w+ (?:street|st|ave|road|drive)\b", text.lower()
        ):
            continue
        kept.append(Sentence(text, ()))
    return kept


# What a name can stand for in a sentence about somebody else, with the verb put right.
_PRONOUNS = (
    (r"\bI am\b|\bi am\b|\bI'm\b|\bi'm\b|\bim\b", "{} is"), (r"\bI have\b|\bi have\b|\bI've\b|\bi've\b", "{} has"),
    (r"\bI'd\b|\bi'd\b", "{} would"), (r"\bI'll\b|\bi'll\b", "{} will"), (r"\bdo [Ii]\b", "does {}"),
    (r"\bam [Ii]\b", "is {}"), (r"\b[Ii] was\b", "{} was"), (r"\b(?:he|she|He|She|someone|Someone)\b", "{}"),
    (r"\bmy\b|\bhis\b", "{}'s"),
    (r"\bmy (?:mom|dad|wife|husband|friend|boss|brother|sister|son|daughter)\b", "{}"), (r"\b[Ii]\b", "{}"),
    (r"\b(?:me|him|us)\b", "{}"), (r"\b[Tt]he (?:patient|doctor|manager|customer|author|teacher|user)\b", "{}"),
)  # fmt: skip


def personified(texts: Iterator[str], values: Values) -> Iterator[Sentence]:
    """Public sentences in which pronouns give way to names: names in contexts that no template has."""
    for text in texts:
        if not 12 <= len(text) <= 300:
            continue
        options = [(pattern, form) for pattern, form in _PRONOUNS if re.search(pattern, text)]
        if not options:
            continue
        pattern, form = values.random.choice(options)
        match = re.search(pattern, text)
        if match is None:
            continue
        name = (
            values.name()
            if values.random.random() < 0.4
            else values.first()
            if values.random.random() < 0.7
            else values.last()
        )
        value = form.format(name)
        start = match.start() + value.index(name)
        yield Sentence(text[: match.start()] + value + text[match.end() :], ((start, start + len(name), "NAME"),))


_FREQUENT = frozenset(
    [
        "john",
        "james",
        "mary",
        "robert",
        "michael",
        "linda",
        "david",
        "william",
        "richard",
        "susan",
        "joseph",
        "thomas",
        "charles",
        "daniel",
        "matthew",
        "anthony",
        "betty",
        "steven",
        "paul",
        "andrew",
        "joshua",
        "kenneth",
        "kevin",
        "brian",
        "george",
        "edward",
        "ronald",
        "timothy",
        "jason",
        "jeffrey",
        "ryan",
        "jacob",
        "gary",
        "nicholas",
        "eric",
        "jonathan",
        "stephen",
        "larry",
        "justin",
        "scott",
        "brandon",
        "benjamin",
        "samuel",
        "gregory",
        "patrick",
        "alexander",
        "jack",
        "dennis",
        "jerry",
        "sarah",
        "karen",
        "nancy",
        "lisa",
        "margaret",
        "sandra",
        "ashley",
        "kimberly",
        "emily",
        "donna",
        "michelle",
        "carol",
        "amanda",
        "melissa",
        "deborah",
        "stephanie",
        "rebecca",
        "laura",
        "sharon",
        "cynthia",
        "kathleen",
        "amy",
        "shirley",
        "angela",
        "helen",
        "anna",
        "brenda",
        "pamela",
        "nicole",
        "emma",
        "samantha",
        "katherine",
        "debra",
        "rachel",
        "carolyn",
        "janet",
        "catherine",
        "maria",
        "heather",
        "diane",
        "ruth",
        "julie",
        "olivia",
        "joyce",
        "virginia",
        "kelly",
        "lauren",
        "christina",
        "joan",
        "evelyn",
        "bob",
        "jim",
        "tom",
        "mike",
        "dave",
        "steve",
        "joe",
        "sam",
        "ben",
        "dan",
        "tim",
        "matt",
        "chris",
        "alex",
        "jane",
        "kate",
        "sue",
        "ann",
        "anne",
        "bill",
        "jill",
    ]
)


def pronoun_texts(data: Path) -> Iterator[str]:
    """Public sentences to be personified: requests that are no negatives, and questions and paragraphs."""
    yield from requests(data, 1)
    for sentence in negatives(data):
        if not sentence.text.islower():
            yield sentence.text


_INTERJECTIONS = (
    "oh ok okay yes no hi hello hey wow hmm well god please thanks thank sorry sure great dear sir madam bye welcome "
    "iban vin ssn nino utr hmrc bic swift pin passport phone fax email mobile name address date time signature subject"
)


def common_words(data: Path) -> list[str]:
    """Words that public texts of mixed case write in lower case at least four times in five, three times or more."""
    requested = Counter(word for text in requests(data, 0) for word in re.findall(r"[a-z]{2,}", text.lower()))
    lower: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for text in _raw_texts(data):
        if text == text.lower():
            continue
        for word in re.findall(r"[^\W\d_]{2,}", text)[1:]:
            total[word.lower()] += 1
            lower[word.lower()] += word.islower()
    listed = lexicon.words("first_names") | lexicon.words("cities")
    found = {word for word, count in total.items() if lower[word] >= 3 and lower[word] >= 0.8 * count}
    found |= {word for word, count in requested.items() if count >= 8 and word not in listed}
    return sorted(found | set(_INTERJECTIONS.split()))


def quoted(sentence: Sentence, rng: random.Random) -> Sentence:
    """Now and then a text of several lines as it looks in a reply or a list: each line after a mark."""
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
    """The sentence as typed by people who do not care: in lower or upper case now and then."""
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
