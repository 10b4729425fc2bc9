"""NAME and ADDRESS in free text: the tagger's spans, checked and completed by a few rules."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

from embedded_aws.bedrock.detectors.pii import tagger
from embedded_aws.bedrock.detectors.pii.belief import THINGS, address_end, believable, doubtful, is_address
from embedded_aws.bedrock.detectors.pii.tongues import ABROAD, CAPITALISED, ENGLISH, Tongue
from embedded_aws.bedrock.detectors.pii.tongues import tongue as tongue_of
from embedded_aws.bedrock.detectors.text import lexicon
from embedded_aws.bedrock.detectors.text.languages import is_alphabetic
from embedded_aws.bedrock.detectors.text.spans import Span

# Recall comes first: a raw name that slips through is worse than a masked word (measured by bench/pii.py).
_BOOST = 1.4

# "im kayla", "this is priya speaking": a given name that is no other word
_SELF = re.compile(r"(?i)\b(?:i['’]?m|i am|this is|call me|name['’]?s|name is) (?P<value>[^\W\d_]{3,})(?!['’\w])")
_POSSESSIVE = re.compile(r"['’]s\b")
_NOT_NAMES = frozenset({"drug", "day", "country", "med", "group", "title", "food", "brand", "tech", "culture", "job"})
_WORD = re.compile(r"[^\W\d_]+")


def _plausible(text: str, tongue: Tongue) -> bool:
    """Whether some word is not a common one: "Name: Required" contains no name."""
    words = [word.lower() for word in _WORD.findall(text)]
    if tongue is ABROAD:
        return any(word not in tongue.common or word in lexicon.names() for word in words)
    return any(word not in tongue.common and lexicon.word_class(word) is None for word in words)


def _rules(text: str, tongue: Tongue) -> Iterator[Span]:
    """Names after a title or after "name is"."""
    for pattern in (tongue.titled, tongue.introduced):
        for match in pattern.finditer(text):
            start, end = match.span("value")
            if possessive := _POSSESSIVE.search(text, start, end):
                end = possessive.start()
            if _plausible(text[start:end], tongue) and not any(map(str.isdigit, text[start:end])):
                yield Span(start, end, "NAME", 0.8)


def _introduced(text: str) -> Iterator[Span]:
    """Phrases in which people introduce themselves by their given name."""
    for match in _SELF.finditer(text):
        word = match["value"].lower()
        unclear = word in lexicon.words("common_words") or word in lexicon.words("cities") or lexicon.word_class(word)
        if word in lexicon.words("first_names") and not unclear:
            yield Span(*match.span("value"), "NAME", 0.75)


def find(text: str) -> list[Span]:
    """Candidates for NAME and ADDRESS, in texts of a language that has a tagger; they may overlap one another."""
    tongue = tongue_of(text)
    if tongue is None:
        return []
    boost = _boost if tongue is ENGLISH else _no_boost
    raw = tagger.find(text, boost, tongue.source)
    spans = [span for found in raw if (span := _checked(text, found, tongue))]
    found = [*spans, *_repeated(text, spans), *_rules(text, tongue)]
    if tongue is ENGLISH:
        found += _introduced(text)
    known = [match.end() for match in _known_organisations().finditer(text)] if found else []
    starts = [match.start() for match in _known_organisations().finditer(text)] if known else []
    return [span for span in found if span.label != "NAME" or not _within(span, starts, known)]


def _within(span: Span, starts: list[int], ends: list[int]) -> bool:
    """Whether a span shares a character with one of the stretches starts[i]:ends[i], which are sorted and separate."""
    at = bisect_right(ends, span.start)
    return at < len(starts) and starts[at] < span.end


@cache
def _known_organisations() -> re.Pattern[str]:
    """One pattern for the organisations that read like persons, longest first."""
    names = sorted(lexicon.organisations(), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")


def _no_boost(_previous: str, _token: str) -> float:
    return 0.0


def _boost(previous: str, token: str) -> float:
    """How much likelier a token is made to be part of a name, for the sake of recall.

    "O'Brien" is boosted, and a given name that is no other word, in any case; one that is ("Will", "Grace") only when
    it is capitalised in the middle of a sentence.
    """
    if token[:2] in ("O'", "O’"):
        return _BOOST
    word = token.lower()
    if len(word) < 3 or word not in lexicon.words("first_names") or word in THINGS:
        return 0.0
    if word not in lexicon.words("common_words"):
        clear = word not in lexicon.words("cities") and lexicon.word_class(word) is None
    else:
        clear = token.istitle() and previous.islower() and lexicon.word_class(word) is None
    return _BOOST if clear else 0.0


_PLACE_CLASSES = frozenset({"street", "unit", "box"})


# Diseases, laws and the like that bear a name: "Crohn's disease", "Hodgkin lymphoma", "Bayes' theorem".
_EPONYM = re.compile(
    r"(?:['’]s?)?[ -](?:disease|syndrome|lymphoma|palsy|thyroiditis|disorder|dementia|cancer|sign|test|scale|score|"
    r"laws?|theorem|principle|theory|equation|paradox|razor|catheter|virus)\b",
    re.IGNORECASE,
)
_FIELD_AT_END = re.compile(
    r"[\s,;]+(?:tel|phone|ph|fax|e-?mail|mobile|cell|contact|dob|tél|telefon|téléphone|teléfono|telefone|telefono|handy|móvil)\Z",
    re.IGNORECASE,
)
_NAMESAKES = frozenset({"virginia", "georgia"})  # states whose names are more often persons
_FIELDS = frozenset({"tel", "fax", "dob", "mrn", "ssn", "vin", "utr", "iban", "nino", "hmrc", "attn", "ref"})
# What makes a stretch a piece of an identifier, a key or an e-mail address: first_john, x1john, @john, john@.
_GLUED_BEFORE = re.compile(r"(?:[^\W_]|@|[^\W_]_)\Z")
_GLUED_AFTER = re.compile(r"[^\W_]|@|_[^\W_]")
_DIGIT = re.compile(r"\d")
_VOWEL = re.compile(r"[AEIOUY]")
_LEADING = re.compile(r"(?P<word>[^\W\d_]+)[.,]? (?=\S)")


def _checked(text: str, span: Span, tongue: Tongue) -> Span | None:
    """The tagger's span without marks at its ends; None if it cannot be a name or address."""
    start, end = span.start, span.end
    while start < end and not text[start].isalnum():
        start += 1
    if start == end or _GLUED_BEFORE.search(text, max(0, start - 2), start) or _GLUED_AFTER.match(text, end):
        return None
    if not is_alphabetic(text[start:end]):
        return None
    return (_address if span.label == "ADDRESS" else _name)(text, Span(start, end, span.label, span.score), tongue)


