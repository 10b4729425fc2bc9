"""Numbers of identity papers and vehicles, known by the words that introduce them."""

from __future__ import annotations

import re

from embedded_aws.bedrock.detectors.pii.rules import Rule, apply, context
from embedded_aws.bedrock.detectors.text.spans import Span

_LINK = r"[^\n\d.;!?]{0,30}?(?<![\w-])"


def _some_digits(text: str) -> bool:
    """At least one quarter of the characters, and two, are digits."""
    digits = sum(map(str.isdigit, text))
    return digits >= 2 and digits * 4 >= len(text)


_PLATE_LABEL = (
    r"(?i:licen[sc]e plates?|number plates?|licen[sc]e tag|plates?(?: (?:number|no\.?|#))?|vehicle registration|"
    r"registration(?: (?:number|no\.?|plate))?|\breg\.?(?: (?:number|no\.?))?|tag number|"
    r"kennzeichen|immatricul\w+|plaque|matr[ií]cula|placa|targa|kenteken)"
)
_RULES = (
    Rule("US_PASSPORT_NUMBER",
         re.compile(rf"\b(?i:passport(?: no\.| num\.)?){_LINK}"
                    rf"(?P<value>(?=\w{{6,9}}(?!\w))[A-Za-z]{{0,2}}\d{{4,9}})(?!\w)"), 0.95),
    Rule("US_PASSPORT_NUMBER",
         re.compile(r"(?<!\w)(?P<value>[A-Z]?\d{8,9})(?!\w)[^\n\d.;!?]{0,20}\b(?i:passport)\b"), 0.8),
    Rule("DRIVER_ID",
         re.compile(rf"\b(?i:driv(?:er|ing)(?:'?s|s')? ?(?:licen[sc]e|id|permit|lic\.?)|(?<!/)DLN?\b|"
                    rf"licen[sc]e (?:number|no\.?|num|id|#))"
                    rf"{_LINK}(?P<value>(?=[A-Za-z\d -]*\d)"
                    rf"(?:[A-Z]{{1,7}}[ -]?|[a-z]{{1,3}})?"
                    rf"\d[A-Za-z\d]{{0,19}}(?:[ -][A-Za-z\d]*\d[A-Za-z\d]*){{0,4}})(?![\w])"),
         0.92, _some_digits),
    # UK: sixteen or eighteen characters that encode surname and birth date
    Rule("DRIVER_ID", re.compile(r"(?<!\w)[A-Z9]{5}\d[0156]\d[0-3]\d\d[A-Z9]{2}\d[A-Z]{2}(?: ?\d\d)?(?!\w)"), 0.9),
    Rule("LICENSE_PLATE",
         re.compile(rf"\b{_PLATE_LABEL}(?![^\W_]){_LINK}"
                    rf"(?P<value>(?=[A-Z\d -]*\d)[A-Z\d]{{1,4}}(?:[ -]?[A-Z\d]{{1,4}}){{0,2}})(?![\w-])"),
         0.92, lambda text: 4 <= len(re.sub(r"[ -]", "", text)) <= 8),
    Rule("LICENSE_PLATE", re.compile(r"(?<![\w-])[A-Z]{2}\d\d ?[A-Z]{3}(?![\w-])"), 0.6),
    Rule("LICENSE_PLATE", re.compile(r"(?<![\w-])(?:\d?[A-Z]{2,3}[ -]?\d{3,4}|\d{3}[ -]?[A-Z]{3})(?![\w-])"), 0.0, None,
         context(r"licen[sc]e plates?|plates?|my car|number plate|parked|tags?|reg|registration"), 0.75),
)  # fmt: skip


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    return apply(_RULES, text) if any(map(str.isdigit, text)) else []
