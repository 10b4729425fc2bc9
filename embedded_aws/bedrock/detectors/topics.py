"""Denied topics, zero-shot: a text is compared with a topic's name, definition and examples by embedding.

Three opinions are weighed (likeness.py computes what they read):

- **Requests**, for topics that are a service ("requests about card limits"): likeness alone. Raw cosines cannot be
  compared between topics (a wide definition is near everything), so each is measured against what a bank of generic
  harmless texts has with the same topic: (cosine - median) / standard deviation, also in a space whitened by the bank's
  covariance (Su et al. 2021, https://arxiv.org/abs/2103.15316) and with the parts of a definition that lists things.
- **Subjects**, for topics such as advice, opinions and claims: the same, in contrast to service and information near
  denied subjects ("When is the tax office open?"), and with the speech act: whether a text asks for or gives what
  people deny, or only administers and informs.
- **Heads** for the common subjects of data/subjects.txt, trained on sentences: the head of the subject whose definition
  is most like the topic's, as far as it is like it.

A text very much like one of the topic's examples always counts. As with the content filters, the odds of one of n
sentences are divided by n.

Encoding the sentences of a text takes longer than encoding the text. So each is first judged in its context, which
costs nothing (`encode_within`), and encoded alone only where one of the topics is not far away.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedded_aws.bedrock.detectors.likeness import (
    Logistic,
    Prepared,
    Read,
    Space,
    Topic,
    make_space,
    prepare,
    read,
    restored,
    subject_features,
    topic_features,
    unit,
)
from embedded_aws.bedrock.detectors.text.disguises import undisguised
from embedded_aws.bedrock.detectors.text.sentences import WHOLE_CHARACTERS, sentences
from embedded_aws.bedrock.detectors.wrappers.unwrap import values
from embedded_aws.bedrock.encoder.model import Embeddings, encode_layers, encode_within

WEIGHTS = Path(__file__).with_name("weights") / "topics.npz"
THRESHOLD = 0.6
MAX_DISCOUNT = 32  # sentences
CONTRAST = 1.0  # how far a sentence's vector is moved away from that of its text, which its context drew it to
DOUBT = 6.0  # logits below the threshold, of a sentence in its context: loses 2 of 352 findings (bench.speed.cascade)
LIKE = (0.5, 0.65)  # likeness of definitions from which a subject's head counts, and counts in full
HEAD_SHARE = 0.85  # of the logit, for a definition that is like the subject's
LISTED = 2.2  # logits for a definition that lists things: each is near only a part of it, and generic texts to none
_EXAMPLE = 0.8  # cosine with an example from which a text counts as the example in other words
_EXAMPLE_LOGITS = 20.0  # per unit of cosine above it
_RECORD = re.compile(r"[A-Z][\w /-]{1,30}: ")  # a field: "Current medications: …"
_RECORD_LOGITS = 1.4
_SUMMARY = re.compile(
    r"(?:(?:please|kindly|can you|could you|would you|i need you to)[ ,]+)*"
    r"(?:summari[sz]e|condense|shorten|sum up|(?:write|give me|make|draft) an? (?:short |brief )?summary of)\b",
    re.IGNORECASE,
)
_CLIP = 6.0  # logits of a head, so that one opinion cannot drown the others

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TopicScore:
    """`score` 0 to 1; detected from `threshold` on."""

    score: float
    detected: bool
    threshold: float = THRESHOLD


@dataclass(frozen=True, slots=True)
class Weights:
    """The trained part. `kind` reads a definition: 1 for a subject, 0 for a service; `act` reads a text: above 0 if it
    asks for or gives what people deny; `heads` (2 x 384, subjects); `definitions` belong to the subjects `belongs`."""

    space: Space
    requests: Logistic
    subjects: Logistic
    kind: Logistic
    act: Logistic
    heads: Array
    head_bias: Array
    definitions: Embeddings
    belongs: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Opinions:
    """What is known of a topic before a text is read: its prototypes, how far it is a subject, which head counts and
    how far."""

    prepared: Prepared
    kind: float
    head: int
    share: float


def detect(text: str, topics: Sequence[Topic]) -> dict[str, TopicScore]:
    """Score a text, or each value of a wrapped one, whole and by sentence (the best counts, sentences discounted), for
    each topic; keys are the topics' names.
    """
    found = [logits for value in values(text) if len(logits := _text_logits(value.text, topics))]
    if not found:
        return {topic.name: TopicScore(0.0, False) for topic in topics}
    best = _probability(np.maximum.reduce(found)).tolist()
    return {topic.name: TopicScore(score, score >= THRESHOLD) for topic, score in zip(topics, best, strict=True)}


def judged(text: str, topics: Sequence[Topic], doubt: float = DOUBT) -> tuple[int, int, bool]:
    """How many sentences of a text without a wrapper are encoded alone, of how many, and whether a topic is found; with
    another DOUBT for measurements."""
    parts, near, logits = _judged(undisguised(text), topics, doubt)
    return int(near.sum()), len(parts), bool((_probability(logits) >= THRESHOLD).any())


def _text_logits(text: str, topics: Sequence[Topic]) -> Array:
    """The logits of one text, shape (T,); empty for a text without words."""
    return _judged(undisguised(text), topics, DOUBT)[2]


def _judged(text: str, topics: Sequence[Topic], doubt: float) -> tuple[Sequence[str], NDArray[np.bool_], Array]:
    """The sentences of a text without disguises, which of them are encoded alone, and the text's logits, shape (T,)."""
    parts = sentences(text)
    if not parts or not topics:
        return parts, np.zeros(len(parts), dtype=np.bool_), np.empty(0, dtype=np.float32)
    fields = np.array([bool(_RECORD.match(part)) for part in parts])
    discount = np.float32(np.log(min(len(parts), MAX_DISCOUNT)))
    whole = [text.strip()] if len(parts) > 1 and len(text) <= WHOLE_CHARACTERS else []
    near = _near(whole[0], parts, topics, discount, doubt) if whole else np.ones(len(parts), dtype=np.bool_)
    logits = _each(encode_layers([*whole, *itertools.compress(parts, near)]), topics)
    logits[len(whole) :] -= discount
    # A summary of a record, and not "Summarise which tablets I should take."
    if len(parts) > 1 and _SUMMARY.match(parts[0]):
        logits -= np.float32(_RECORD_LOGITS)
    elif fields.sum() > 1:  # a patient's record states diagnoses and medicines, and recommends nothing
        logits[len(whole) :][fields[near]] -= np.float32(_RECORD_LOGITS)
        logits[: len(whole)] -= np.float32(_RECORD_LOGITS)
    best: Array = logits.max(axis=0)
    return parts, near, best


