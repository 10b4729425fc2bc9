"""Train the topic detector: the bank of generic texts, what likeness weighs, and the heads of common subjects.

Every opinion is calibrated on texts that it was not fitted on: likeness on subjects that are left out as a whole, heads
on sentences that are left out.
"""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from embedded_aws.bedrock.detectors.likeness import (
    Logistic,
    Space,
    Topic,
    make_space,
    placed,
    prepare,
    quantised,
    read,
    subject_features,
    topic_features,
)
from embedded_aws.bedrock.detectors.subjects import Subject, parsed, subjects
from embedded_aws.bedrock.detectors.text.languages import language
from embedded_aws.bedrock.encoder.model import Embeddings
from training.authored import FOLDER, foreign
from training.examples import Example
from training.public import rows

BANK = {  # texts per source
    "s-labs": 600, "covidqa": 300, "alpaca_seed": 200, "banking77": 150, "clinc150": 250, "authored": 300,
    "presidio_research": 150, "bipia": 50,
}  # fmt: skip
# Shares of texts that may be flagged, which set the thresholds.
REQUESTS_FLAGGED = 0.0204  # other intents' utterances, over the training topics
NEAR_FLAGGED = 0.08  # near texts of a subject that was left out
FAR_FLAGGED = 0.015  # texts of other subjects and of the bank
HEAD_NEAR_FLAGGED = 0.05
HEAD_FAR_FLAGGED = 0.02  # other subjects' texts; some belong to this one too
HEAD_BANK_FLAGGED = 0.003
# Logits by which thresholds are lower than these shares demand: other people's words score lower than sentences that
# were left out of the training, which have its style (docs/measurements/detectors.md).
OTHER_WORDS = 0.9
LANGUAGE_DIRECTIONS = 10  # that are taken out of the vectors
LANGUAGE_TEXTS = 15  # of a language, at least, for its mean
FOLDS = 5
PER_OTHER = 12  # texts of each other subject
EXAMPLES = (0, 2, 3, 0, 5)  # of a subject's definitions in turn
TASKS = Path(__file__).with_name("topic_tasks.json")
MAX_EXAMPLES = 5  # AWS allows five example phrases

Array = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Embeddings]


@dataclass(frozen=True, slots=True)
class Task:
    """One topic and which of the utterances belong to it."""

    topic: Topic
    texts: tuple[str, ...]
    belongs: NDArray[np.bool_]

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the third of the topics that training never sees."""
        return hashlib.blake2b(self.topic.name.encode(), digest_size=2).digest()[0] % 3 == 0


def bank_texts(examples: Sequence[Example], seed: int = 11) -> list[str]:
    """Short texts that are harmless in every respect, mixed from the benign sources, none of them held out."""
    generator = random.Random(seed)  # noqa: S311 - reproducible, no secret
    chosen: list[str] = []
    for source, number in BANK.items():
        texts = [
            example.text for example in examples
            if example.source == source and not example.positive and not example.held_out and len(example.text) < 300
        ]  # fmt: skip
        chosen += generator.sample(texts, min(number, len(texts)))
    return chosen


def tasks(data: Path, seed: int = 11) -> list[Task]:
    """Topics from CLINC150's domains and intents and Banking77's intents, with none to five examples each."""
    generator = random.Random(seed)  # noqa: S311
    definitions = json.loads(TASKS.read_text(encoding="utf-8"))
    parts = json.loads((data / "clinc150" / "data_train_val.json").read_text(encoding="utf-8"))
    domains: dict[str, list[str]] = json.loads((data / "clinc150" / "domains.json").read_text(encoding="utf-8"))
    domain_of = {intent: domain for domain, intents in domains.items() for intent in intents}
    clinc = [(text, intent) for text, intent in parts["val"]]
    found: list[Task] = []
    for domain in domains:
        pool = [text for text, intent in parts["train"] if domain_of[intent] == domain]
        belongs = np.array([domain_of[intent] == domain for _, intent in clinc])
        for count in (0, 2, MAX_EXAMPLES):
            topic = Topic(_words(domain), definitions[domain], tuple(generator.sample(pool, count)))
            found.append(Task(topic, tuple(text for text, _ in clinc), belongs))
    found += _intent_tasks(parts["train"], clinc, "Requests about", generator)
    banking = [(row["text"], row["category"]) for row in rows(data / "banking77" / "train.csv")]
    generator.shuffle(banking)
    tested, pool_rows = banking[:2500], banking[2500:]
    return found + _intent_tasks(pool_rows, tested, "Questions about", generator)


def _intent_tasks(
    pool: Sequence[Sequence[str]], tested: Sequence[Sequence[str]], opening: str, generator: random.Random
) -> list[Task]:
    found = []
    for intent in sorted({label for _, label in tested}):
        examples = generator.sample(
            [text for text, label in pool if label == intent], generator.randint(0, MAX_EXAMPLES)
        )
        belongs = np.array([label == intent for _, label in tested])
        topic = Topic(_words(intent), f"{opening} {_words(intent)}", tuple(examples))
        found.append(Task(topic, tuple(text for text, _ in tested), belongs))
    return found


@dataclass(frozen=True, slots=True)
class _Corpus:
    """The subjects' sentences as both layers (n, 768), which subject each is of, and whether it is denied."""

    both: Array
    subject: NDArray[np.int64]
    denied: NDArray[np.bool_]


