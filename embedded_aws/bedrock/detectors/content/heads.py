"""Heads over a text's vectors and hashed n-grams: the trained part of the graded policies.

Two models judge a text. Small networks read the encoder's layers 8 and 12 (one hidden layer for all heads); they know
that "kill a process" is not "kill a man", in every language. Logistic regression on n-grams knows English words.
English texts get the mean of both logits. For texts in other languages the networks alone count, less an amount per
head that is set on harmless texts in other languages. Both read the text without its disguises (disguises.py).

A text is scored as a whole and per window (sentences.py), and the worst score wins, so that one bad sentence in a long
harmless text is found. Sentences are encoded only if the text, or its stretch of a long text, is not clearly harmless,
or if the n-grams of one of them are harmful.
A sentence out of its context is a weaker signal than a separate text, so a window must stand out: from its logit are
taken a share of the other windows' mean and ln n for the n chances of a false alarm (the Bonferroni correction), at
least MIN_DISCOUNT. Weights come from `python -m training` and are plain arrays in an .npz file, never pickles.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.content.grades import Grade
from embedded_aws.bedrock.detectors.content.ngrams import Indices, Values, ngrams, weighted
from embedded_aws.bedrock.detectors.text.disguises import undisguised
from embedded_aws.bedrock.detectors.text.languages import Language, language
from embedded_aws.bedrock.detectors.text.lexicon import listed
from embedded_aws.bedrock.detectors.text.sentences import WINDOW_CHARACTERS, joined, sentences
from embedded_aws.bedrock.detectors.wrappers import unwrap
from embedded_aws.bedrock.encoder.model import encode_layers, encode_within

WEIGHTS = Path(__file__).parents[1] / "weights" / "heads.npz"
STRETCH = 2 * WINDOW_CHARACTERS  # a text up to this length is encoded as a whole, a longer one in stretches
SAMPLE = 8
"""Of more stretches every second, third, … is encoded: a text that is harmful all through is found as a whole."""
MAX_DISCOUNT = 32  # windows: padding a text with harmless ones cannot lower a score without end
MIN_DISCOUNT = 0.4  # of a window's logit, however harmless the others
CONTRAST = 0.3  # share of the other windows' mean logit: news about a crime is alarming all through, a threat is not
# A stretch of DILUTED characters whose logits are further below the thresholds has no sentence above them (measured);
# in a shorter one a sentence weighs more.
MARGINS = {"SEXUAL": 3.0, "VIOLENCE": 3.5, "HATE": 3.3, "INSULTS": 4.2, "MISCONDUCT": 3.0, "PROMPT_ATTACK": 2.5}
DILUTED = 400
SCALE = 9.0  # of the centred vectors: they differ little from one another
LAYERS = 2
ATTACK = "PROMPT_ATTACK"
ORDERLESS = -9.0
"""The logit of an attack for a text of one word, besides those that wrappers are made of: it orders nothing."""
_WRAPPER = listed("user assistant system developer tool function model text message role type json id")
_WORDS = re.compile(r"[^\W_]+")
_LONGEST_WORD = 20
_WITHOUT_BLANKS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]")
LEAKAGE = "PROMPT_LEAKAGE"
"""The head that separates, among prompt attacks, attempts to read the system prompt from the others."""
LEAKS = 0.5
"""Its threshold."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """Some texts' input to the heads."""

    dense: Array  # (n, layers, 384)
    sparse: Sequence[tuple[Indices, Values]]  # n
    languages: Sequence[Language]  # n


@dataclass(frozen=True, slots=True)
class Value:
    """The heads' scores of a text, shape (k,), and its language."""

    scores: Array
    language: Language