def _name(text: str, span: Span, tongue: Tongue) -> Span | None:
    """A name without the titles before it, which AWS excludes, and without digits; None if it is no name."""
    start, end = span.start, span.end
    while (title := _LEADING.match(text, start, end)) and tongue.is_title(title["word"]):
        start = title.end()
    if digit := _DIGIT.search(text, start, end):
        end = start + len(text[start : digit.start()].rstrip(" -,.(#\n"))
    words = _WORD.findall(text[start:end])
    if not words or _organisation(text, end, words) or _EPONYM.match(text, end) or not _somebody(text, words, tongue):
        return None
    if tongue is ABROAD:
        return believable(text, start, end, span.score, tongue.common)
    return None if doubtful(text, start, end) else Span(start, end, span.label, span.score)


def _address(text: str, span: Span, tongue: Tongue) -> Span | None:
    """An address without the name of the next field; instead of a wrong one, the name after its digits."""
    start, end = span.start, span.end
    if trailing := _FIELD_AT_END.search(text[start:end]):
        end = start + trailing.start()
    if tongue is ABROAD:
        end = address_end(text, start, end)
    there = _somewhere(text[start:end], _WORD.findall(text[start:end]))
    if there and (tongue is ENGLISH or is_address(text[start:end])):
        return Span(start, end, span.label, span.score)
    if tongue is ENGLISH:
        return None
    digits = [match.end() for match in _DIGIT.finditer(text, start, end)]
    return believable(text, max([start, *digits]), end, span.score, tongue.common)  # "91 234 56 78, Lucas Herrero"


def _somewhere(address: str, words: list[str]) -> bool:
    """Whether an address has a number or a kind of street, and more than one word: "C57BL" is a mouse."""
    sound = any(map(str.isdigit, address)) and any(len(word) > 1 for word in words)
    sound |= any(lexicon.word_class(word.lower()) in _PLACE_CLASSES for word in words) and len(words) > 1
    return sound and len(address.split()) > 1


def _somebody(text: str, words: list[str], tongue: Tongue) -> bool:
    """Whether the words may be a name: not if they are all common, a state, initials or abbreviations."""
    names = lexicon.names()
    common = tongue.common
    lower = [word.lower() for word in words]
    if all((word in common and word not in names) or lexicon.word_class(word) in _NOT_NAMES for word in lower):
        return False
    if all(lexicon.word_class(word) == "statename" and word not in _NAMESAKES for word in lower):
        return False
    if (lower[0] in _FIELDS and len(lower) == 1) or all(len(word) == 1 for word in words):
        return False
    if all(len(word) > 2 and word.isupper() and not _VOWEL.search(word) for word in words):
        return False
    abbreviated = len(words) == 1 and len(words[0]) < 5 and words[0].isupper() and lower[0] not in names
    return not abbreviated or text.isupper()


_ORGANISATION = re.compile(
    r"(?:(?: &)? [A-Z][\w'’-]*)? (?:Institute|University|Hospital|Foundation|Clinic|College|School|Museum|Inc|Ltd|"
    r"LLC|LLP|PLC|Corporation|Corp|GmbH|Center|Centre|Prize|Award|Fellowship|Airport|Street|Bank|Hotel|Restaurant|Stadium|"
    r"County|Bridge|Library|Partners|Associates|Holdings|Group|Brothers|Bros|Elementary|Memorial)\b"
)


def _organisation(text: str, end: int, words: list[str]) -> bool:
    """Whether the words up to `end` name an organisation: AWS does not mask names that are part of one."""
    return bool(_ORGANISATION.match(text, end)) or bool(_ORGANISATION.match(" " + words[-1]))


_NICKNAME = re.compile(rf"(?:, | \(|, \"| \")(?P<value>{CAPITALISED})(?=[)\";]|\s[-–—|]|$|\n)")


def _repeated(text: str, spans: list[Span]) -> Iterator[Span]:
    """Parts of a full name that are alone elsewhere ("Johnson said"), and a given name put after one in brackets."""
    common = lexicon.words("common_words")
    parts: set[str] = set()
    for span in spans:
        words = _WORD.findall(text[span.start : span.end])
        if span.label == "NAME" and len(words) >= 2:
            parts.update(word for word in words if len(word) > 2 and word[0].isupper() and word.lower() not in common)
    for span in spans:
        nickname = _NICKNAME.match(text, span.end) if span.label == "NAME" else None
        if nickname and nickname["value"].lower() in lexicon.words("first_names"):
            yield Span(*nickname.span("value"), "NAME", 0.7)
    if parts:
        for match in _WORD.finditer(text):
            if (
                match.group() in parts
                and not _EPONYM.match(text, match.end())
                and not _ORGANISATION.match(text, match.end())
            ):
                yield Span(match.start(), match.end(), "NAME", 0.7)