def train(data: Path, examples: Sequence[Example], path: Path, encode: Encode) -> None:
    """Train and store everything (vectors in 8 bits)."""
    known = all_subjects()
    bank = encode(bank_texts(examples))
    languages = language_directions(bank, encode)
    texts = [text for subject in known for text in subject.denied + subject.near]
    centre = ((bank.mean(axis=0) + encode(texts).mean(axis=0)) / 2).astype(np.float32)
    extra: list[str] = json.loads(TASKS.read_text(encoding="utf-8"))["anchors"]

    def neighbours(chosen: Sequence[Subject]) -> Embeddings:
        near = [text for subject in chosen for text in subject.near]
        return placed(encode([*near, *extra]), centre, languages)[:, -1]

    space = make_space(centre, languages, placed(bank, centre, languages)[:, -1], neighbours(known))
    harmless = read(np.concatenate([bank[::3], encode(foreign()[1::2])]), space).both
    corpus = _corpus(known, space, encode)
    given = tasks(data)
    requests = _requests([task for task in given if not task.held_out], space, encode)
    act = _act(corpus, harmless, np.ones(len(corpus.subject), dtype=bool))
    contrast = _subjects(known, corpus, harmless, space, neighbours, bank[::5], encode)
    kind = _kind(known, [task.topic for task in given if not task.held_out], space, encode)
    heads, biases = zip(*(_head(corpus, harmless, number) for number in range(len(known))), strict=True)
    definitions = [
        (f"{subject.name}: {text}" if named else text, number)
        for number, subject in enumerate(known)
        for text in subject.definitions
        for named in (False, True)
    ]
    print(f"topics: requests {requests.weights.round(2)}, subjects {contrast.weights.round(2)}")
    trained = {"requests": requests, "subjects": contrast, "kind": kind, "act": act}
    arrays: dict[str, NDArray[Any]] = {name: opinion.weights.astype(np.float32) for name, opinion in trained.items()}
    arrays |= {f"{name}_bias": np.array(opinion.bias, dtype=np.float32) for name, opinion in trained.items()}
    arrays |= {
        "centre": centre,
        "languages": languages.astype(np.float16),
        "bank": quantised(space.bank),
        "neighbours": quantised(space.neighbours),
        "heads": np.stack(heads, axis=1).astype(np.float16),
        "head_bias": np.array(biases, dtype=np.float32),
        "definitions": quantised(read(encode([text for text, _ in definitions]), space).plain),
        "belongs": np.array([number for _, number in definitions], dtype=np.int8),
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)


def all_subjects() -> tuple[Subject, ...]:
    """The subjects with their sentences in other languages."""
    given = parsed((FOLDER / "subjects_languages.txt").read_text("utf-8"))
    if unknown := {subject.name for subject in given} - {subject.name for subject in subjects()}:
        raise ValueError(f"subjects_languages.txt has unknown subjects: {', '.join(sorted(unknown))}")
    found = []
    for subject in subjects():
        same = [subject, *(other for other in given if other.name == subject.name)]
        found.append(
            replace(
                subject,
                requests=tuple(text for one in same for text in one.requests),
                answers=tuple(text for one in same for text in one.answers),
                service=tuple(text for one in same for text in one.service),
                information=tuple(text for one in same for text in one.information),
            )
        )
    return tuple(found)


