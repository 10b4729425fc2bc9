"""Ages: a quantity with its unit of time, as AWS documents it ("40 years" in "I am 40 years old")."""

from __future__ import annotations

import re

from embedded_aws.bedrock.detectors.pii.rules import Rule, apply
from embedded_aws.bedrock.detectors.text.spans import Span

_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_NUMBER = (
    rf"(?:1[01]\d|\d{{1,2}}|(?:{_TENS})(?:[- ](?:{_ONES}))?|"
    rf"{_ONES}|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen)"
)
_UNIT = r"(?:years?|yrs?|months?|mos?|weeks?|wks?|days?)"
_KIN = "son|daughter|child|kid|boy|girl|wife|husband|mother|father|mom|mum|dad|brother|sister|grandmother|grandfather"
_WHO = (
    rf"(?:(?:{_KIN}) (?:is|was|just turned)|i am|i'm|i’m|im|he is|she is|he's|she's|they are|who is|is only|is now|"
    r"am now|is just|turned|turning|turns)"
)

_RULES = (
    Rule("AGE", re.compile(rf"(?i)(?<![\w.])(?P<value>{_NUMBER}[- ]?{_UNIT})[- ]?(?:olds?|of age|young)\b"), 0.95),
    Rule("AGE", re.compile(rf"(?i)(?<![\w.])(?P<value>{_NUMBER}[- ]?(?:y/o|y\.o\.|yo|yr old|yo[mf]))(?!\w)"), 0.9),
    Rule("AGE", re.compile(rf"(?i)\b(?:aged?|age of|age is|age was|ages)(?: ?[:=]| of| is)? ?"
                           rf"(?P<value>{_NUMBER})(?![\w%])(?![.,-]\d)(?: {_UNIT})?"), 0.9),
    Rule("AGE", re.compile(rf"(?i)\b{_WHO} (?P<value>\d{{1,2}}|(?:{_TENS})(?:[- ](?:{_ONES}))?)"
                           r"(?=\s*(?:$|[.,;!?)]|and\b|but\b|years\b|now\b|today\b|(?:last|this|next|in|on|yesterday)\b))"
                           r"(?!\.\d)"), 0.75),
    Rule("AGE", re.compile(r"(?<=[a-z], )(?P<value>1[5-9]|[2-9]\d)(?=, [a-z])"), 0.6),
    Rule("AGE", re.compile(r"(?<![\w.])(?P<value>\d{1,2}) ?(?:[MF]\b|[- ]?year[- ]old\b)(?=[ ,.])"), 0.6),
)  # fmt: skip


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    return apply(_RULES, text)
