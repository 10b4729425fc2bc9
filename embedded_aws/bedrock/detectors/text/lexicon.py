"""Word lists of data/*.txt: given names, family names, cities, common words, and small classes of words."""

from __future__ import annotations

from functools import cache
from importlib import resources


def listed(words: str) -> frozenset[str]:
    """The words of a text, for word lists that read better as running text."""
    return frozenset(words.split())


def _read(name: str) -> str:
    file = resources.files("embedded_aws.bedrock.detectors").joinpath(f"data/{name}.txt")
    return file.read_text(encoding="utf-8")


@cache
def words(name: str) -> frozenset[str]:
    """The lower-case words of the list "first_names", "last_names", "cities" or "common_words"."""
    return frozenset(_read(name).split())


@cache
def vocabulary() -> tuple[str, ...]:
    """BERT's word pieces (data/vocabulary.txt), the most frequent first."""
    return tuple(_read("vocabulary").splitlines())


@cache
def names() -> frozenset[str]:
    """All given and family names."""
    return words("first_names") | words("last_names")


@cache
def classes() -> dict[str, tuple[str, ...]]:
    """The classes of data/word_classes.txt, such as "title" or "street", with their words."""
    found: dict[str, list[str]] = {}
    members: list[str] = []
    known = names()
    only_unlisted = False
    for line in _read("word_classes").splitlines():
        if line.startswith("@"):
            only_unlisted = line.endswith("*")
            members = found.setdefault(line[1:].rstrip("*"), [])
        elif not line.startswith("#"):
            members += [word for word in line.split() if not only_unlisted or word not in known]
    return {name: tuple(words) for name, words in found.items()}


@cache
def _class_of() -> dict[str, str]:
    """Word -> class; a word of several classes has the first."""
    found: dict[str, str] = {}
    for name, members in classes().items():
        for word in members:
            found.setdefault(word, name)
    return found


# Stems of international nonproprietary names, at the end of a word (WHO, "The use of stems in the selection of INN").
_DRUG_STEMS = (
    "caine", "pril", "prilat", "statin", "zumab", "ximab", "limab", "tinib", "olol", "azepam", "azolam", "cillin",
    "mycin", "floxacin", "prazole", "conazole", "nidazole", "sartan", "dipine", "oxetine", "triptan", "gliptin",
    "gliflozin", "glutide", "parin", "xaban", "tidine", "thiazide", "terol", "asone", "onide", "profen", "ciclovir",
    "buvir", "previr", "setron", "dronate", "cycline", "barbital", "codone", "morphone", "azosin", "fibrate", "formin",
)  # fmt: skip
_SHORTEST_DRUG = 8


def word_class(word: str) -> str | None:
    """The class of a lower-case word, such as "title" or "street"; words that end like a medicine are "drug"."""
    found = _class_of().get(word)
    if found is None and len(word) >= _SHORTEST_DRUG and word.endswith(_DRUG_STEMS) and word not in names():
        return "drug"
    return found


@cache
def organisations() -> tuple[str, ...]:
    """Organisations whose names read like those of persons, such as "Morgan Stanley"."""
    return tuple(line for line in _read("organisations").splitlines() if not line.startswith("#"))
