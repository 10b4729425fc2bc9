"""Trying a bank of curated answers: which question finds which answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.aws.embedding import embed
from stepguard.evaluation.metrics import rate
from stepguard.formats.qnabot import Imported
from stepguard.guard.bank.matching import Match, Matcher
from stepguard.guard.bank.model import Bank
from stepguard.guard.errors import InvalidRequest
from stepguard.project.files import read_text

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Case:
    """A question, and the item that must answer it; None if none may."""

    question: str
    qid: str | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What each question found. `alone` says that each question of the bank was asked with itself left out."""

    found: tuple[tuple[Case, Match], ...]
    alone: bool

    @property
    def wrong(self) -> list[tuple[Case, Match]]:
        """The questions that got an answer which is not theirs."""
        return [(case, match) for case, match in self.found if match.matched and _qid(match) != case.qid]

    @property
    def missed(self) -> list[tuple[Case, Match]]:
        """The questions that got no answer although there is one."""
        return [(case, match) for case, match in self.found if not match.matched and case.qid is not None]

    def to_dict(self) -> dict[str, Any]:
        """The counts with their rates, and the questions that went wrong."""
        total = len(self.found)
        return {
            "questions": total,
            "right": total - len(self.wrong) - len(self.missed),
            "wrong": [_row(case, match) for case, match in self.wrong],
            "missed": [_row(case, match) for case, match in self.missed],
            "wrong_rate": rate(len(self.wrong), total),
            "missed_rate": rate(len(self.missed), total),
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        counts = self.to_dict()
        asked = "asked with the question itself left out of the bank" if self.alone else "asked"
        yield f"{counts['questions']} questions {asked}:"
        for name in ("wrong", "missed"):
            share = counts[f"{name}_rate"]
            interval = f" ({100 * share['low']:.1f} to {100 * share['high']:.1f} %)" if share else ""
            yield f"  {len(counts[name])} {name}{interval}"
        for name in ("wrong",) if self.alone else ("wrong", "missed"):
            for row in counts[name][:SHOWN]:
                nearest = f"nearest {row['found']} {row['score']}" if row["found"] else "nothing near"
                yield f'  {name}: "{row["question"]}" is for {row["qid"] or "none"}; {nearest}'


def read_cases(file: Path, imported: Imported) -> list[Case]:
    """The questions of a file. Raises InvalidRequest that names the line."""
    known = {item.qid for item in imported.items}
    cases = []
    for number, line in enumerate(read_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            held = json.loads(line)
            question, qid = held["question"], held["qid"]
        except (ValueError, KeyError, TypeError):
            raise InvalidRequest(f'{file}, line {number}: must be {{"question": "…", "qid": "…" or null}}.') from None
        if not isinstance(question, str) or not question.strip() or not (qid is None or isinstance(qid, str)):
            raise InvalidRequest(f"{file}, line {number}: question must be a text, and qid a text or null.")
        if qid is not None and qid not in known:
            raise InvalidRequest(f"{file}, line {number}: the bank has no item {qid}.")
        cases.append(Case(question, qid))
    if not cases:
        raise InvalidRequest(f"{file} holds no questions.")
    return cases


def ask(bank: Bank, cases: Sequence[Case]) -> Tried:
    """Ask each question. Raises StepguardError."""
    matcher = Matcher(bank, lambda text: embed(text)[0])
    return Tried(tuple((case, matcher.find(case.question)) for case in cases), alone=False)


def leave_one_out(bank: Bank) -> Tried:
    """Ask each question of the bank with itself left out, so that its own words do not find it. An item with one
    question has no other, and must then not be found. Raises StepguardError."""
    matcher = Matcher(bank, lambda text: embed(text)[0])
    found = [
        (Case(question, item.qid if len(item.questions) > 1 else None), matcher.find(question, without_itself=True))
        for item in bank.items
        for question in item.questions
    ]
    return Tried(tuple(found), alone=True)


def _qid(match: Match) -> str | None:
    return match.item.qid if match.item else None


def _row(case: Case, match: Match) -> dict[str, Any]:
    return {"question": case.question, "qid": case.qid, "found": _qid(match), "score": match.to_dict()["score"]}
