"""How alike two questions must be to be the same one, measured for an embedding model.

Two public sets of customers' questions, sorted by intent, are embedded. Many times, half of the intents act as the bank
and the questions of the other half as near misses, which must match nothing. The threshold is the lowest cosine from
which on fewer than one near miss in 600 matches: a third of what is promised, because other banks are harder.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stepguard.guard.bank.matching import SAME_MODEL
from stepguard.guard.bank.model import Limits
from stepguard.guard.bank.vectors import Vectors, cosine

SPLITS = 20
"""How many times the intents are divided into a bank and near misses."""

WRONG_RATE = 1 / 600
LOST_TO_MARGIN = 0.05
"""The share of right matches that the margin may cost."""

FAR = 0.95
"""The share of questions on other subjects that are not near the bank's."""

DIGITS = 4
_STEP = 0.0001

_DATA = Path(__file__).with_name("near_misses.json")
_KNOWN = Path(__file__).with_name("calibrated.json")

Row = Sequence[float]
EmbedAll = Callable[[Sequence[str]], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class _Set:
    """The questions of a set: the intent of each, and its best cosine with every intent's other questions."""

    intents: Sequence[int]
    nearest: Sequence[Row]


@cache
def question_sets() -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The questions by set and intent."""
    held = json.loads(_DATA.read_text(encoding="utf-8"))["sets"]
    return tuple(tuple(map(tuple, intents)) for intents in held.values())


def known(probe: Row) -> Limits | None:
    """The limits of a model that was measured before, known by its vector of the probe; None for any other model."""
    for held in json.loads(_KNOWN.read_text(encoding="utf-8")):
        if len(held["probe"]) == len(probe) and cosine(held["probe"], probe) >= SAME_MODEL:
            return Limits(**held["limits"])
    return None


def remember(model: str, probe: Row, limits: Limits) -> None:
    """Write the limits of a model into the package, in place of its older ones: for `python -m bench.answers`."""
    held = [one for one in json.loads(_KNOWN.read_text(encoding="utf-8")) if one["model"] != model]
    held.append({"model": model, "limits": limits.to_dict(), "probe": [round(value, 5) for value in probe]})
    _KNOWN.write_text(json.dumps(held) + "\n", encoding="utf-8")


def calibrate(embed_all: EmbedAll) -> Limits:
    """The limits for an embedding model. Raises StepguardError if the model cannot be reached."""
    vectors = [[embed_all(intent) for intent in intents] for intents in question_sets()]
    measured = [_measure(intents) for intents in vectors]
    splits = [_split(one, number) for number, one in enumerate(measured)]
    threshold = _threshold([best for near, _ in splits for best, _ in near])
    gaps = sorted(gap for _, right in splits for best, gap in right if best >= threshold)
    margin = gaps[int(LOST_TO_MARGIN * len(gaps))] if gaps else 0.0
    strangers = sorted(_best_elsewhere(vectors[0], vectors[1]) + _best_elsewhere(vectors[1], vectors[0]))
    near = min(strangers[int(FAR * len(strangers))], threshold)
    return Limits(round(threshold, DIGITS), round(margin, DIGITS), round(near, DIGITS))


def _measure(intents: Sequence[Sequence[Row]]) -> _Set:
    """The best cosine of each question with every intent, itself left out."""
    flat = [row for rows in intents for row in rows]
    labels = [number for number, rows in enumerate(intents) for _ in rows]
    packed, nearest = Vectors.of(flat), []
    for place, row in enumerate(flat):
        best = [-1.0] * len(intents)
        for other, (label, value) in enumerate(zip(labels, packed.cosines(row), strict=True)):
            if other != place and value > best[label]:
                best[label] = value
        nearest.append(best)
    return _Set(labels, nearest)


def _split(measured: _Set, seed: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Near misses, and questions that match their own intent: each one's best cosine and its lead over the next."""
    count = len(set(measured.intents))
    choose = random.Random(seed)  # noqa: S311  # repeatable, no secret
    near, right = [], []
    for _ in range(SPLITS):
        bank = sorted(choose.sample(range(count), count // 2))
        members = set(bank)
        for intent, row in zip(measured.intents, measured.nearest, strict=True):
            (best, label), (next_best, _) = sorted(((row[one], one) for one in bank), reverse=True)[:2]
            if intent not in members:
                near.append((best, best - next_best))
            elif intent == label:
                right.append((best, best - next_best))
    return near, right


def _threshold(near: list[float]) -> float:
    """The lowest threshold at which fewer near misses match than the rate allows."""
    return sorted(near, reverse=True)[int(WRONG_RATE * len(near))] + _STEP


def _best_elsewhere(questions: Sequence[Sequence[Row]], bank: Sequence[Sequence[Row]]) -> list[float]:
    """The best cosine of each question with another set's."""
    packed = Vectors.of([row for rows in bank for row in rows])
    return [max(packed.cosines(row)) for rows in questions for row in rows]