def language_directions(bank: Embeddings, encode: Encode) -> Array:
    """The directions in which the means of languages differ most, in each layer: shape (2, k, 384)."""
    of_language: dict[str, list[str]] = {}
    for text in foreign():
        of_language.setdefault(language(text).code, []).append(text)
    groups = [encode(texts) for texts in of_language.values() if len(texts) >= LANGUAGE_TEXTS]
    means = np.stack([bank.mean(axis=0), *(group.mean(axis=0) for group in groups)])
    means -= means.mean(axis=0)
    return np.stack(
        [np.linalg.svd(means[:, layer], full_matrices=False)[2][:LANGUAGE_DIRECTIONS] for layer in range(2)]
    )


def _corpus(known: Sequence[Subject], space: Space, encode: Encode) -> _Corpus:
    rows_of = [
        (text, number, denied)
        for number, subject in enumerate(known)
        for texts, denied in ((subject.denied, True), (subject.near, False))
        for text in texts
    ]
    both = read(encode([text for text, _, _ in rows_of]), space).both
    return _Corpus(both, np.array([row[1] for row in rows_of]), np.array([row[2] for row in rows_of]))


def _requests(given: Sequence[Task], space: Space, encode: Encode) -> Logistic:
    """Likeness alone, each task counting alike; the bias puts 0.5 at the accepted false positive rate."""
    texts = dict.fromkeys(task.texts for task in given)
    seen = {group: read(encode(group), space) for group in texts}
    features = [topic_features(seen[task.texts], prepare(task.topic, space))[0] for task in given]
    weight = [np.where(task.belongs, 0.5 / task.belongs.sum(), 0.5 / (~task.belongs).sum()) for task in given]
    weights = _fit(np.concatenate(features), np.concatenate([task.belongs for task in given]), np.concatenate(weight))
    others = np.concatenate([x[~task.belongs] @ weights for x, task in zip(features, given, strict=True)])
    return Logistic(weights, -float(np.quantile(others, 1 - REQUESTS_FLAGGED)))


