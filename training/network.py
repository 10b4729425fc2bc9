"""A small multi-label network on embeddings, trained in numpy: one hidden layer that all heads share.

Missing labels are masked out of the loss: a text with a label for HATE and none for VIOLENCE trains HATE alone.
The shared layer generalises better to unseen sets than a network per head (leave-one-set-out,
docs/measurements/detectors.md). Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980) with a cosine schedule and
dropout.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

UNITS = 160
EPOCHS = 15
BATCH = 256
RATE = 2e-3
DECAY = 1e-4
DROPOUT = 0.2


@dataclass(frozen=True, slots=True)
class Network:
    """Weights: logits are relu(x @ hidden + hidden_bias) @ output + output_bias."""

    hidden: Floats  # (features, units)
    hidden_bias: Floats  # (units,)
    output: Floats  # (units, heads)
    output_bias: Floats  # (heads,)


def train(
    inputs: Floats, targets: Floats, weights: Floats, seed: int, units: int = UNITS, epochs: int = EPOCHS
) -> Network:
    """Fit to inputs (n, features) and targets (n, heads) of 0, 1 or NaN (unknown), each with a weight.

    `weights` has the shape of the targets; weights of unknown targets are ignored.
    """
    generator = np.random.default_rng(seed)
    count, features = inputs.shape
    heads = targets.shape[1]
    known = ~np.isnan(targets)
    truth = np.nan_to_num(targets).astype(np.float32)
    loss_weights = np.where(known, weights, 0.0).astype(np.float32)
    parameters = [
        generator.normal(0, np.sqrt(2 / features), (features, units)).astype(np.float32),
        np.zeros(units, dtype=np.float32),
        generator.normal(0, np.sqrt(1 / units), (units, heads)).astype(np.float32),
        np.zeros(heads, dtype=np.float32),
    ]
    optimiser = _Adam(parameters, epochs * -(-count // BATCH))
    for _ in range(epochs):
        order = generator.permutation(count)
        for start in range(0, count, BATCH):
            rows = order[start : start + BATCH]
            optimiser.step(_gradients(parameters, inputs[rows], truth[rows], loss_weights[rows], generator))
    return Network(*parameters)


def _gradients(
    parameters: list[Floats], x: Floats, truth: Floats, weights: Floats, generator: np.random.Generator
) -> list[Floats]:
    """Gradients of the weighted cross-entropy and of the decay, for one batch."""
    hidden, hidden_bias, output, output_bias = parameters
    before = x @ hidden + hidden_bias
    kept = (generator.random(before.shape) > DROPOUT).astype(np.float32) / np.float32(1 - DROPOUT)
    active = kept * (before > 0)
    units = before * active
    error = (_sigmoid(units @ output + output_bias) - truth) * weights / len(x)
    back = (error @ output.T) * active
    return [x.T @ back + DECAY * hidden, back.sum(axis=0), units.T @ error + DECAY * output, error.sum(axis=0)]


def _sigmoid(logits: Floats) -> Floats:
    return (1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)


class _Adam:
    """Update the parameters in place; the rate falls from RATE to zero over all steps along half a cosine."""

    def __init__(self, parameters: list[Floats], steps: int) -> None:
        self._parameters, self._steps, self._done = parameters, steps, 0
        self._first: list[Any] = [np.zeros_like(values) for values in parameters]
        self._second: list[Any] = [np.zeros_like(values) for values in parameters]

    def step(self, gradients: list[Floats]) -> None:
        self._done += 1
        rate = RATE * 0.5 * (1 + np.cos(np.pi * self._done / self._steps))
        for values, gradient, first, second in zip(self._parameters, gradients, self._first, self._second, strict=True):
            first *= 0.9
            first += 0.1 * gradient
            second *= 0.999
            second += 0.001 * gradient**2
            scaled = (first / (1 - 0.9**self._done)) / (np.sqrt(second / (1 - 0.999**self._done)) + 1e-8)
            values -= (rate * scaled).astype(np.float32)
