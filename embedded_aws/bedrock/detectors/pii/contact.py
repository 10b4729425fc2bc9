"""E-mail addresses and telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from embedded_aws.bedrock.detectors.pii import phones
from embedded_aws.bedrock.detectors.pii.rules import Rule, apply, context, near
from embedded_aws.bedrock.detectors.text.spans import Span

_EMAIL = (
    # a capital after small letters and a full stop begins the next sentence: "to jane@example.com.Please"
    Rule("EMAIL", re.compile(r"(?<![\w%+])[\w%+][\w.+%'-]{0,63}@(?:[\w-]{1,63}\.){1,6}?"
                             r"(?:(?<=[a-z\d]\.)[a-z]{2,24}(?=\.[A-Z])|[^\W\d_]{2,24}(?![\w-]|\.[^\W\d_]))"),
         0.99),
    Rule("EMAIL", re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@\[?(?:\d{1,3}\.){3}\d{1,3}\]?"), 0.9),
    Rule("EMAIL", re.compile(r"(?i)(?<![\w.])[\w.+-]{1,64} ?[(\[{] ?at ?[)\]}] ?[\w-]{1,63}"
                             r"(?:(?: ?[(\[{] ?dot ?[)\]}] ?|\.)[\w-]{2,24}){1,4}"), 0.95),
    Rule("EMAIL", re.compile(r"(?i)(?<![\w.])[\w.+-]{1,64} at [\w-]{1,63}(?: dot [\w-]{2,24}){0,3} dot "
                             r"(?:com|org|net|edu|gov|io|co|uk|de|fr|ca)\b"), 0.9),
)  # fmt: skip

PHONE_WORDS = context(
    r"(?:tele)?phones?|tel|call(?:ed|ing)?(?: me| us| him| her| back)?|mobile|cell(?:phone|ular)?|fax|whats ?app|"
    r"text|texted|sms|message|reach(?:ed)?|dial|ring|contact(?: number)?|landline|hotline|callback|voicemail|"
    r"toll[- ]free|registered number|my number|number is|ph|office line|extension|mob|pager|emergency contact|"
    r"home|work|office|answer(?:ing|ed|s)?|pick(?:ing|ed)? up|hung up|"
    # the same in Spanish, French, German, Italian, Portuguese, Dutch, Swedish, Norwegian, Danish, Polish
    r"llama(?:r|me|dme)?|ll[aá]m[ae](?:me|nos|r)|tel[eé]fono|m[oó]vil|celular|fijo|t[eé]l[eé]phone|num[eé]ro|portable|"
    r"appelez|joindre|rufen|anrufen|telefon(?:nummer)?|handy|mobil|durchwahl|chiam[ai](?:mi|ci|re)?|cellulare|telefono|"
    r"telefone|ligue|telem[oó]vel|bel|bellen|telefoon|ring meg|numer|zadzwo[nń]"
)
NOT_PHONE = context(
    r"order|invoice|ticket|case|reference|ref|tracking|serial|sku|isbn|issn|version|population|item|batch|lot|doi|pmid|id|"
    r"model|part number|policy number|confirmation|booking|transaction|rma|permit|purchase|po|receipt|refund|flight|mrn"
)
_EXTENSION = r"(?:,? ?(?:x|ext\.?|extension|durchwahl) ?\d{1,6})?"
_L, _R = r"(?<![\w.$€£#])(?<!\d[-/,])", r"(?!\w)(?![-/.,]\d)(?! ?[%°$€£])"
_COUNTRY = r"(?:\(\+?\d{1,3}\)|\+?[178])[ .\-]?"  # before an area code: (351), +1, Russia's 8
_FORMS = (
    # international: +49 (0)69 1234 5678, (+30) 2251 027346
    (
        re.compile(
            r"(?<![\w+])\(?\+\d{1,3}\)?(?:[ .\-/]?\(\d{1,4}\))?(?:[ .\-/]?\d){5,13}(?:[ -]\d{1,4})?"
            rf"{_EXTENSION}(?!\d)"
        ),
        0.95,
    ),
    (re.compile(rf"(?<![\w+])00[1-9]\d{{0,2}}(?:[ .\-/]?\d){{7,12}}{_EXTENSION}{_R}"), 0.85),
    (
        re.compile(
            rf"(?<![\w(])(?:{_COUNTRY})?\([2-9]\d\d\) ?\d{{3}}[ .\-]?(?:\d{{4}}|\d\d[ .\-]\d\d){_EXTENSION}{_R}"
        ),
        0.97,
    ),
    (re.compile(rf"{_L}(?:{_COUNTRY})?\d{{3}}([ .\-])\d{{3}}[ .\-]\d{{4}}{_EXTENSION}{_R}"), 0.8),
    (re.compile(rf"(?<![\w(])\(0\d{{1,5}}\)(?:[ .\-/]?\d){{5,9}}{_EXTENSION}{_R}"), 0.95),
    # national with a trunk zero: 020 7946 0958, 06 12 34 56 78, 0171/1234567, 06/ 981 98 46
    (
        re.compile(
            rf"{_L}(?<!\d )0\d{{1,5}}[ .\-/]{{1,2}}\d{{2,8}}(?:[ .\-/]\d{{2,8}}){{0,4}}(?:-\d)?{_EXTENSION}{_R}"
        ),
        0.7,
    ),
    (re.compile(rf"(?<![\w(])\(\d{{2,4}}\) ?\d{{3,4}}(?:[ .\-]\d{{3,4}}){{1,2}}{_EXTENSION}{_R}"), 0.75),
    (re.compile(rf"{_L}(?<!\d )\d\d([ .\-])\d\d\1\d\d\1\d\d(?:\1\d\d)?{_R}"), 0.6),
    (re.compile(rf"{_L}555-\d{{4}}{_EXTENSION}{_R}"), 0.7),
    # in one piece, with the trunk zero
    (re.compile(rf"{_L}0[1-9]\d{{8,9}}{_R}"), 0.5),
)
# Any other grouping counts only next to a word such as "call".
_LOOSE = re.compile(rf"{_L}\(?\d{{1,5}}\)?(?:[ .\-/]{{0,2}}\(?\d{{1,8}}\)?){{1,6}}{_EXTENSION}{_R}")
_DATE = re.compile(
    r"(?:(?:19|20)\d\d([./-])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])|"
    r"(?:0?[1-9]|[12]\d|3[01])([./-])(?:0?[1-9]|[12]\d|3[01])\2(?:\d\d|(?:19|20)\d\d))(?:[ ,T]+\d\d?)?"
)
_YEARS = re.compile(r"(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d")


_SOME_DIGITS = re.compile(r"\d(?:[^\w\n]{0,3}\d){5}")
_AT = re.compile(r"(?i)[\s(\[{]at[\s)\]}]")


def _digits(text: str) -> int:
    """How many digits the text has before its extension."""
    return sum(map(str.isdigit, re.split(r"[xed]", text, maxsplit=1)[0]))


def no_phone(text: str, least: int) -> bool:
    """Whether a match is a date, a pair of years or has too few or too many digits."""
    return not least <= _digits(text) <= 15 or bool(_DATE.fullmatch(text) or _YEARS.fullmatch(text))


def _phones(text: str) -> Iterator[Span]:
    """Telephone numbers by their form, surer next to words of telephoning."""
    for pattern, score in _FORMS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if no_phone(match.group(), 7):
                continue
            if match.group().startswith("+") and match.group()[-1].isdigit() and " " in match.group():
                end = start + len(phones.whole(match.group()))
            if near(text, start, end, PHONE_WORDS, 40):
                yield Span(start, end, "PHONE", min(1.0, score + 0.05))
            elif score >= 0.8 or not near(text, start, end, NOT_PHONE, 30, 0):
                yield Span(start, end, "PHONE", score)
    for match in _LOOSE.finditer(text):
        start, end = match.span()
        if no_phone(match.group(), 6):
            continue
        if near(text, start, end, PHONE_WORDS, 40, 12) and not near(text, start, end, NOT_PHONE, 30, 0):
            yield Span(start, end, "PHONE", 0.62)
    yield from phones.find(text)


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    return [
        *(apply(_EMAIL, text) if "@" in text or _AT.search(text) else ()),
        *(_phones(text) if _SOME_DIGITS.search(text) else ()),
    ]
