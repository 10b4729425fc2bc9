"""Which findings of the taggers are believed.

In German, French, Spanish, Portuguese and Italian precision comes first: a name needs a listed given name, or a title
or phrase before it (tongues.py), and an address a kind of street or a postal code. German nouns have capitals, and many
are family names. In English a single word is doubted where ordinary words look like names: at the start of a sentence,
in small letters among capitals, as the value of a field.
"""

from __future__ import annotations

import re

from embedded_aws.bedrock.detectors.text import lexicon
from embedded_aws.bedrock.detectors.text.languages import identified
from embedded_aws.bedrock.detectors.text.lexicon import listed
from embedded_aws.bedrock.detectors.text.spans import Span

_PARTICLES = listed(
    "van von de der den del della delle degli di da das do dos du des la le los las e y zu zum zur el al d l"
)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?\.?")
_STREET = re.compile(
    r"(?:straße|strasse|str\.|weg|gasse|platz|allee|ring|ufer|damm|stieg|hof)\b|"
    r"(?<!\w)(?:rue|avenue|av\.|boulevard|bd\.?|place|chemin|impasse|allée|quai|route|cours|passage|calle|c/|avenida|"
    r"avda\.?|plaza|paseo|camino|ronda|carrera|rua|travessa|praça|largo|alameda|estrada|via|viale|piazza|corso|vicolo|"
    r"strada|borgo|contrada|rotonda|urbanización|privada|prolongación|callejón|viela|vila|sítio|condomínio|"
    r"am|an der|im|in den|auf der|zum|zur)(?!\w)",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<!\d)(?:\d{4,5}|\d{4}-\d{3}|\d{5}-\d{3})(?!\d)[ -]+[^\W\d_]")


def is_address(text: str) -> bool:
    """Whether an address has a number, and a kind of street or a postal code before a town."""
    return any(map(str.isdigit, text)) and bool(_STREET.search(text) or _CODE.search(text))


def address_end(text: str, start: int, end: int) -> int:
    """The end of an address without the words of the sentence after its town."""
    codes = list(_CODE.finditer(text, start, end))
    if not codes:
        return end
    town = codes[-1].end() - 1
    for token in _TOKEN.finditer(text, town, end):
        small = token.group()[0].islower() and token.group().lower() not in _PARTICLES
        if small or _SENTENCE_END.search(text, town, token.start()):
            return town + len(text[town : token.start()].rstrip(" ,;.-"))
    return end


_SENTENCE_END = re.compile(r"[.!?] +\Z")


def believable(text: str, start: int, end: int, score: float, common: frozenset[str]) -> Span | None:
    """The believable part of a finding: its words with capitals and the particles between them, if one is a given name
    and no ordinary word. In a text without capitals two words are needed.

    Besides German, two words with capitals within a sentence are enough if neither is ordinary.
    """
    small = text.islower()
    tokens = list(_TOKEN.finditer(text, start, end))
    if not small:
        while tokens and not tokens[0].group()[0].isupper():
            tokens.pop(0)
        for number, token in enumerate(tokens):
            if not (token.group()[0].isupper() or token.group().lower() in _PARTICLES):
                del tokens[number:]
                break
        while tokens and not tokens[-1].group()[0].isupper():
            tokens.pop()
    if not tokens or (small and len(tokens) < 2):
        return None
    parts = [part for token in tokens for part in re.split(r"['’.]", token.group().lower()) if part not in _PARTICLES]
    first, last = tokens[0].start(), tokens[-1].end() - tokens[-1].group().endswith(".")
    if not parts or _STREET.match(text, first, last):
        return None
    starts = bool(_START.search(text, max(0, first - 8), first))
    german = _has_nouns_in_capitals(text)
    proper = len(parts) > 1 and not (small or starts or common.intersection(parts)) and not german
    if not proper and not _persons(parts, common, family=not german):
        return None
    if starts and not small and (len(tokens) == 1 or parts[0] in common) and _SMALL_NEXT.match(text, last):
        return None
    if len(tokens) == 1 and parts[0] in lexicon.words("cities") and _PREPOSITION.search(text, max(0, first - 8), first):
        return None
    return Span(first, last, "NAME", score)


_PREPOSITION = re.compile(r"(?i)(?<!\w)(?:a|ad|in|en|em|au|nach|aus|desde|bis|via)\s\Z")


def _has_nouns_in_capitals(text: str) -> bool:
    """Whether the text is German."""
    return identified(text)[0] in ("de", "nds", "als", "lb")


_ORDINARY = listed("art santa santo real genre mal alt gold grün stein sommer winter berg stern vito")
"""Words in lists of given names that are something else first of all in one of these languages."""


def _persons(parts: list[str], common: frozenset[str], *, family: bool) -> bool:
    """Whether the words have a given name that is no ordinary word, or, with `family`, a family name if none is
    ordinary.
    """
    given = lexicon.words("first_names")
    if any(part in given and part not in common and part not in _ORDINARY and len(part) > 2 for part in parts):
        return True
    return (
        family
        and len(parts) > 1
        and not common.intersection(parts)
        and not lexicon.words("last_names").isdisjoint(parts)
    )


