"""The words of a statement as grounding compares them: stems, numbers, names, negation and opposites.

Rule-based and English: light suffix stripping, number words read as digits, names recognised by capitals, and a word's
weight from its rank in BERT's vocabulary, which is sorted by frequency (an inverse document frequency without a
corpus).
"""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from embedded_aws.bedrock.detectors.text import lexicon

Kind = Literal["stop", "word", "name", "number"]

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

NEGATIONS = frozenset({
    "no", "not", "never", "none", "nobody", "nothing", "neither", "nor", "cannot", "without",
    "nicht", "kein", "keine", "keinen", "keiner", "ohne", "pas", "aucun", "aucune", "sans", "jamais", "ningún",
    "ninguna", "nunca", "não", "sem", "senza", "nessun", "nessuna",
})  # fmt: skip
_RESTRICTIONS = frozenset({"only", "unless", "except", "until", "forbidden", "stop", "avoid", "if"})
_UNITS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
_NUMBERS = {word: str(value) for value, word in enumerate(_UNITS.split())} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
    "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000", "dozen": "12", "twice": "2",
}  # fmt: skip
# Of German, French, Spanish, Italian and Portuguese, but for those that are English words too.
_FOREIGN = """
    zwei/2 drei/3 vier/4 fünf/5 sechs/6 sieben/7 acht/8 neun/9 zehn/10 zwölf/12 fünfzehn/15 zwanzig/20 dreißig/30
    hundert/100
    deux/2 trois/3 quatre/4 cinq/5 sept/7 huit/8 neuf/9 dix/10 douze/12 quinze/15 vingt/20 trente/30 dos/2 tres/3
    cuatro/4
    cinco/5 siete/7 ocho/8 nueve/9 diez/10 doce/12 quince/15 veinte/20 treinta/30 quattro/4 cinque/5 sette/7 otto/8
    nove/9
    dieci/10 dodici/12 quindici/15 venti/20 trenta/30 dois/2 três/3 quatro/4 sete/7 oito/8 dez/10 vinte/20 trinta/30
"""
_NUMBERS |= dict(pair.split("/") for pair in _FOREIGN.split())
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
# What people write in several ways, as one of them.
_WAYS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), way)
    for pattern, way in (
        (r"\bper cent\b|%", " percent "),
        (
            r"\b(?:at (?:the )?most|(?:not|no|never) (?:more|longer|later|higher) than|a maximum of|up to|"
            r"not exceeding)\b",
            " atmost ",
        ),
        (r"\b(?:at (?:the very )?least|(?:not|no) (?:less|fewer|earlier|lower) than|a minimum of)\b", " atleast "),
        (r"\b(?:more than|over|exceeding|in excess of)(?=\s+(?:\d|[a-z]+ (?:hundred|thousand|percent)))", " exceeds "),
        (r"(?:\bnot|n['’]t) free(?: of charge)?(?! (?:of|from)\b)\b", " with cost "),
        (
            r"\b(?:free of charge|for free|at no (?:extra )?(?:cost|charge)|costs? nothing|costless|"
            r"(?:is|are|be|it's|completely|entirely) free(?! (?:of|from)\b))(?=\W|$)",
            " without cost ",
        ),
        (
            r"\bpay(?:s|ing)? nothing\b|\b(?:not|n[o']t) (?:be )?charged\b|\bno (?:fee|charge|cost)s?\b",
            " without cost ",
        ),
        (r"\b(?:free (?:of|from)|contains? no|without any)\s", " without "),
        (r"\b([a-z]{3,})-free\b", r" without \1 "),
        (
            r"\b(?:forbidden|prohibited|not (?:be )?(?:allowed|permitted)|may not|must ?n[o']t|must not|"
            r"can(?:not| not|['’]t))\b",
            " not allowed ",
        ),
        (r"\b(?:excluded|not (?:be )?(?:covered|insured|part of))\b", " not insured "),
        (r"\b(?:a|one|per|each|every) week\b", " 7 days "),
        (r"\b(?:two|2) weeks\b", " 14 days "),
        (r"\b(?:three|3) weeks\b", " 21 days "),
        (r"\b(?:annually|yearly|(?:a|per|each|every) (?:year|annum))\b", " per year "),
        (r"\b(?:monthly|(?:a|per|each|every) month)\b", " per month "),
        (r"\b(?:daily|(?:a|per|each|every) day|in one day)\b", " per day "),
        (r"\ba fifth\b", " 20 percent "),
        (r"\ba quarter of\b", " 25 percent of "),
        (r"\bhalf (?:of )?the\b", " 50 percent of the "),
    )
)
_PARTICLE = re.compile(
    r"^\W*(?:no|yes|yeah|nope|correct|exactly|nein|ja|non|oui|s[ií]|n[aã]o|sim)\s*[,.!;:–—-]\s+", re.IGNORECASE
)
_CLOCK = re.compile(r"\b(\d{1,2})(?:[:.](\d\d))?\s*([ap])\.?m\b\.?", re.IGNORECASE)
_OPPOSITES = """
    atmost/atleast atmost/exceeds month/year day/year day/month week/month week/year hours/minutes hours/days
    days/weeks days/months weeks/months
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


def without_particle(text: str) -> str:
    """An answer without a leading "No," or "Yes,": it answers a question, and denies nothing of what follows."""
    return _PARTICLE.sub("", text)


def plain(text: str) -> str:
    """A text with one way to say what people write in several: bounds, prohibitions, what is free, spans, the clock."""
    for pattern, way in _WAYS:
        text = pattern.sub(way, text)
    return _CLOCK.sub(_hour, text)


def _hour(match: re.Match[str]) -> str:
    hour = int(match[1]) % 12 + (12 if match[3] in "pP" else 0)
    return f"{hour}:{match[2]} o'clock" if match[2] and match[2] != "00" else f"{hour} o'clock"


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
    text = plain(_LIST_MARK.sub(" ", _CITATION.sub(" ", text)))
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


def denials(words: Sequence[Token]) -> int:
    """How many words deny or restrict something."""
    return sum(token.word in NEGATIONS or token.word in _RESTRICTIONS or token.word.endswith("n't") for token in words)


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
    return {word: rank for rank, word in enumerate(lexicon.vocabulary())}
