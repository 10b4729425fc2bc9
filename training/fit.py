"""Fit the heads and calibrate their thresholds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from embedded_aws.bedrock.detectors.content.heads import EMBEDDING_SCALE, Heads, features
from embedded_aws.bedrock.detectors.embedding.encoder import DIMENSIONS
from training import network
from training.examples import HEADS, Example
from training.matrices import rarity, sparse_matrix, whole_embeddings

PENALTY = 1.0  # scikit-learn's C
POSITIVE_SHARE = 0.4  # of a head's total weight, whatever the class sizes
NETWORKS = 2  # their average varies less with the seed
FALSE_POSITIVES = (0.02, 0.01, 0.003)  # for LOW, MEDIUM, HIGH: at most, on held-out benign texts
# Minimum probabilities: a well separated head may have fewer false positives than allowed. MISCONDUCT has more false
# positives in other benign texts than in the calibration texts.
FLOORS = dict.fromkeys(HEADS, (0.50, 0.70, 0.90)) | {"MISCONDUCT": (0.62, 0.80, 0.93)}
# Subtracted from a window's logit: the smallest value, in steps of about 0.1, at which about 3 % of language models'
# answers have a window above LOW. The held-out documents are milder than such answers and partly mislabelled.
WINDOW = {"SEXUAL": 1.6, "VIOLENCE": 1.9, "HATE": 0.6, "INSULTS": 0.8, "MISCONDUCT": 1.8, "PROMPT_ATTACK": 1.7}

Floats = NDArray[np.float32]


def balanced(targets: Floats, weights: Floats) -> Floats:
    """Weights in which each head's positives make up POSITIVE_SHARE, shape (n, heads); zero where unknown."""
    result = np.zeros_like(targets)
    for column in range(targets.shape[1]):
        for label, share in ((1, POSITIVE_SHARE), (0, 1.0 - POSITIVE_SHARE)):
            rows = targets[:, column] == label
            result[rows, column] = weights[rows] * share * len(targets) / max(float(weights[rows].sum()), 1e-9)
    return result


def linear(dense: Floats, sparse: Any, targets: Floats, weights: Floats) -> tuple[Floats, float]:
    """Logistic regression of one head over (384 + buckets) columns: coefficients and bias. Rows with NaN targets are
    left out.
    """
    known = np.flatnonzero(~np.isnan(targets))
    joined = hstack([csr_matrix(dense[known]), sparse[known]], format="csr", dtype=np.float32)
    sample = weights[known].astype(np.float64) * len(known) / len(targets)
    model = LogisticRegression(C=PENALTY, solver="lbfgs", max_iter=200, tol=1e-3)
    model.fit(joined, targets[known].astype(np.int64), sample_weight=sample)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def fit(examples: Sequence[Example], cache: Path | None = None) -> Heads:
    """All heads without thresholds, from the given examples (the caller excludes held-out examples).

    Weights are rounded to half precision, as in the stored file, so that calibration uses the released weights.
    """
    texts = [example.text for example in examples]
    rare = rarity(texts)
    sparse = sparse_matrix(texts, rare)
    dense = whole_embeddings(texts, cache) * np.float32(EMBEDDING_SCALE)
    targets = np.array([[example.target(head) for head in HEADS] for example in examples], dtype=np.float32)
    weights = balanced(targets, np.array([example.weight for example in examples], dtype=np.float32))
    fitted = []
    for column, head in enumerate(HEADS):
        known = targets[:, column]
        fitted.append(linear(dense, sparse, known, weights[:, column]))
        print(f"fitted {head}: {int(np.nansum(known))} positive of {int((~np.isnan(known)).sum())}", flush=True)
    columns = _half(np.stack([coefficients for coefficients, _ in fitted], axis=1))
    networks = [network.train(dense, targets, weights, seed) for seed in range(NETWORKS)]
    return Heads(
        HEADS,
        columns[:DIMENSIONS],
        columns[DIMENSIONS:],
        rare,
        np.array([bias for _, bias in fitted], dtype=np.float32),
        _half(np.concatenate([found.hidden for found in networks], axis=1)),
        _half(np.concatenate([found.hidden_bias for found in networks])),
        _half(np.concatenate([found.output for found in networks]) / NETWORKS),
        np.mean([found.output_bias for found in networks], axis=0).astype(np.float32),
        np.ones((len(HEADS), 3), dtype=np.float32),
        np.array([WINDOW[head] for head in HEADS], dtype=np.float32),
    )


def _half(values: NDArray[Any]) -> Floats:
    return values.astype(np.float16).astype(np.float32)


def calibrate(heads: Heads, benign: Sequence[str]) -> Heads:
    """Set thresholds: quantiles of harmless texts' scores, taken as a whole, but not below the floors."""
    logits = np.stack([heads.logits(given)[0] for given in map(features, benign) if len(given.dense)])
    floors = np.array([FLOORS[head] for head in heads.names])
    allowed = np.quantile(_probability(logits), [1.0 - share for share in FALSE_POSITIVES], axis=0).T
    return replace(heads, thresholds=np.maximum(allowed, floors).astype(np.float32))


def _probability(logits: Floats) -> Floats:
    return (1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)


def save(heads: Heads, path: Path) -> None:
    """Write the weights: half precision, compressed, no pickle."""
    half = {
        name: getattr(heads, name).astype(np.float16)
        for name in ("dense", "sparse", "rarity", "hidden", "hidden_bias", "output")
    }
    full = {name: getattr(heads, name) for name in ("bias", "output_bias", "thresholds", "window")}
    np.savez_compressed(path, names=np.array(heads.names), **half, **full)
