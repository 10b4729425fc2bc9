"""The words of people in code: comments, strings and names of several words."""

import re

MAX_PARTS = 40
_LINE = re.compile(
    r"^\s*(?:def |class |function |import |from \w+ import |return\b|if\b.*[:{]\s*$|for\b.*[:{]\s*$|while\b.*[:{]\s*$|"
    r"(?:const|let|var|int|void|public|private|static|final|fn|func|use|package|echo|print|export)\b[^.?!]*[=({;]|"
    r"#include|SELECT\b.*\bFROM\b|[\w.\[\]]+\s*(?:[-+*/]?=|:=)\s*\S|[\w.]+\(.*\)\s*;?\s*$|[{})\];]+;?\s*$|.*[;{]\s*$)"
)
_COMMENT = re.compile(r"(?:#|//|--)[ \t!]*([^\n]*)|/\*(.*?)\*/|<!--(.*?)-->", re.DOTALL)
_STRING = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`([^`]*)`")
_NAME = re.compile(r"\b[A-Za-z]+(?:_[A-Za-z]+){2,}\b|\b[a-z]+(?:[A-Z][a-z]+){2,}\b|\b(?:[A-Z][a-z]+){3,}\b")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|_+")
_SHARE = 0.4
_FEWEST_WORDS = 3


def natural(text: str) -> list[str]:
    """Comments, strings and names of a text that is code, as words; empty for other texts."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or sum(map(bool, map(_LINE.match, lines))) < _SHARE * len(lines):
        return []
    found: dict[str, None] = {}
    for pattern in (_COMMENT, _STRING):
        for match in pattern.finditer(text):
            found[next((part for part in match.groups() if part), "")] = None
    for match in _NAME.finditer(text):
        found[_HUMP.sub(" ", match[0]).lower()] = None
    return [part.strip(" *\n") for part in found if len(part.split()) >= _FEWEST_WORDS][:MAX_PARTS]
