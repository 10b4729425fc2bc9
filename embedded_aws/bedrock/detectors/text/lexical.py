"""The words of a statement as grounding compares them: stems, numbers, names, negation and opposites.

Rule-based and English: light suffix stripping, number words read as digits, names recognised by capitals, and a word's
weight from its rank in the sentence model's vocabulary, which is sorted by frequency (an inverse document frequency
without a corpus).
"""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from embedded_aws.bedrock.detectors.text import lexicon

Kind = Literal["stop", "word", "name", "number"]

_VOCABULARY = Path(__file__).parents[1] / "tokenizer" / "vocab.txt"
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_CITATION = re.compile(r"\[\d+(?:\s*[,–-]\s*\d+)*\]")  # "[2]" points at the source, says no number
_LIST_MARK = re.compile(
    r"(?m)^[^\S\n]*\(?\d{1,2}[.):]?(?=\s|$)(?!\s+[a-z])"
)  # "1. Wash ..." counts lines, says no number
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_ENDINGS = ("ations", "ation", "ings", "ments", "ment", "ing", "ied", "ies", "ers", "ed", "es", "er", "ly", "s", "e")
_STEM = 7  # characters kept: "vaccine", "vaccinated" and "vaccination" meet
_COMMON = 1500  # ranks below this weigh least
_NAME_RANK = 6000  # a sentence's first word, before another capital, is a name when it is rarer than this

NEGATIONS = frozenset({"no", "not", "never", "none", "nobody", "nothing", "neither", "nor", "cannot", "without"})
_UNITS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
_NUMBERS = {word: str(value) for value, word in enumerate(_UNITS.split())} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
    "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000", "dozen": "12", "twice": "2",
}  # fmt: skip
_STOPWORDS = NEGATIONS | frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does", "for",
    "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "may",
    "me", "more", "most", "my", "of", "on", "one", "or", "our", "s", "she", "should", "so", "some", "such", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were",
    "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your", "also",
    "about", "all", "any", "because", "before", "after", "between", "both", "each", "other", "over", "under", "up",
    "down", "out", "only", "own", "same", "very", "just", "now", "t", "being", "against", "while", "during", "yes",
    "according", "based", "provided", "stated", "mentioned",
})  # fmt: skip
_OPPOSITES = """
    increase/decrease increased/decreased increases/decreases rise/fall rose/fell rises/falls rising/falling
    higher/lower high/low more/less more/fewer most/least before/after win/lose won/lost accept/reject
    accepted/rejected approved/rejected approve/reject approved/refused passed/rejected allow/forbid allow/ban
    allowed/forbidden allowed/banned open/close opened/closed opens/closes open/closed alive/dead survived/died
    injured/killed always/never first/last male/female man/woman men/women boy/girl boys/girls husband/wife
    brother/sister son/daughter mother/father positive/negative safe/dangerous safe/unsafe improve/worsen
    improved/worsened above/below early/late earlier/later big/small large/small larger/smaller largest/smallest
    long/short longer/shorter old/young older/younger oldest/youngest fast/slow faster/slower success/failure
    succeeded/failed support/oppose supported/opposed supports/opposes guilty/innocent convicted/acquitted
    arrested/released buy/sell bought/sold gain/loss gained/lost profit/loss best/worst better/worse good/bad hot/cold
    day/night morning/evening summer/winter north/south east/west northern/southern eastern/western left/right
    start/end started/ended begin/end began/ended begins/ends praised/criticised praised/criticized praise/criticise
    welcomed/condemned admitted/denied accepted/denied confirmed/denied agreed/refused agreed/disagreed
    include/exclude included/excluded inside/outside public/private legal/illegal easy/difficult strong/weak
    stronger/weaker cheap/expensive rich/poor full/empty true/false many/few majority/minority maximum/minimum
    heavy/light common/rare arrive/leave arrived/left temporary/permanent raised/lowered raise/lower raised/cut
    grew/shrank hire/fire hired/fired encourage/discourage cause/prevent causes/prevents caused/prevented
    reduce/increase reduced/increased reduces/increases likely/unlikely able/unable possible/impossible
    required/optional mandatory/optional enable/disable enabled/disabled extended/cancelled added/removed add/remove
    acute/chronic healthy/sick present/absent presence/absence effective/ineffective significant/insignificant
"""


class Token(NamedTuple):
    """One word of a text: as written in lower case, its stem (of a number its digits), what it is, and its weight
    (0 for stop words, else 0.15 for frequent to 1 for rare words).
    """

    word: str
    stem: str
    kind: Kind
    weight: float


