"""Indirect injections: sentences in which a stranger's text gives orders to the assistant that reads it.

A small network on the encoder's layers reads each sentence of a passage, a tool's result or a document beside the mean
of its neighbours, and the worst one counts: a question belongs into a quiz, and not into an invoice. It knows what
orders to people (recipes, forms, READMEs) look like, and judges texts that are marked as sources only: from a user the
same sentence is an ordinary request. Training: training/sources.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from embedded_aws.bedrock.detectors.content.grades import Grade
from embedded_aws.bedrock.detectors.content.heads import SCALE, Array, probability
from embedded_aws.bedrock.detectors.text.disguises import undisguised
from embedded_aws.bedrock.detectors.text.sentences import sentences
from embedded_aws.bedrock.detectors.wrappers import unwrap
from embedded_aws.bedrock.encoder.model import encode_layers

WEIGHTS = Path(__file__).parents[1] / "weights" / "sources.npz"
NEAR = 7
"""Sentences on either side that count as neighbours."""
LOW, MEDIUM, HIGH = 3.1, 3.4, 4.5
"""Logits from which a finding has this confidence in a text of at most 2 * NEAR sentences; a longer one has more
chances of a false alarm."""

DOUBT = 0.73
"""A score from which a text may have an order."""


@dataclass(frozen=True, slots=True)
class Head:
    """A network with one hidden layer of m units over both layers of a sentence and of its neighbours."""

    mean: Array  # (768,)
    hidden: Array  # (1536, m)
    hidden_bias: Array  # (m,)
    output: Array  # (m,)
    bias: float

    def logits(self, dense: Array) -> Array:
        """One logit per sentence of a text."""
        given = context((dense.reshape(len(dense), -1) - self.mean) * np.float32(SCALE))
        found: Array = np.maximum(given @ self.hidden + self.hidden_bias, 0.0) @ self.output + np.float32(self.bias)
        return found


def parts(text: str) -> list[str]:
    """The sentences of all values of a text."""
    return [part for value in unwrap.values(text) for part in sentences(undisguised(value.text))]


def context(rows: Array) -> Array:
    """Each sentence's row and the mean of its neighbours', zeros for a sentence alone: (n, d) to (n, 2 d)."""
    count = len(rows)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0, dtype=np.float64)])
    start = np.clip(np.arange(count) - NEAR, 0, max(0, count - 2 * NEAR - 1))
    end = np.minimum(start + 2 * NEAR + 1, count)
    others = (sums[end] - sums[start] - rows) / np.maximum(end - start - 1, 1)[:, None]
    found: Array = np.hstack([rows, others]).astype(np.float32)
    return found


@lru_cache(maxsize=64)
def grade(text: str) -> Grade:
    """The grade of a source's worst sentence."""
    found = parts(text)
    if not found:
        return Grade(0.0, "NONE")
    discount = np.log(max(1.0, len(found) / (2 * NEAR)))
    logit = float(load().logits(encode_layers(found)).max() - discount)
    score = float(probability(np.array([logit], dtype=np.float32))[0])
    if logit >= HIGH:
        return Grade(score, "HIGH")
    if logit >= MEDIUM:
        return Grade(score, "MEDIUM")
    return Grade(score, "LOW" if logit >= LOW else "NONE")


@lru_cache(maxsize=1)
def load(path: Path = WEIGHTS) -> Head:
    """Read the weights once."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files if name != "bias"}
        return Head(bias=float(stored["bias"]), **arrays)