_START = re.compile(r"(?:^|[.!?:;\n])[\"'“(*#>\s-]*\Z")
_SMALL_NEXT = re.compile(r" (?P<next>[^\W\d_A-ZÀ-Þ]+)")
# What follows a person's name at the start of a sentence, seldom a noun's.
_PERSONAL = listed(
    "said says asked asks told tells called calls wrote writes went came comes lives lived works worked wants wanted "
    "needs needed likes loves hates met meets has had thinks knows feels visited moved married died spoke speaks took "
    "takes turned spent bought sold paid sent got gave left kept found lost held led ran began became saw won was is"
)
_NOUNS_NEXT = listed("is was has had takes took needs comes became began ran held led left")
"""Of these, those that follow a noun as well: they do not save a word that is written small more often than not."""
_SAID_OF_THINGS = re.compile(r" (?:is|was|are|were|has been|have been|will be|can be|must be|may be) ([a-z]+)")
_OF_THINGS = listed(
    "kept stored located needed delivered cleaned replaced ordered available included made sold used provided served "
    "open closed free empty full installed produced printed shipped added removed charged payable due applied"
)
"""What is said of things and seldom of persons: "Toner is kept in the cabinet", although Toner is a family name."""
_FIELD = re.compile(r"(?:^|[\n,;{|])\s*\"?(?P<key>[A-Za-z][\w .-]{0,30}?)\"? ?[:=] ?\"?\Z")
_FIELD_END = re.compile(r"\"?\s*(?:[,;}|\n]|\Z)")
_PERSONS = re.compile(
    r"(?i:name|(?<![a-z])(?:user|customer|client|patient|person|contact|author|owner|sender|recipient|from|to|by|attn|doctor|nurse|"
    r"employee|assignee|manager|agent|caller|member|tenant|student|teacher|parent|mother|father|spouse|husband|wife|son|"
    r"daughter|insured|applicant|holder|signed|cc|dear|surgeon|physician|guest|driver|witness|reporter|requester|assigned|"
    r"creator|lead|speaker|host|beneficiary|payee|who|alias|kin|guardian|attending|consultant|provider|child|partner|me|"
    r"claimant|sibling|friend|boss|interviewer|moderator|attendees?|participants?|notes?|subject|re|case)s?(?![a-z]))"
)


# Given names that are first of all plants, spices, stones and the like: no help in lists of ingredients.
THINGS = listed(
    "rosemary basil ginger sage olive cherry orange kiwi rose violet iris lily daisy holly ivy hazel amber ruby pearl "
    "jade crystal clementine juniper saffron reed beta delta gala pepper honey berry carol penny frank"
)


_ARTICLES = listed("a an the to my your")
_IN_THE_CALENDAR = re.compile(
    r"(?:(?:Year['’]s|Christmas|Halloween) Eve|(?:in|since|until|till|before|during|of|next|last|this|early|late|mid|"
    r"end of|(?<!ed )(?<!en )by) (?:April|May|June|August))\Z"
)


def _ordinary(lower: str) -> bool:
    """Whether a word is one that is no name first of all."""
    return lower in lexicon.words("small_words") or lower in lexicon.words("common_words") or lower in THINGS


def _no_person(words: list[str], *, casual: bool) -> bool:
    """Whether words in small letters are no name: "brew beer" and "nail an" are in the lists of names, too."""
    if casual:
        return not _ARTICLES.isdisjoint(words)
    return not lexicon.names().issuperset(words) or _ordinary(words[0]) or not _given(words[0])


def doubtful(text: str, start: int, end: int) -> bool:
    """Whether an English finding of one word is more likely an ordinary word, a brand or a field's value."""
    word = text[start:end]
    if _IN_THE_CALENDAR.search(text, max(0, start - 12), end):
        return True
    if " " in word or "\n" in word:
        return word.islower() and _no_person(word.split(), casual=text.islower())
    listed_names = lexicon.names()
    lower = word.lower()
    ordinary = _ordinary(lower)
    if word.islower() and not text.islower():
        return ordinary or not _given(word)
    if lower in ("sirs", "madams"):
        return True
    if lower in lexicon.words("cities") and _is_place(text, start, end):
        return True
    field = _FIELD.search(text, max(0, start - 40), start)
    if field and _FIELD_END.match(text, end) and not _PERSONS.search(field["key"]):
        thing = lower in lexicon.words("cities") or lexicon.word_class(lower) is not None
        return ordinary or thing or lower not in listed_names
    if word.isupper() or not _START.search(text, max(0, start - 8), start):
        return False
    following = _SMALL_NEXT.match(text, end)
    if following is None:
        return False
    if (
        lower not in lexicon.words("first_names")
        and (said := _SAID_OF_THINGS.match(text, end))
        and said[1] in _OF_THINGS
    ):
        return True
    if ordinary:
        return following["next"] not in _PERSONAL - _NOUNS_NEXT
    town = lower in lexicon.words("cities") and lower not in lexicon.words("first_names")
    return (town or lower not in listed_names) and following["next"] not in _PERSONAL


_CITY_BEFORE = re.compile(r"([A-Z][a-z]+)(?: and | or |, | to | & |/)\Z")
_CITY_AFTER = re.compile(r"(?: and | or |, | to | & |/)([A-Z][a-z]+)")


_PLACE_BEFORE = re.compile(r"(?i)\b(?:in|at|near|our|the|via|outside|around|to|from|and|or)\s\Z")


def _is_place(text: str, start: int, end: int) -> bool:
    """Whether a city's name is used for the city: after "in", or next to another one ("Austin and Charlotte")."""
    cities, given = lexicon.words("cities"), lexicon.words("first_names")
    if text[start:end].lower() not in given and _PLACE_BEFORE.search(text, max(0, start - 8), start):
        return True
    neighbours = (_CITY_BEFORE.search(text, max(0, start - 30), start), _CITY_AFTER.match(text, end))
    return any(match[1].lower() in cities for match in neighbours if match)


def _given(words: str) -> bool:
    """Whether some word is a given name and no ordinary word."""
    return any(
        word in lexicon.words("first_names")
        and word not in lexicon.words("small_words")
        and word not in lexicon.words("common_words")
        for word in re.split(r"[\s'’.-]+", words.lower())
    )