def tokens(text: str, known: frozenset[str] = frozenset()) -> list[Token]:
    """A text's words in order. `known`: stems of names, which identify a name at the start of a sentence."""
    text = _LIST_MARK.sub(" ", _CITATION.sub(" ", text)).replace("per cent", "percent").replace("%", " percent ")
    found = list(_TOKEN.finditer(text))
    result: list[Token] = []
    for index, match in enumerate(found):
        raw = match.group()
        word = raw.casefold().replace("’", "'")
        if raw[0].isdigit() or word in _NUMBERS:
            # "one" is more often a pronoun than a number
            kind: Kind = "stop" if word == "one" else "number"
            result.append(Token(word, _number(word), kind, 0.6 if kind == "number" else 0.0))
        elif word in _STOPWORDS or word.endswith("n't"):
            result.append(Token(word, word, "stop", 0.0))
        else:
            stem, weight = _normal(word)
            name = raw[0].isupper() and len(raw) > 1
            if name and text[: match.start()].rstrip()[-1:] in {"", ".", "!", "?", ":", '"', "“", "|", "-", "*"}:
                joined = index + 1 < len(found) and found[index + 1].group()[0].isupper()
                name = stem in known or _listed(word) or (joined and _ranks().get(word, _NAME_RANK) >= _NAME_RANK)
            result.append(Token(word, stem, "name" if name else "word", weight))
    return result


def negated(words: Sequence[Token]) -> set[str]:
    """Stems of the content words that a negation governs: up to two after it, within four words."""
    found: set[str] = set()
    for index, token in enumerate(words):
        if token.word in NEGATIONS or token.word.endswith("n't"):
            after = [other.stem for other in words[index + 1 : index + 5] if other.kind in {"word", "name"}]
            found.update(after[:2])
    return found


@lru_cache(maxsize=1)
def opposites() -> dict[str, frozenset[str]]:
    """Words that exclude one another, in both directions; lower case, not stemmed."""
    pairs = [pair.split("/") for pair in _OPPOSITES.split()]
    both = [(a, b) for a, b in pairs] + [(b, a) for a, b in pairs]
    return {word: frozenset(b for a, b in both if a == word) for word, _ in both}


def initials(words: Sequence[Token]) -> set[str]:
    """Acronyms that runs of names would have, and of two or more letters: "United Nations" gives "un"."""
    found: set[str] = set()
    run = ""
    for token in [*words, Token("", "", "word", 0.0)]:
        if token.kind == "name":
            run += token.word[0]
        elif run and token.word in {"of", "the", "and", "for"}:
            continue
        else:
            found.update(run[start:end] for start in range(len(run)) for end in range(start + 2, min(len(run), 6) + 1))
            run = ""
    return found


def abbreviated(words: Sequence[Token], known: frozenset[str]) -> list[Token]:
    """The words with names that are unknown but whose initials are known ("United Kingdom", "uk") as that acronym."""
    result: list[Token] = []
    index = 0
    while index < len(words):
        end = index
        while end < len(words) and words[end].kind == "name" and words[end].stem not in known:
            end += 1
        letters = "".join(token.word[0] for token in words[index:end])
        if len(letters) > 1 and letters in known:
            result.append(Token(letters, letters, "name", 1.0))
            index = end
        else:
            result.append(words[index])
            index += 1
    return result


def _number(word: str) -> str:
    if word in _NUMBERS:
        return _NUMBERS[word]
    plain = word.replace(",", "") if _THOUSANDS.fullmatch(word) else word.replace(",", ".")
    whole, dot, rest = plain.partition(".")
    rest = rest.rstrip("0")
    return whole + dot + rest if rest else whole


@lru_cache(maxsize=16384)
def _normal(word: str) -> tuple[str, float]:
    """Stem and weight."""
    rank = _ranks().get(word, 30000)
    weight = min(1.0, max(0.15, math.log(max(rank, _COMMON) / _COMMON) / math.log(20)))
    stem = word.removesuffix("'s")
    for ending in _ENDINGS:
        if stem.endswith(ending) and len(stem) - len(ending) >= 3:
            stem = stem[: -len(ending)]
            break
    if len(stem) > 3 and (stem[-1] == stem[-2] or stem[-1] in "iy"):
        stem = stem[:-1]
    return stem[:_STEM], weight


def _listed(word: str) -> bool:
    """Whether a word is known as a name of a person or city and not as a common word."""
    word = word.removesuffix("'s")
    return (word in lexicon.words("cities") or word in lexicon.names()) and word not in lexicon.words("common_words")


@lru_cache(maxsize=1)
def _ranks() -> dict[str, int]:
    return {word: rank for rank, word in enumerate(_VOCABULARY.read_text(encoding="utf-8").splitlines())}
