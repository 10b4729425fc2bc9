"""NAME and ADDRESS in free text."""

from __future__ import annotations

import re

from local.bedrock.detectors.pii import lexicon
from local.bedrock.detectors.pii.rules import Rule, apply
from local.bedrock.detectors.spans import Span

_CAP = r"[A-Z\u00c0-\u024f][\w'’-]{0,30}"
_FULL = rf"{_CAP}(?: (?:(?:van|von|de|der|den|del|della|la|le|bin|al|el|da|dos|di|du|ter|ten)\b ?){{0,3}}(?:{_CAP}|[A-Z]\.)){{0,3}}"
_TITLE = r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Sir|Dame|Lord|Lady|Rev|Nurse|Doctor)\b\.?"
_SAID = r"(?i:my name is|my name's|i am called|call me|name ?:|named|this is|patient ?:|name is|signed,?|regards,|sincerely,|dear|hi|hello)"
_RULES = (
    Rule("NAME", re.compile(rf"\b{_TITLE}\s+(?P<value>{_FULL})"), 0.93),
    Rule("NAME", re.compile(rf"\b{_SAID}\s+(?:{_TITLE} )?(?P<value>{_FULL})"), 0.0, None),
)
_CANDIDATE = re.compile(_FULL)


def find(text: str) -> list[Span]:
    """Names by title, and by a given name followed by a capitalised word."""
    spans = apply(_RULES, text)
    first = lexicon.words("first_names")
    last = lexicon.words("last_names")
    for match in _CANDIDATE.finditer(text):
        parts = match.group().lower().replace("’", "'").removesuffix("'s").split()
        if len(parts) >= 2 and parts[0] in first and (parts[-1] in last or parts[-1] in first):
            spans.append(Span(match.start(), match.start() + len(match.group()), "NAME", 0.8))
    return spans
