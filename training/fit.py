"""Fit the heads and calibrate their thresholds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from embedded_aws.bedrock.detectors.content.heads import LAYERS, SCALE, Heads, features, probability
from embedded_aws.bedrock.encoder.model import encode_layers
from training import network
from training.examples import HEADS, LEARNED, Example
from training.matrices import encoded, rarity, sparse_matrix

PENALTY = 1.0  # scikit-learn's C
POSITIVE_SHARE = 0.4  # of a head's total weight, whatever the class sizes
NETWORKS = 2  # their average varies less with the seed
FALSE_POSITIVES = (0.02, 0.01, 0.003)  # for LOW, MEDIUM, HIGH: at most, on held-out benign texts
# Above LOW, of harmless texts in other languages: many of foreign.txt are neighbours of attacks, which are rarer in
# ordinary traffic.
OTHER_FALSE_POSITIVES = dict.fromkeys(LEARNED, 0.003) | {"INSULTS": 0.006, "PROMPT_ATTACK": 0.02}
# Minimum probabilities: a well separated head may have fewer false positives than allowed.
FLOORS = dict.fromkeys(HEADS, (0.50, 0.70, 0.90)) | {
    "SEXUAL": (0.40, 0.55, 0.80),
    "VIOLENCE": (0.50, 0.60, 0.80),
    "HATE": (0.55, 0.65, 0.80),  # harmless documents that name nationalities are near 0.5
    "MISCONDUCT": (0.50, 0.62, 0.80),
    "PROMPT_ATTACK": (0.50, 0.65, 0.88),
}
OUT_OF_REACH = (1 - 3e-7, 1 - 2e-7, 1 - 1e-7)

Floats = NDArray[np.float32]


def balanced(targets: Floats, weights: Floats) -> Floats:
    """Weights in which each head's positives make up POSITIVE_SHARE, shape (n, heads); zero where unknown."""
    result = np.zeros_like(targets)
    for column in range(targets.shape[1]):
        for label, share in ((1, POSITIVE_SHARE), (0, 1.0 - POSITIVE_SHARE)):
            rows = targets[:, column] == label
            result[rows, column] = weights[rows] * share * len(targets) / max(float(weights[rows].sum()), 1e-9)
    return result


def linear(sparse: Any, targets: Floats, weights: Floats) -> tuple[Floats, float]:
    """Logistic regression of one head over the n-grams: coefficients and bias. Rows with NaN targets are left out."""
    known = np.flatnonzero(~np.isnan(targets))
    sample = weights[known].astype(np.float64) * len(known) / len(targets)
    model = LogisticRegression(C=PENALTY, solver="lbfgs", max_iter=200, tol=1e-3)
    model.fit(sparse[known], targets[known].astype(np.int64), sample_weight=sample)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def fit(examples: Sequence[Example], cache: Path | None = None) -> Heads:
    """All heads without thresholds, from the given examples (the caller excludes held-out examples).

    Weights are rounded to half precision, as in the stored file, so that calibration uses the released weights.
    """
    texts = [example.text for example in examples]
    rare = rarity(texts)
    sparse = sparse_matrix(texts, rare)
    targets, weights = _labels(examples)
    fitted = []
    for column, head in enumerate(LEARNED):
        known = targets[:, column]
        fitted.append(linear(sparse, known, weights[:, column]))
        print(f"fitted {head}: {int(np.nansum(known))} positive of {int((~np.isnan(known)).sum())}", flush=True)
    chosen = [example for example in examples if example.encoded]
    dense = encoded([example.text for example in chosen], cache)
    mean = _half(dense.mean(axis=0))
    layers = [_networks((dense[:, layer] - mean[layer]) * np.float32(SCALE), chosen) for layer in range(LAYERS)]
    joined = {
        name: np.stack([getattr(layer, name) for layer in layers])
        for name in ("hidden", "hidden_bias", "output", "output_bias")
    }
    return Heads(
        names=LEARNED,
        sparse=_half(np.stack([coefficients for coefficients, _ in fitted], axis=1)),
        rarity=rare,
        bias=np.array([bias for _, bias in fitted], dtype=np.float32),
        mean=mean,
        thresholds=np.ones((len(LEARNED), 3), dtype=np.float32),
        other=np.zeros(len(LEARNED), dtype=np.float32),
        **joined,
    )


def _labels(examples: Sequence[Example]) -> tuple[Floats, Floats]:
    """Targets and balanced weights, each of shape (n, heads)."""
    targets = np.array([[example.target(head) for head in LEARNED] for example in examples], dtype=np.float32)
    return targets, balanced(targets, np.array([example.weight for example in examples], dtype=np.float32))


def _networks(inputs: Floats, examples: Sequence[Example]) -> network.Network:
    """The mean of some networks as one with all their units."""
    targets, weights = _labels(examples)
    found = [network.train(np.ascontiguousarray(inputs), targets, weights, seed) for seed in range(NETWORKS)]
    print("fitted the networks of a layer", flush=True)
    return network.Network(
        _half(np.concatenate([one.hidden for one in found], axis=1)),
        _half(np.concatenate([one.hidden_bias for one in found])),
        _half(np.concatenate([one.output for one in found]) / NETWORKS),
        np.mean([one.output_bias for one in found], axis=0).astype(np.float32),
    )


def _half(values: NDArray[Any]) -> Floats:
    return values.astype(np.float16).astype(np.float32)


def calibrate(heads: Heads, benign: Sequence[str], foreign: Sequence[str]) -> Heads:
    """Set thresholds: quantiles of harmless texts' scores, taken as a whole, but not below the floors. For other
    languages, what must be taken from the networks' logits so that as few harmless texts are above the thresholds.
    """
    logits = heads.logits(features(benign))
    floors = np.array([FLOORS.get(head, OUT_OF_REACH) for head in heads.names])
    allowed = np.quantile(probability(logits), [1.0 - share for share in FALSE_POSITIVES], axis=0).T
    thresholds = np.maximum(allowed, floors).astype(np.float32)
    networks = heads.networks(encode_layers(foreign))
    low = np.log(thresholds[:, 0] / (1 - thresholds[:, 0]))
    shares = [1.0 - OTHER_FALSE_POSITIVES[head] for head in heads.names]
    limits = np.array([np.quantile(column, share) for column, share in zip(networks.T, shares, strict=True)])
    other = np.maximum(limits - low, 0.0)  # the texts are few, so a head is never bolder than in English
    return replace(heads, thresholds=thresholds, other=other.astype(np.float32))


def save(heads: Heads, path: Path) -> None:
    """Write the weights: half precision, compressed, no pickle."""
    half = {
        name: getattr(heads, name).astype(np.float16)
        for name in ("sparse", "rarity", "mean", "hidden", "hidden_bias", "output")
    }
    full = {name: getattr(heads, name) for name in ("bias", "output_bias", "thresholds", "other")}
    np.savez_compressed(path, names=np.array(heads.names), **half, **full)
