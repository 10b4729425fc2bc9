"""Fit the heads and calibrate their thresholds."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from local.bedrock.detectors.embedding import DIMENSIONS
from local.bedrock.detectors.heads import EMBEDDING_SCALE, MAX_DISCOUNT, Heads, features
from local.train.examples import HEADS, Example
from local.train.matrices import rarity, sparse_matrix, whole_embeddings

PENALTY = 1.0  # scikit-learn's C
POSITIVE_SHARE = 0.4  # of the total weight, whatever the class sizes
UNITS = 48
NETWORKS = 3  # their average varies less with the seed
FALSE_POSITIVES = {"HIGH": 0.003, "MEDIUM": 0.01, "LOW": 0.02}  # at most, on held-out benign texts
WINDOW_FALSE_POSITIVES = 0.02
MIN_DISCOUNT = 1.0  # the calibration texts are tamer than what language models answer
FLOORS = {"HIGH": 0.85, "MEDIUM": 0.60, "LOW": 0.40}  # a well separated head need not use up its allowance

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """One fitted head: the linear model over (384 + buckets) columns, and the networks joined to one."""

    coefficients: Floats  # (384 + buckets,)
    bias: float
    hidden: Floats  # (384, units)
    hidden_bias: Floats  # (units,)
    output: Floats  # (units,)
    output_bias: float


def fit_head(dense: Floats, sparse: Any, targets: Floats, weights: Floats) -> Head:
    """Both models of one head; rows with NaN targets are left out."""
    known = np.flatnonzero(~np.isnan(targets))
    y = targets[known].astype(np.int64)
    sample = weights[known].astype(np.float64)
    for label, share in ((1, POSITIVE_SHARE), (0, 1.0 - POSITIVE_SHARE)):
        sample[y == label] *= share * len(y) / sample[y == label].sum()
    joined = hstack([csr_matrix(dense[known]), sparse[known]], format="csr", dtype=np.float32)
    linear = LogisticRegression(C=PENALTY, solver="lbfgs", max_iter=300, tol=1e-3).fit(joined, y, sample_weight=sample)
    networks = [_network(dense[known], y, sample, seed) for seed in range(NETWORKS)]
    return Head(
        linear.coef_[0].astype(np.float32),
        float(linear.intercept_[0]),
        np.concatenate([network.coefs_[0] for network in networks], axis=1),
        np.concatenate([network.intercepts_[0] for network in networks]),
        (np.concatenate([network.coefs_[1][:, 0] for network in networks]) / NETWORKS).astype(np.float32),
        float(np.mean([network.intercepts_[1][0] for network in networks])),
    )


def _network(dense: Floats, y: NDArray[np.int64], sample: NDArray[np.float64], seed: int) -> Any:
    """A network with one hidden layer; stops after 30 epochs, which is when held-out loss no longer falls."""
    network = MLPClassifier(
        (UNITS,),
        alpha=0.03,
        batch_size=256,
        learning_rate_init=2e-3,
        max_iter=30,
        n_iter_no_change=31,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the fixed number of epochs is meant
        return network.fit(dense, y, sample_weight=sample)


def fit(examples: Sequence[Example], cache: Path | None = None) -> Heads:
    """All heads without thresholds, from the given examples (the caller leaves out what is held out).

    Weights are rounded to half precision as they are stored, so that calibration sees what ships.
    """
    texts = [example.text for example in examples]
    rare = rarity(texts)
    sparse = sparse_matrix(texts, rare)
    dense = whole_embeddings(texts, cache) * np.float32(EMBEDDING_SCALE)
    weights = np.array([example.weight for example in examples], dtype=np.float32)
    fitted = []
    for head in HEADS:
        targets = np.array([example.target(head) for example in examples], dtype=np.float32)
        fitted.append(fit_head(dense, sparse, targets, weights))
        print(f"fitted {head}: {int(np.nansum(targets))} positive of {int((~np.isnan(targets)).sum())}", flush=True)
    columns = _half(np.stack([head.coefficients for head in fitted], axis=1))
    return Heads(
        HEADS,
        columns[:DIMENSIONS],
        columns[DIMENSIONS:],
        rare,
        np.array([head.bias for head in fitted], dtype=np.float32),
        _half(np.concatenate([head.hidden for head in fitted], axis=1)),
        _half(np.concatenate([head.hidden_bias for head in fitted])),
        _half(np.stack([head.output for head in fitted])),
        np.array([head.output_bias for head in fitted], dtype=np.float32),
        np.ones((len(HEADS), 3), dtype=np.float32),
        np.zeros(len(HEADS), dtype=np.float32),
    )


def _half(values: NDArray[Any]) -> Floats:
    return values.astype(np.float16).astype(np.float32)


def calibrate(heads: Heads, benign: Sequence[str]) -> Heads:
    """Set thresholds and window discounts from harmless texts.

    Thresholds are quantiles of the texts' scores taken as a whole, but not below the floors. The discount of windows
    follows: so much that, of the texts of several windows, at most the share WINDOW_FALSE_POSITIVES has a window above
    the lowest threshold.
    """
    logits = [heads.logits(given) for given in map(features, benign) if len(given.dense)]
    whole = _probability(np.stack([found[0] for found in logits]))
    thresholds = np.stack(
        [
            np.maximum(np.quantile(whole, 1.0 - FALSE_POSITIVES[name], axis=0), FLOORS[name])
            for name in ("LOW", "MEDIUM", "HIGH")
        ],
        axis=1,
    )
    windows = [found[1:].max(axis=0) - np.log(min(len(found) - 1, MAX_DISCOUNT)) for found in logits if len(found) > 1]
    highest = np.quantile(np.stack(windows), 1.0 - WINDOW_FALSE_POSITIVES, axis=0)
    discount = np.maximum(highest - np.log(thresholds[:, 0] / (1.0 - thresholds[:, 0])), MIN_DISCOUNT)
    return replace(heads, thresholds=thresholds.astype(np.float32), window=discount.astype(np.float32))


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
