"""Fit the logistic heads and calibrate their thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from local.bedrock.detectors.embedding import DIMENSIONS
from local.bedrock.detectors.heads import Heads, features
from local.train.examples import HEADS, Example
from local.train.matrices import matrix

PENALTY = 4.0  # scikit-learn's C
POSITIVE_SHARE = 0.4  # of the total weight, whatever the class sizes
FALSE_POSITIVES = {"HIGH": 0.005, "MEDIUM": 0.02, "LOW": 0.05}  # at most, on held-out benign texts
FLOORS = {"HIGH": 0.80, "MEDIUM": 0.60, "LOW": 0.45}  # a well separated head need not use up its allowance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Linear:
    """One fitted head over the columns of matrices.matrix."""

    coefficients: NDArray[np.float32]
    bias: float


def fit_head(inputs: Any, targets: Floats, weights: Floats) -> Linear:
    """L2-regularised logistic regression; positives share 40 % of the weight. Rows with NaN targets are left out."""
    known = ~np.isnan(targets)
    y = targets[known].astype(np.int64)
    sample = weights[known].copy()
    for label, share in ((1, POSITIVE_SHARE), (0, 1.0 - POSITIVE_SHARE)):
        sample[y == label] *= share * len(y) / sample[y == label].sum()
    model = LogisticRegression(C=PENALTY, solver="lbfgs", max_iter=300, tol=1e-3)
    model.fit(inputs[known], y, sample_weight=sample)
    return Linear(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def fit(examples: Sequence[Example], cache: Path | None = None) -> dict[str, Linear]:
    """All heads, from the given examples (the caller leaves out what is held out)."""
    inputs = matrix([example.text for example in examples], cache)
    weights = np.array([example.weight for example in examples])
    fitted = {}
    for head in HEADS:
        targets = np.array([example.target(head) for example in examples])
        fitted[head] = fit_head(inputs, targets, weights)
        print(f"fitted {head}: {int(np.nansum(targets))} positive of {int((~np.isnan(targets)).sum())}", flush=True)
    return fitted


def assemble(fitted: dict[str, Linear]) -> Heads:
    """Heads without thresholds; rounded to half precision as they are stored, so that calibration sees what ships."""
    columns = np.stack([fitted[head].coefficients for head in HEADS], axis=1).astype(np.float16).astype(np.float32)
    bias = np.array([fitted[head].bias for head in HEADS], dtype=np.float32)
    return Heads(tuple(HEADS), columns[:DIMENSIONS], columns[DIMENSIONS:], bias, np.ones((len(HEADS), 3), dtype=np.float32))


def worst(heads: Heads, texts: Sequence[str]) -> NDArray[np.float32]:
    """Scores as at run time: the worst of whole text and windows, shape (n, k)."""
    found = np.zeros((len(texts), len(heads.names)), dtype=np.float32)
    for row, text in enumerate(texts):
        given = features(text)
        if len(given.dense):
            found[row] = heads.scores(given).max(axis=0)
    return found


def calibrate(heads: Heads, benign: Sequence[str]) -> Heads:
    """Set each head's thresholds to the benign texts' quantiles, but not below the floors."""
    found = worst(heads, benign)
    thresholds = np.stack(
        [np.maximum(np.quantile(found, 1.0 - FALSE_POSITIVES[name], axis=0), FLOORS[name]) for name in ("LOW", "MEDIUM", "HIGH")],
        axis=1,
    )
    return Heads(heads.names, heads.dense, heads.sparse, heads.bias, thresholds.astype(np.float32))


def save(heads: Heads, path: Path) -> None:
    """Write the weights: half precision, compressed, no pickle."""
    np.savez_compressed(
        path,
        names=np.array(heads.names),
        dense=heads.dense.astype(np.float16),
        sparse=heads.sparse.astype(np.float16),
        bias=heads.bias,
        thresholds=heads.thresholds,
    )
