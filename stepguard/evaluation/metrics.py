"""Rates with their uncertainty: precision, recall, F1, Wilson intervals, McNemar's test. Pure arithmetic.

E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212;
Q. McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12 (1947),
153-157, in its exact form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Z95 = 1.959963984540054
"""The standard normal quantile of a 95 % interval."""

DIGITS = 6


@dataclass(slots=True)
class Confusion:
    """Counts of a yes-or-no decision compared with the labels."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def add(self, *, expected: bool, found: bool) -> None:
        """Count one item."""
        if expected:
            self.tp, self.fn = self.tp + found, self.fn + (not found)
        else:
            self.fp, self.tn = self.fp + found, self.tn + (not found)

    @property
    def total(self) -> int:
        """The number of counted items."""
        return self.tp + self.fp + self.fn + self.tn

    def to_dict(self) -> dict[str, Any]:
        """Counts and rates; a rate without items is None."""
        f1 = 2 * self.tp / denominator if (denominator := 2 * self.tp + self.fp + self.fn) else None
        return {
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "tn": self.tn,
            "precision": rate(self.tp, self.tp + self.fp),
            "recall": rate(self.tp, self.tp + self.fn),
            "f1": None if f1 is None else round(f1, DIGITS),
            "accuracy": rate(self.tp + self.tn, self.total),
            "false_positive_rate": rate(self.fp, self.fp + self.tn),
        }


@dataclass(slots=True)
class Agreement:
    """How far the verdicts of items that ran several times agree.

    Items are independent, the verdicts of one item are not: the intervals count items. Wilson's interval is also safe
    for a mean of shares, which varies no more than a share with the same mean.
    """

    items: int = 0
    identical: int = 0
    verdicts: int = 0
    shares: float = 0.0

    def add(self, agreeing: int, verdicts: int) -> None:
        """Count one item: so many of its verdicts are the most frequent one."""
        self.items, self.verdicts = self.items + 1, self.verdicts + verdicts
        self.identical += agreeing == verdicts
        self.shares += agreeing / verdicts

    def to_dict(self) -> dict[str, Any]:
        """`agreeing` is the mean share of an item's verdicts that are its most frequent one, `identical` the share of
        the items whose verdicts are all the same."""
        return {
            "items": self.items,
            "verdicts": self.verdicts,
            "agreeing": rate(self.shares, self.items),
            "identical": rate(self.identical, self.items),
        }


def rate(hits: float, total: int) -> dict[str, float] | None:
    """A share with its 95 % Wilson interval: `{"value", "low", "high"}`."""
    if not total:
        return None
    low, high = wilson(hits, total)
    return {"value": round(hits / total, DIGITS), "low": round(low, DIGITS), "high": round(high, DIGITS)}


def wilson(hits: float, total: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a share. Raises ValueError unless 0 <= hits <= total and total > 0."""
    if not 0 <= hits <= total or not total:
        raise ValueError("There must be 0 <= hits <= total and total > 0.")
    share, weight = hits / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value that two runs err equally often.

    `only_first` counts items that only the first run judged correctly, `only_second` those that only the second judged
    correctly.
    """
    discordant = only_first + only_second
    if not discordant:
        return 1.0
    smaller = min(only_first, only_second)
    # The binomial's lower tail, in logarithms so that thousands of items do not overflow.
    logs = [
        math.lgamma(discordant + 1) - math.lgamma(k + 1) - math.lgamma(discordant - k + 1) for k in range(smaller + 1)
    ]
    tail = math.fsum(math.exp(log - discordant * math.log(2)) for log in logs)
    return min(1.0, 2 * tail)


def percentiles(counts: Mapping[int, int], shares: tuple[float, ...] = (0.5, 0.9, 0.95, 0.99)) -> dict[str, int]:
    """Percentiles of whole numbers given as value -> count, by the nearest rank; and the maximum."""
    total = sum(counts.values())
    if not total:
        return {}
    ranks = {f"p{round(share * 100)}": max(1, math.ceil(share * total)) for share in shares}
    found: dict[str, int] = {}
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        for name, rank in ranks.items():
            if name not in found and seen >= rank:
                found[name] = value
    return {**found, "max": max(counts)}


def kappa(pairs: Mapping[tuple[str, str], int]) -> float | None:
    """Cohen's kappa of two raters, by the number of items with each pair of grades; None without items, or if both gave
    one and the same grade only.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).
    """
    total = sum(pairs.values())
    if not total:
        return None
    names = {name for pair in pairs for name in pair}
    same = sum(count for (first, second), count in pairs.items() if first == second)
    chance = sum(
        sum(count for (first, _), count in pairs.items() if first == name)
        * sum(count for (_, second), count in pairs.items() if second == name)
        for name in names
    )
    if chance == total * total:
        return None
    return round((same / total - chance / total**2) / (1 - chance / total**2), DIGITS)