def _near(
    text: str, parts: Sequence[str], topics: Sequence[Topic], discount: np.float32, doubt: float
) -> NDArray[np.bool_]:
    """Which sentences of a text may be about one of the topics, by their vectors in its context."""
    whole, inside = encode_within(text, parts)
    alone = unit(inside + np.float32(CONTRAST) * (inside - whole))
    hint = (_each(alone, topics) - discount).max(axis=1)
    found: NDArray[np.bool_] = hint > np.log(THRESHOLD / (1 - THRESHOLD)) - doubt
    return found


def _each(vectors: Embeddings, topics: Sequence[Topic]) -> Array:
    """The logits of embedded texts (n, 2, 384) for each topic, shape (n, T)."""
    given = read(vectors, load().space)
    return np.stack([_logits(given, topic) for topic in topics], axis=1)


def score_vectors(vectors: Embeddings, topic: Topic) -> Array:
    """Scores of embedded texts (n, 2, 384) for one topic, each as if it stood alone, shape (n,)."""
    return _probability(_logits(read(vectors, load().space), topic))


def _logits(given: Read, topic: Topic) -> Array:
    """Shape (n,)."""
    weights, known = load(), _opinions(topic)
    features, raw = topic_features(given, known.prepared)
    logits = (1 - known.kind) * weights.requests(features)
    if known.kind:
        contrast = subject_features(given, raw, weights.act(given.both), weights.space)
        logits = logits + known.kind * weights.subjects(np.concatenate([features, contrast], axis=1))
    if len(known.prepared.plain) > known.prepared.whole:
        logits = logits + np.float32(LISTED * (1 - known.share))
    if known.share:
        head = given.both @ weights.heads[:, known.head] + weights.head_bias[known.head]
        logits = (1 - known.share) * logits + known.share * head
    logits = np.clip(logits, -_CLIP, _CLIP)
    if len(known.prepared.examples):
        nearest = (given.plain @ known.prepared.examples.T).max(axis=1)
        logits = np.maximum(logits, np.minimum((nearest - _EXAMPLE) * _EXAMPLE_LOGITS, _CLIP))
    found: Array = logits.astype(np.float32)
    return found


def _probability(logits: Array) -> Array:
    result: Array = (1.0 / (1.0 + np.exp(-logits))).astype(np.float32)
    return result


@lru_cache(maxsize=512)
def _opinions(topic: Topic) -> _Opinions:
    weights = load()
    given = read(encode_layers([f"{topic.name}: {topic.definition}", topic.definition]), weights.space)
    kind = float(_probability(weights.kind(given.both[:1]))[0])
    like = (given.plain @ weights.definitions.T).max(axis=0)
    best = int(like.argmax())
    low, high = LIKE
    share = HEAD_SHARE * min(1.0, max(0.0, (float(like[best]) - low) / (high - low)))
    return _Opinions(prepare(topic, weights.space), kind, int(weights.belongs[best]), share)


def nearest_subject(topic: Topic) -> int | None:
    """The number of the subject whose head counts for a topic; None if none is like it."""
    found = _opinions(topic)
    return found.head if found.share else None


@lru_cache(maxsize=1)
def load() -> Weights:
    """The stored weights; vectors are stored as 8-bit integers and have length one again."""
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        logistic = {
            name: Logistic(stored[name].astype(np.float32), float(stored[f"{name}_bias"]))
            for name in ("requests", "subjects", "kind", "act")
        }
        space = make_space(
            stored["centre"].astype(np.float32),
            stored["languages"].astype(np.float32),
            restored(stored["bank"]),
            restored(stored["neighbours"]),
        )
        return Weights(
            space,
            logistic["requests"],
            logistic["subjects"],
            logistic["kind"],
            logistic["act"],
            stored["heads"].astype(np.float32),
            stored["head_bias"].astype(np.float32),
            restored(stored["definitions"]),
            stored["belongs"].astype(np.int64),
        )
