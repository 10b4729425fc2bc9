"""NAME and ADDRESS in free text: the tagger's spans, checked and completed by a few rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.bedrock.detectors.pii import lexicon, tagger
from local.bedrock.detectors.spans import Span

# Recall comes first: a raw name that slips through is worse than a masked word (measured by bench/pii.py).
_BIAS = 0.0

_CAP = r"[A-Z\u00c0-\u00de\u0100-\u024f\u0400-\u042f\u0391-\u03a9][\w'’-]{0,30}"
_PARTICLES = r"(?:(?:van|von|de|der|den|del|della|la|le|bin|ibn|al|el|da|dos|di|du|ter|ten) ){0,3}"
_FULL = rf"{_CAP}(?:\.? {_PARTICLES}{_CAP}){{0,3}}"
_TITLE = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Lady|Herr|Frau|Madame|Monsieur)\b\.?"
_TITLED = re.compile(rf"(?<!\w){_TITLE} (?P<value>{_FULL})")
_INTRODUCED = re.compile(
    r"(?i)\b(?:my|his|her|patient(?:'s)?|customer(?:'s)?|client(?:'s)?|the)? ?(?:full |first |last |maiden |sur)?name"
    rf"(?:(?:'s| is|:| =)|s are) (?-i:(?P<value>{_FULL}))"
)
_GLUE = frozenset("@_=#\\")
_NOT_NAMES = frozenset({"drug", "day", "country", "med"})
_WORD = re.compile(r"[^\W\d_]+")


def _plausible(text: str) -> bool:
    """Whether some word is not a common one: "Name: Required" names nobody."""
    common = lexicon.words("common_words")
    return any(word.lower() not in common and lexicon.word_class(word.lower()) is None for word in _WORD.findall(text))


def _rules(text: str) -> Iterator[Span]:
    """Names after a title or after "name is"."""
    for pattern in (_TITLED, _INTRODUCED):
        for match in pattern.finditer(text):
            start, end = match.span("value")
            if text[start:end].endswith(("'s", "’s")):
                end -= 2
            if _plausible(text[start:end]):
                yield Span(start, end, "NAME", 0.8)


def find(text: str) -> list[Span]:
    """Candidates for NAME and ADDRESS; they may overlap one another."""
    spans = [span for raw in tagger.find(text, bias=_BIAS) if (span := _checked(text, raw))]
    return [*spans, *_repeated(text, spans), *_rules(text)]


_PLACE_CLASSES = frozenset({"street", "unit", "box"})


def _checked(text: str, span: Span) -> Span | None:
    """The tagger's span without marks at its ends; None for what no name or address looks like."""
    start, end = span.start, span.end
    while start < end and not text[start].isalnum():
        start += 1
    if start == end or (start and text[start - 1] in _GLUE) or (end < len(text) and text[end] in _GLUE):
        return None  # a piece of an identifier, key or e-mail address
    if (start and text[start - 1].isalnum()) or (end < len(text) and text[end].isalnum()):
        return None
    words = _WORD.findall(text[start:end])
    lower = [word.lower() for word in words]
    if span.label == "ADDRESS":
        sound = any(map(str.isdigit, text[start:end])) and any(len(word) > 1 for word in words)
        sound |= any(lexicon.word_class(word) in _PLACE_CLASSES for word in lower) and len(words) > 1
        return Span(start, end, span.label, span.score) if sound else None
    names = lexicon.names()
    common = lexicon.words("common_words")
    if not words or all(
        (word in common and word not in names) or lexicon.word_class(word) in _NOT_NAMES for word in lower
    ):
        return None
    if all(len(word) <= 5 and word.isupper() for word in words) and not names.intersection(lower):
        # an abbreviation, unless the whole text is shouted
        return None if not text.isupper() else Span(start, end, span.label, span.score)
    return Span(start, end, span.label, span.score)


def _repeated(text: str, spans: list[Span]) -> Iterator[Span]:
    """Parts of a full name that stand alone elsewhere in the text: "Sarah Johnson ... Johnson said"."""
    common = lexicon.words("common_words")
    parts: set[str] = set()
    for span in spans:
        words = _WORD.findall(text[span.start : span.end])
        if span.label == "NAME" and len(words) >= 2:
            parts.update(word for word in words if len(word) > 2 and word[0].isupper() and word.lower() not in common)
    if parts:
        for match in _WORD.finditer(text):
            if match.group() in parts:
                yield Span(match.start(), match.end(), "NAME", 0.7)
