"""Public texts for the NAME and ADDRESS tagger: unchanged, without names, or with names instead of pronouns.

CLINC150 (CC-BY-3.0), Banking77 (CC-BY-4.0), CovidQA and Alpaca's seed tasks (Apache-2.0), ExpertQA and AdvBench (MIT).
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from embedded_aws.bedrock.detectors.text import lexicon
from embedded_aws.bedrock.detectors.text.lexicon import listed
from training.pii_sentences import Sentence

if TYPE_CHECKING:
    from training.pii_values import Values

# frequent given names that have no other meaning
_FREQUENT = listed(
    "john james mary robert michael linda david william richard susan joseph thomas charles daniel matthew anthony "
    "betty steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary "
    "nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory patrick alexander jack "
    "dennis jerry sarah karen nancy lisa margaret sandra ashley kimberly emily donna michelle carol amanda melissa "
    "deborah stephanie rebecca laura sharon cynthia kathleen amy shirley angela helen anna brenda pamela nicole "
    "emma samantha katherine debra rachel carolyn janet catherine maria heather diane ruth julie olivia joyce "
    "virginia kelly lauren christina joan evelyn bob jim tom mike dave steve joe sam ben dan tim matt chris alex "
    "jane kate sue ann anne bill jill "
)


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
    """Public sentences that contain no person's name and no address according to the word lists."""
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


# Pronouns that a name can replace in a sentence about another person, with the corrected verb.
_PRONOUNS = (
    (r"\bI am\b|\bi am\b|\bI'm\b|\bi'm\b|\bim\b", "{} is"), (r"\bI have\b|\bi have\b|\bI've\b|\bi've\b", "{} has"),
    (r"\bI'd\b|\bi'd\b", "{} would"), (r"\bI'll\b|\bi'll\b", "{} will"), (r"\bdo [Ii]\b", "does {}"),
    (r"\bam [Ii]\b", "is {}"), (r"\b[Ii] was\b", "{} was"), (r"\b(?:he|she|He|She|someone|Someone)\b", "{}"),
    (r"\bmy\b|\bhis\b", "{}'s"),
    (r"\bmy (?:mom|dad|wife|husband|friend|boss|brother|sister|son|daughter)\b", "{}"), (r"\b[Ii]\b", "{}"),
    (r"\b(?:me|him|us)\b", "{}"), (r"\b[Tt]he (?:patient|doctor|manager|customer|author|teacher|user)\b", "{}"),
)  # fmt: skip


def personified(texts: Iterator[str], values: Values) -> Iterator[Sentence]:
    """Public sentences with names instead of pronouns: they put names in contexts that no template has."""
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
            values.names.name()
            if values.random.random() < 0.4
            else values.names.first()
            if values.random.random() < 0.7
            else values.names.last()
        )
        value = form.format(name)
        start = match.start() + value.index(name)
        yield Sentence(text[: match.start()] + value + text[match.end() :], ((start, start + len(name), "NAME"),))


def pronoun_texts(data: Path) -> Iterator[str]:
    """Public sentences that get names: requests that are not negatives, and questions and paragraphs."""
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
    known = lexicon.words("first_names") | lexicon.words("cities")
    found = {word for word, count in total.items() if lower[word] >= 3 and lower[word] >= 0.8 * count}
    found |= {word for word, count in requested.items() if count >= 8 and word not in known}
    return sorted(found | set(_INTERJECTIONS.split()))


def small_words(data: Path) -> list[str]:
    """Words within sentences that public texts, longer ones among them, write small half of the time or more, without
    those of common_words.txt: "grace" is first of all a noun.
    """
    lower: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for text in (*_raw_texts(data), *_long_texts(data)):
        if text == text.lower():
            continue
        for sentence in re.split(r"(?<=[.!?:])\s+|\n+", text):
            for word in re.findall(r"[^\W\d_]{2,}", sentence)[1:]:
                total[word.lower()] += 1
                lower[word.lower()] += word.islower()
    common = lexicon.words("common_words")
    return sorted(word for word, count in total.items() if 2 <= lower[word] >= 0.5 * count and word not in common)


def _long_texts(data: Path) -> Iterator[str]:
    """Answers of HaluEval and ExpertQA (MIT)."""
    for line in (data / "halueval" / "general_data.json").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        yield from (record["user_query"], record["chatgpt_response"])
    for name in ("qa_one-turn_data.json", "qa_multi-turn_data.json"):
        for line in (data / "halueval" / name).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["knowledge"]
    for line in (data / "expertqa" / "rand_test.jsonl").read_text(encoding="utf-8").splitlines():
        yield from (answer["answer_string"] for answer in json.loads(line)["answers"].values())
