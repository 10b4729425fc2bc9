"""Error rates with their intervals: area under the ROC curve (bootstrap), recall and false positives (Wilson)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % Wilson interval."""

    value: float
    low: float
    high: float
    of: int


@dataclass(frozen=True, slots=True)
class Result:
    """One policy on one set of positives and negatives. `flagged`: share of positives and of negatives found, by
    confidence level.
    """

    policy: str
    data: str
    positives: int
    negatives: int
    auc: float
    auc_interval: tuple[float, float]
    recall_at_1_percent: Rate
    recall_at_2_percent: Rate
    best_f1: float
    recall: dict[str, Rate]
    false_positives: dict[str, Rate]


def rate(hits: int, of: int) -> Rate:
    """Wilson score interval (Wilson 1927)."""
    if of == 0:
        return Rate(0.0, 0.0, 1.0, 0)
    z, share = 1.96, hits / of
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    return Rate(share, max(0.0, centre - half), min(1.0, centre + half), of)


def auc(positive: Floats, negative: Floats) -> float:
    """Area under the ROC curve (Mann-Whitney U), ties counted half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left")
    tied = np.searchsorted(order, positive, "right") - below
    return float((below + tied / 2).mean() / len(negative))


def measure(policy: str, data: str, positive: Floats, negative: Floats, thresholds: dict[str, float]) -> Result:
    """All figures of one comparison."""
    generator = np.random.default_rng(0)
    boots = [
        auc(generator.choice(positive, len(positive)), generator.choice(negative, len(negative))) for _ in range(200)
    ]
    at = {share: int((positive > np.quantile(negative, 1 - share)).sum()) for share in (0.01, 0.02)}
    return Result(
        policy, data, len(positive), len(negative), auc(positive, negative),
        (float(np.quantile(boots, 0.025)), float(np.quantile(boots, 0.975))),
        rate(at[0.01], len(positive)), rate(at[0.02], len(positive)), best_f1(positive, negative),
        {name: rate(int((positive >= value).sum()), len(positive)) for name, value in thresholds.items()},
        {name: rate(int((negative >= value).sum()), len(negative)) for name, value in thresholds.items()},
    )  # fmt: skip


def best_f1(positive: Floats, negative: Floats) -> float:
    """The highest F1 over all thresholds."""
    scores = np.concatenate([positive, negative])
    truth = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])[np.argsort(-scores)]
    found = np.cumsum(truth)
    return float((2 * found / (np.arange(1, len(truth) + 1) + len(positive))).max())


def print_result(result: Result) -> None:
    """Two lines of the table."""
    low, high = result.auc_interval
    at_1, at_2 = result.recall_at_1_percent.value, result.recall_at_2_percent.value
    print(
        f"{result.policy:14} {result.data:44} {result.positives:5}/{result.negatives:<5} AUC {result.auc:.3f} "
        f"[{low:.3f}, {high:.3f}]  R@1% {at_1:.2f}  R@2% {at_2:.2f}  F1 {result.best_f1:.2f}"
    )
    levels = []
    for name, found in result.recall.items():
        wrong = result.false_positives[name]
        levels.append(f"{name}: recall {found.value:.2f} FPR {wrong.value:.3f} [{wrong.low:.3f}, {wrong.high:.3f}]")
    print(" " * 15 + "  ".join(levels))
