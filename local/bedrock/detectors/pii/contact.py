"""E-mail addresses and telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.bedrock.detectors.pii.rules import Rule, apply, context, near
from local.bedrock.detectors.spans import Span

_EMAIL = (
    Rule("EMAIL", re.compile(r"(?<![\w.+%-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}(?![\w-])"), 0.99),
    Rule("EMAIL", re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@\[?(?:\d{1,3}\.){3}\d{1,3}\]?"), 0.9),
    Rule("EMAIL", re.compile(r"(?i)(?<![\w.])[\w.+-]{1,64} ?[(\[{] ?at ?[)\]}] ?[\w-]{1,63}"
                             r"(?: ?(?:[(\[{] ?dot ?[)\]}]|\.) ?[\w-]{2,24}){1,4}"), 0.95),
    Rule("EMAIL", re.compile(r"(?i)(?<![\w.])[\w.+-]{1,64} at [\w-]{1,63}(?: dot [\w-]{2,24}){0,3} dot "
                             r"(?:com|org|net|edu|gov|io|co|uk|de|fr|ca)\b"), 0.9),
)  # fmt: skip

_WORDS = context(
    r"(?:tele)?phones?|tel|call(?:ed|ing)?(?: me| us| him| her| back)?|mobile|cell(?:phone)?|fax|whats ?app|"
    r"text (?:me|us|him|her)|texted|sms|reach(?:ed)? (?:me|us|him|her|out)|dial|ring|contact(?: (?:me|us|number))?|"
    r"landline|hotline|callback|voicemail|registered number|my number|number is|ph|office line|extension|mob|pager|"
    r"emergency contact|home|work|office|answer(?:ing|ed|s)?|pick(?:ing|ed)? up|hung up"
)
_NOT_PHONE = context(
    r"order|invoice|ticket|case|reference|ref|tracking|serial|sku|isbn|version|population|item|batch|lot|doi|pmid|id|model|"
    r"part number|policy number|confirmation|booking|transaction"
)
_EXTENSION = r"(?:,? ?(?:x|ext\.?|extension) ?\d{1,6})?"
_L, _R = r"(?<![\w.$€£#])(?<!\d[-/,])", r"(?!\w)(?![-/.,]\d)(?! ?[%°])"
_FORMS = (
    # international: +49 (0)69 1234 5678
    (re.compile(rf"(?<![\w+])\+\d{{1,3}}(?:[ .\-/]?\(\d{{1,4}}\))?(?:[ .\-/]?\d){{5,13}}{_EXTENSION}(?!\d)"), 0.95),
    (re.compile(rf"(?<!\w)00\d{{2,3}}(?:[ .\-/]\d{{1,9}}){{2,5}}{_EXTENSION}{_R}"), 0.85),
    (re.compile(rf"(?<![\w(])(?:\+?1[ .-]?)?\([2-9]\d\d\) ?\d{{3}}[ .\-]?\d{{4}}{_EXTENSION}{_R}"), 0.97),
    (re.compile(rf"{_L}(?:1[ .\-])?\d{{3}}([ .\-])\d{{3}}[ .\-]\d{{4}}{_EXTENSION}{_R}"), 0.8),
    (re.compile(rf"(?<![\w(])\(0\d{{1,5}}\)(?:[ .\-/]?\d){{5,9}}{_EXTENSION}{_R}"), 0.95),
    # national with a trunk zero: 020 7946 0958, 06 12 34 56 78, 0171/1234567
    (re.compile(rf"{_L}0\d{{1,5}}(?:[ .\-/]\d{{2,8}}){{1,4}}{_EXTENSION}{_R}"), 0.7),
    (re.compile(rf"(?<![\w(])\(\d{{2,4}}\) ?\d{{3,4}}[ .\-]\d{{3,4}}{_EXTENSION}{_R}"), 0.75),
    (re.compile(rf"{_L}\d\d([ .\-])\d\d\1\d\d\1\d\d{_R}"), 0.6),
    (re.compile(rf"{_L}555-\d{{4}}{_EXTENSION}{_R}"), 0.7),
)
# Any other grouping counts only next to a word such as "call".
_LOOSE = re.compile(rf"{_L}\(?\d{{1,5}}\)?(?:[ .\-/]?\(?\d{{1,8}}\)?){{1,6}}{_EXTENSION}{_R}")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}")


def _digits(text: str) -> int:
    """How many digits the text has before its extension."""
    return sum(map(str.isdigit, re.split(r"[xe]", text, maxsplit=1)[0]))


def _phones(text: str) -> Iterator[Span]:
    """Telephone numbers by their form, surer next to words of telephoning."""
    for pattern, score in _FORMS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not 7 <= _digits(match.group()) <= 15 or _DATE.fullmatch(match.group()):
                continue
            if near(text, start, end, _WORDS, 40):
                yield Span(start, end, "PHONE", min(1.0, score + 0.05))
            elif score >= 0.8 or not near(text, start, end, _NOT_PHONE, 30, 0):
                yield Span(start, end, "PHONE", score)
    for match in _LOOSE.finditer(text):
        if 6 <= _digits(match.group()) <= 15 and not _DATE.fullmatch(match.group()):
            start, end = match.span()
            if near(text, start, end, _WORDS, 40, 12) and not near(text, start, end, _NOT_PHONE, 30, 0):
                yield Span(start, end, "PHONE", 0.62)


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    return [*apply(_EMAIL, text), *(_phones(text) if any(map(str.isdigit, text)) else ())]