@dataclass(frozen=True, slots=True)
class Heads:
    """Weights of all k heads over hidden layers of m units."""

    names: tuple[str, ...]
    sparse: Array  # (buckets, k), for n-grams weighted by rarity
    rarity: Array  # (buckets,)
    bias: Array  # (k,)
    mean: Array  # (layers, 384)
    hidden: Array  # (layers, 384, m)
    hidden_bias: Array  # (layers, m)
    output: Array  # (layers, m, k)
    output_bias: Array  # (layers, k)
    thresholds: Array  # (k, 3): LOW, MEDIUM, HIGH; those of LEAKAGE are out of reach
    other: Array  # (k,): what is taken from the networks' logit of a text that is not English

    def logits(self, features: Features) -> Array:
        """Logits, shape (n, k)."""
        networks, words = self.networks(features.dense), self.words(features.sparse)
        english, other = (networks + words) / 2, networks - self.other
        rows = [
            first if found.english else second if found.sure else np.maximum(first, second)
            for first, second, found in zip(english, other, features.languages, strict=True)
        ]
        return np.array(rows, dtype=np.float32).reshape(-1, len(self.names))

    def networks(self, dense: Array) -> Array:
        """The mean of the networks' logits, shape (n, k)."""
        given = (dense - self.mean) * np.float32(SCALE)
        found = [
            np.maximum(given[:, layer] @ self.hidden[layer] + self.hidden_bias[layer], 0.0) @ self.output[layer]
            + self.output_bias[layer]
            for layer in range(LAYERS)
        ]
        mean: Array = np.mean(found, axis=0).astype(np.float32)
        return mean

    def words(self, sparse: Sequence[tuple[Indices, Values]]) -> Array:
        """The logits of the n-grams, shape (n, k)."""
        rows = [weighted(buckets, values, self.rarity) @ self.sparse[buckets] for buckets, values in sparse]
        found: Array = np.array(rows, dtype=np.float32).reshape(-1, len(self.names)) + self.bias
        return found

    def doubtful(self, logits: Array, length: int) -> bool:
        """Whether one of a stretch's logits is near enough to harm that its sentences are worth a look."""
        margins = np.array([MARGINS.get(name, 0.0) for name in self.names]) * min(1.0, length / DILUTED)
        return bool((logits > np.log(self.thresholds[:, 0] / (1 - self.thresholds[:, 0])) - margins).any())

    def suspicious(self, inside: Sequence[str]) -> bool:
        """Whether the n-grams of a sentence alone are harmful: beside many bland ones the whole hides it."""
        return bool(
            (
                self.words([ngrams(part) for part in inside])
                > np.log(self.thresholds[:, 0] / (1 - self.thresholds[:, 0]))
            ).any()
        )

    def worst(self, windows: Array) -> Array:
        """The logits of a text's worst window, discounted, shape (k,)."""
        count = len(windows)
        worst: Array = windows.max(axis=0)
        others = (windows.sum(axis=0) - worst) / max(count - 1, 1)
        discount = CONTRAST * others + np.float32(np.log(min(count, MAX_DISCOUNT)))
        found: Array = worst - np.maximum(discount, MIN_DISCOUNT)
        return found

    def grade(self, name: str, score: float) -> Grade:
        """The confidence level of a head's score by its calibrated thresholds."""
        low, medium, high = (float(value) for value in self.thresholds[self.names.index(name)])
        if score >= high:
            return Grade(score, "HIGH")
        if score >= medium:
            return Grade(score, "MEDIUM")
        return Grade(score, "LOW" if score >= low else "NONE")


def features(texts: Sequence[str]) -> Features:
    """What the heads read of texts without disguises."""
    return Features(encode_layers(texts), tuple(map(ngrams, texts)), tuple(map(language, texts)))


def text_logits(heads: Heads, text: str) -> Array | None:
    """A text's logits, shape (k,): those of the whole text or of its worst window; None for a text without words."""
    text = undisguised(text)
    parts = sentences(text)
    if not parts:
        return None
    stretches = [text.strip()] if len(text) <= STRETCH else joined(parts, STRETCH)
    if len(stretches) > SAMPLE:  # nearly each stretch of a document has a doubtful sentence: encoding it saves nothing
        whole = heads.logits(features(stretches[:: -(-len(stretches) // SAMPLE)]))
        found: Array = np.maximum(whole.mean(axis=0), heads.worst(heads.logits(features(parts))))
        return found
    if len(parts) > 1 and len(stretches) == 1:
        encode_within(stretches[0], parts)  # keeps what the topics need, in the same run as the text
    whole = heads.logits(features(stretches))
    windows: list[Array] = []
    for stretch, logits in zip(stretches, whole, strict=True):
        inside = sentences(stretch)
        if len(inside) > 1 and (heads.doubtful(logits, len(stretch)) or heads.suspicious(inside)):
            windows.extend(heads.logits(features(inside)))
        elif len(stretches) > 1:
            windows.extend([logits] * len(inside))
    best: Array = whole.mean(axis=0)
    if windows:
        best = np.maximum(best, heads.worst(np.stack(windows)))
    if orderless(text):
        best[heads.names.index(ATTACK)] = ORDERLESS
    return best


def orderless(text: str) -> bool:
    """Whether a text is too short for an order: "user, text" is what is left of a wrapper."""
    if len(text) > _LONGEST_WORD * 4 or _WITHOUT_BLANKS.search(text):
        return False
    words = [word for word in _WORDS.findall(text) if word.lower() not in _WRAPPER and not word.isdigit()]
    return len(words) < 2 and all(len(word) < _LONGEST_WORD for word in words)


@lru_cache(maxsize=256)
def worst_scores(text: str) -> dict[str, float]:
    """Every head's score of a text or of the worst value of a wrapped one; zeros for a text without words."""
    found = value_scores(text)
    heads = load()
    if not found:
        return dict.fromkeys(heads.names, 0.0)
    worst = np.maximum.reduce([value.scores for value in found])
    return {name: float(score) for name, score in zip(heads.names, worst, strict=True)}


@lru_cache(maxsize=256)
def value_scores(text: str) -> tuple[Value, ...]:
    """The scores of each value of a wrapped text, or of the text; none for a text without words."""
    heads = load()
    found = []
    for value in unwrap.values(text):
        logits = text_logits(heads, value.text)
        if logits is not None:
            found.append(Value(probability(logits), language(value.text)))
    return tuple(found)


def probability(logits: Array) -> Array:
    """The logistic function."""
    found: Array = (1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
    return found


@lru_cache(maxsize=1)
def load(path: Path = WEIGHTS) -> Heads:
    """Read the weights once."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files if name != "names"}
        return Heads(names=tuple(str(name) for name in stored["names"]), **arrays)
