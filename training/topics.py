"""Train the topic detector: the bank of generic texts and the combination of its features."""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from embedded_aws.bedrock.detectors.embedding.encoder import Embeddings, embed
from embedded_aws.bedrock.detectors.topics import Space, Topic, make_space, prepare, topic_features, whiten
from training.examples import Example
from training.public import rows

BANK = {  # texts per source
    "s-labs": 600, "covidqa": 300, "alpaca_seed": 200, "banking77": 150, "clinc150": 250, "authored": 300,
    "presidio_research": 150, "bipia": 50,
}  # fmt: skip
ANCHORS = 1200  # harmless authored texts that contrast with the topic
FALSE_POSITIVES = 0.0204  # of other intents' utterances, over the training topics, before anchors: sets the threshold
TASKS = Path(__file__).with_name("topic_tasks.json")
MAX_EXAMPLES = 5  # AWS allows five example phrases


@dataclass(frozen=True, slots=True)
class Task:
    """One topic and which of the utterances belong to it."""

    topic: Topic
    vectors: Embeddings
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


def anchor_texts(examples: Sequence[Example], seed: int = 4) -> list[str]:
    """Harmless authored texts, none of them held out, and those written to be close to topics that people deny."""
    texts = [
        example.text for example in examples
        if example.source == "authored" and not example.positive and not example.held_out and len(example.text) < 300
    ]  # fmt: skip
    near: list[str] = json.loads(TASKS.read_text(encoding="utf-8"))["anchors"]
    return random.Random(seed).sample(texts, ANCHORS) + near  # noqa: S311 - reproducible, no secret


def tasks(data: Path, seed: int = 11) -> list[Task]:
    """Topics from CLINC150's domains and intents and Banking77's intents, with none to five examples each."""
    generator = random.Random(seed)  # noqa: S311
    definitions = json.loads(TASKS.read_text(encoding="utf-8"))
    parts = json.loads((data / "clinc150" / "data_train_val.json").read_text(encoding="utf-8"))
    domains: dict[str, list[str]] = json.loads((data / "clinc150" / "domains.json").read_text(encoding="utf-8"))
    domain_of = {intent: domain for domain, intents in domains.items() for intent in intents}
    clinc = [(text, intent) for text, intent in parts["val"]]
    found: list[Task] = []
    vectors = embed([text for text, _ in clinc])
    for domain in domains:
        pool = [text for text, intent in parts["train"] if domain_of[intent] == domain]
        belongs = np.array([domain_of[intent] == domain for _, intent in clinc])
        for count in (0, 2, MAX_EXAMPLES):
            topic = Topic(_words(domain), definitions[domain], tuple(generator.sample(pool, count)))
            found.append(Task(topic, vectors, belongs))
    found += _intent_tasks(parts["train"], clinc, vectors, "Requests about", generator)
    banking = [(row["text"], row["category"]) for row in rows(data / "banking77" / "train.csv")]
    generator.shuffle(banking)
    tested, pool_rows = banking[:2500], banking[2500:]
    return found + _intent_tasks(pool_rows, tested, embed([text for text, _ in tested]), "Questions about", generator)


def _intent_tasks(
    pool: Sequence[Sequence[str]],
    tested: Sequence[Sequence[str]],
    vectors: Embeddings,
    opening: str,
    generator: random.Random,
) -> list[Task]:
    found = []
    for intent in sorted({label for _, label in tested}):
        examples = generator.sample(
            [text for text, label in pool if label == intent], generator.randint(0, MAX_EXAMPLES)
        )
        belongs = np.array([label == intent for _, label in tested])
        found.append(Task(Topic(_words(intent), f"{opening} {_words(intent)}", tuple(examples)), vectors, belongs))
    return found


def inputs(task: Task, space: Space) -> NDArray[np.float32]:
    """The detector's features of a task's utterances, shape (n, 8)."""
    return topic_features(task.vectors, whiten(task.vectors, space), prepare(task.topic, space))


def combine(given: Sequence[Task], space: Space) -> tuple[NDArray[np.float32], float]:
    """Weights and bias, each task counting alike; the bias puts 0.5 at the accepted false positive rate over the
    tasks.
    """
    features = [inputs(task, space) for task in given]
    x = np.concatenate(features)
    y = np.concatenate([task.belongs for task in given]).astype(np.int64)
    weight = np.concatenate(
        [np.where(task.belongs, 0.5 / task.belongs.sum(), 0.5 / (~task.belongs).sum()) for task in given]
    )
    model = LogisticRegression(C=1.0, max_iter=3000).fit(x, y, sample_weight=weight * len(y) / weight.sum())
    weights = model.coef_[0].astype(np.float32)
    others = np.concatenate([values[~task.belongs] @ weights for values, task in zip(features, given, strict=True)])
    return weights, -float(np.quantile(others, 1.0 - FALSE_POSITIVES))


def train(data: Path, examples: Sequence[Example], path: Path) -> None:
    """Train and store the combination with bank and anchors (8-bit)."""
    vectors = embed(bank_texts(examples))
    space = make_space(vectors)
    weights, bias = combine([task for task in tasks(data) if not task.held_out], space)
    print(f"topics: weights {weights.round(2).tolist()}, bias {bias:.2f}")
    anchors = _quantised(embed(anchor_texts(examples)))
    np.savez_compressed(path, bank=_quantised(vectors), anchors=anchors, weights=weights, bias=np.float32(bias))


def _quantised(vectors: Embeddings) -> NDArray[np.int8]:
    rounded: NDArray[np.int8] = np.round(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)
    return rounded


def _words(label: str) -> str:
    return label.replace("_", " ").replace("?", "")
