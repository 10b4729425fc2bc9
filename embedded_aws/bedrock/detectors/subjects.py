"""Subjects that people deny, from data/subjects.txt: definitions, texts that belong to them, and near texts.

They train the topic detector (training/topics.py) and are the probes of `stepguard guardrail lint`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

_KINDS = {"=": "definitions", "?": "requests", "!": "answers", "-": "service", "~": "information"}


@dataclass(frozen=True, slots=True)
class Subject:
    """`requests` and `answers` are denied; `service` (appointments, forms, bills) and `information` are near it."""

    name: str
    definitions: tuple[str, ...]
    requests: tuple[str, ...]
    answers: tuple[str, ...]
    service: tuple[str, ...]
    information: tuple[str, ...]

    @property
    def denied(self) -> tuple[str, ...]:
        """Texts that belong to the subject."""
        return self.requests + self.answers

    @property
    def near(self) -> tuple[str, ...]:
        """Texts that are near the subject and do not belong to it."""
        return self.service + self.information


@cache
def subjects() -> tuple[Subject, ...]:
    """All subjects, in the file's order."""
    file = resources.files("embedded_aws.bedrock.detectors").joinpath("data/subjects.txt")
    return parsed(file.read_text(encoding="utf-8"))


def parsed(lines: str) -> tuple[Subject, ...]:
    """Subjects in the format of data/subjects.txt."""
    found: list[tuple[str, dict[str, list[str]]]] = []
    for line in lines.splitlines():
        kind, text = line[:1], line[2:]
        if kind == "@":
            found.append((text, {name: [] for name in _KINDS.values()}))
        elif kind in _KINDS:
            found[-1][1][_KINDS[kind]].append(text)
    return tuple(Subject(name, **{key: tuple(texts) for key, texts in lists.items()}) for name, lists in found)