def _act(corpus: _Corpus, harmless: Array, chosen: NDArray[np.bool_]) -> Logistic:
    """The speech act of chosen sentences: denied, or service, information and generic texts."""
    x = np.concatenate([corpus.both[chosen], harmless])
    y = np.concatenate([corpus.denied[chosen], np.zeros(len(harmless), dtype=bool)])
    weight = np.concatenate([np.ones(chosen.sum()), np.full(len(harmless), 0.3)])
    model = LogisticRegression(C=1.0, max_iter=500, class_weight="balanced").fit(x, y, sample_weight=weight)
    return Logistic(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def _subjects(
    known: Sequence[Subject],
    corpus: _Corpus,
    harmless: Array,
    space: Space,
    neighbours: Callable[[Sequence[Subject]], Embeddings],
    bank: Embeddings,
    encode: Encode,
) -> Logistic:
    """Likeness, contrast and speech act, over subjects that speech act and neighbours were made without."""
    generator = random.Random(3)  # noqa: S311
    features: list[Array] = []
    belongs: list[NDArray[np.bool_]] = []
    weight: list[NDArray[np.float64]] = []
    far: list[NDArray[np.bool_]] = []
    near: list[NDArray[np.bool_]] = []
    for fold in range(FOLDS):
        left_out = [number for number in range(len(known)) if number % FOLDS == fold]
        rest = [subject for number, subject in enumerate(known) if number not in left_out]
        act = _act(corpus, harmless, ~np.isin(corpus.subject, left_out))
        without = make_space(space.centre, space.languages, space.bank, neighbours(rest))
        for number in left_out:
            others = [
                text for other, subject in enumerate(known) if other != number
                for text in generator.sample(subject.denied + subject.near, PER_OTHER)
            ]  # fmt: skip
            subject = known[number]
            for turn, definition in enumerate(subject.definitions):
                examples = generator.sample(subject.denied, EXAMPLES[turn % len(EXAMPLES)])
                topic = Topic(subject.name if turn % 2 == 0 else definition[:40], definition, tuple(examples))
                denied = [text for text in subject.denied if text not in examples]
                given = read(np.concatenate([encode([*denied, *subject.near, *others]), bank]), without)
                likeness, raw = topic_features(given, prepare(topic, without))
                contrast = subject_features(given, raw, act(given.both), without)
                features.append(np.concatenate([likeness, contrast], axis=1))
                counts = (len(denied), len(subject.near), len(others), len(bank))
                kinds = np.repeat(np.arange(4), counts)
                belongs.append(kinds == 0)
                near.append(kinds == 1)
                far.append(kinds >= 2)
                weight.append(np.repeat(np.array([0.5, 0.25, 0.15, 0.1]) / counts, counts))
    x, chosen = np.concatenate(features), np.concatenate(near)
    weights = _fit(x, np.concatenate(belongs), np.concatenate(weight))
    scores = x @ weights
    threshold = max(
        np.quantile(scores[chosen], 1 - NEAR_FLAGGED), np.quantile(scores[np.concatenate(far)], 1 - FAR_FLAGGED)
    )
    print(f"topics: subjects left out found {np.mean(scores[np.concatenate(belongs)] > threshold):.2f}")
    return Logistic(weights, OTHER_WORDS - float(threshold))


def _kind(known: Sequence[Subject], services: Sequence[Topic], space: Space, encode: Encode) -> Logistic:
    """Whether a definition is one of a subject or of a service."""
    subject = [f"{subject.name}: {text}" for subject in known for text in subject.definitions]
    service = list(dict.fromkeys(f"{topic.name}: {topic.definition}" for topic in services))
    service += json.loads(TASKS.read_text(encoding="utf-8"))["services"]
    x = read(encode([*subject, *service]), space).both
    y = np.repeat([True, False], [len(subject), len(service)])
    model = LogisticRegression(C=0.3, max_iter=500, class_weight="balanced").fit(x, y)
    return Logistic(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def _head(corpus: _Corpus, harmless: Array, number: int) -> tuple[Array, float]:
    """Weights and bias of one subject's head; the bias is set on sentences that are left out."""
    own, wanted = corpus.subject == number, (corpus.subject == number) & corpus.denied
    scores = np.empty(len(corpus.subject), dtype=np.float32)
    fold_of = np.arange(len(corpus.subject)) % FOLDS
    on_bank = []
    for fold in range(FOLDS):
        weights = _head_weights(corpus, harmless, wanted, own, fold_of != fold)
        scores[fold_of == fold] = corpus.both[fold_of == fold] @ weights
        on_bank.append(harmless @ weights)
    threshold = max(
        float(np.quantile(scores[own & ~wanted], 1 - HEAD_NEAR_FLAGGED)),
        float(np.quantile(scores[~own], 1 - HEAD_FAR_FLAGGED)),
        float(np.quantile(np.concatenate(on_bank), 1 - HEAD_BANK_FLAGGED)),
    )
    return _head_weights(corpus, harmless, wanted, own, np.ones(len(own), dtype=bool)), OTHER_WORDS - threshold


def _head_weights(
    corpus: _Corpus, harmless: Array, wanted: NDArray[np.bool_], own: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> Array:
    x = np.concatenate([corpus.both[chosen], harmless])
    y = np.concatenate([wanted[chosen], np.zeros(len(harmless), dtype=bool)])
    weight = np.where(own, np.where(wanted, 3.0, 1.0), 0.3)
    model = LogisticRegression(C=3.0, max_iter=200)
    model.fit(x, y, sample_weight=np.concatenate([weight[chosen], np.full(len(harmless), 0.2)]))
    found: Array = model.coef_[0].astype(np.float32)
    return found


def _fit(x: Array, y: NDArray[np.bool_], weight: NDArray[np.float64]) -> Array:
    """Weights of a logistic combination of features of any scale."""
    scale = x.std(axis=0) + np.float32(1e-6)
    model = LogisticRegression(C=1.0, max_iter=500).fit(x / scale, y, sample_weight=weight * len(y) / weight.sum())
    found: Array = (model.coef_[0] / scale).astype(np.float32)
    return found


def _words(label: str) -> str:
    return label.replace("_", " ").replace("?", "")
