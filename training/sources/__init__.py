"""The head for indirect injections: which sentence of a stranger's text gives an order to the assistant that reads it.

Harmless documents get one order planted at a random place, and a network learns which sentences were planted. It reads
each sentence and the mean of its neighbours: "What is the capital of Peru?" belongs into a quiz and not into an
invoice. Orders are the project's own (authored/sources.txt), BIPIA's, and Alpaca's seed tasks, which are what an
injected task looks like. Documents are recipes, handbooks and announcements in the public domain, BIPIA's e-mails and
tables, COVID-QA's papers, Alpaca's answers, the project's documentation and own texts full of orders to people.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedded_aws.bedrock.detectors.content.heads import SCALE
from embedded_aws.bedrock.detectors.content.sources import context, parts
from training import network
from training.authored import FOLDER, Filler, authored
from training.examples import Example
from training.matrices import encoded

_ROOT = Path(__file__).resolve().parents[2]
_TEMPLATES = ("answers.txt", "narrative.txt", "safe.txt", "professional.txt", "help.txt", "languages.txt")
_LONGEST = 14  # sentences of a document
_DOCUMENTS = 7000
_PLANTED = 0.55  # of the documents
_MIXED = 1800  # own documents of one or three kinds of sentences
_POSITIVE = 0.35  # of the total weight
_SEEDS = (0, 1)
_UNITS, _EPOCHS = 64, 8


@dataclass(frozen=True, slots=True)
class Document:
    """The sentences of a text, which of them are planted orders, and its weight."""

    sentences: tuple[str, ...]
    planted: tuple[bool, ...]
    weight: float


def train(data: Path, target: Path, cache: Path | None = None) -> None:
    """Fit the head and store it in half precision."""
    documents = list(_documents(data, random.Random(1)))  # noqa: S311 - reproducible, no secret
    every = list(dict.fromkeys(one for document in documents for one in document.sentences))
    known = dict(zip(every, encoded(every, cache).reshape(len(every), -1), strict=True))
    rows = np.stack([known[one] for document in documents for one in document.sentences])
    mean = rows.mean(axis=0).astype(np.float16).astype(np.float32)
    inputs = np.vstack(
        [
            context((np.stack([known[one] for one in document.sentences]) - mean) * np.float32(SCALE))
            for document in documents
        ]
    )
    truth = np.array([[float(one)] for document in documents for one in document.planted], dtype=np.float32)
    weights = np.array([[one.weight] for one in documents for _ in one.sentences], dtype=np.float32)
    for label, share in ((1, _POSITIVE), (0, 1 - _POSITIVE)):
        weights[truth == label] *= share * len(truth) / weights[truth == label].sum()
    found = [network.train(inputs, truth, weights, seed, _UNITS, _EPOCHS) for seed in _SEEDS]
    np.savez_compressed(
        target,
        mean=mean.astype(np.float16),
        hidden=np.concatenate([one.hidden for one in found], axis=1).astype(np.float16),
        hidden_bias=np.concatenate([one.hidden_bias for one in found]),
        output=np.concatenate([one.output for one in found])[:, 0].astype(np.float16) / len(found),
        bias=np.float32(np.mean([one.output_bias for one in found])),
    )


def _documents(data: Path, generator: random.Random) -> Iterator[Document]:
    fill = Filler(generator)
    harmless = [(cut[:_LONGEST], weight) for cut, weight in _harmless(data, generator, fill) if cut]
    orders = _Orders(data, generator, fill)
    for number in range(_DOCUMENTS):
        sentences, weight = harmless[number] if number < len(harmless) else generator.choice(harmless)
        if generator.random() > _PLANTED:
            yield Document(tuple(sentences), (False,) * len(sentences), weight)
            continue
        order = orders.draw()
        at = generator.choice([0, len(sentences), *(generator.randint(0, len(sentences)) for _ in range(2))])
        planted = (False,) * at + (True,) * len(order) + (False,) * (len(sentences) - at)
        yield Document((*sentences[:at], *order, *sentences[at:]), planted, 1.0)


class _Orders:
    """What is planted."""

    def __init__(self, data: Path, generator: random.Random, fill: Filler) -> None:
        self._generator, self._fill = generator, fill
        attacks = json.loads((data / "bipia" / "text_attack_train.json").read_text(encoding="utf-8"))
        self._kinds: list[list[str]] = list(attacks.values())
        self._tasks = [task["instruction"][:300] for task in _tasks(data)]
        self._templates = [line for label, line in _labelled("sources.txt") if label == "INJECTION"]

    def draw(self) -> tuple[str, ...]:
        """The sentences of one order."""
        kind = self._generator.random()
        if kind < 0.62:
            order = self._fill(self._generator.choice(self._templates))
        elif kind < 0.85:
            order = self._generator.choice(self._generator.choice(self._kinds))
        else:
            order = self._generator.choice(self._tasks)
        if self._generator.random() < 0.06:
            order = f"{self._fill('{srcwho}')}: {order}"
        if self._generator.random() < 0.12:
            order += f" {self._fill(self._generator.choice(self._templates))}"
        return tuple(parts(order)) or (order,)


def _harmless(data: Path, generator: random.Random, fill: Filler) -> Iterator[tuple[list[str], float]]:
    for text in (FOLDER / "public_domain.txt").read_text(encoding="utf-8").split("\n=== ")[1:]:
        yield parts(text.partition("\n")[2]), 1.0
    folder = data / "bipia"
    for line in (folder / "train.jsonl").read_text(encoding="utf-8").splitlines():
        yield parts(json.loads(line)["context"]), 1.5
    for line in generator.sample((folder / "table_train.jsonl").read_text(encoding="utf-8").splitlines(), 120):
        yield parts(json.loads(line)["context"])[:8], 0.7
    for task in _tasks(data):
        for text in (text for one in task["instances"] for text in (one["input"], one["output"])):
            if len(text) > 150 and "code" not in task["name"]:
                yield parts(text), 1.0
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    for paper in (paper for entry in corpus for paper in entry["paragraphs"]):
        if not Example(paper["context"], "covidqa").held_out:
            yield from _stretches(parts(paper["context"][:40_000]), 3, 0.7, generator)
    for path in sorted((_ROOT / "docs").rglob("*.md")):
        yield from _stretches(parts(path.read_text(encoding="utf-8")), 4, 1.0, generator)
    own = [one.text for one in authored(names=_TEMPLATES) if not one.positive]
    for text in generator.sample(own, 1500):
        yield parts(text), 0.5
    kinds = [line for label, line in _labelled("sources.txt") if label == "BENIGN"]
    for _ in range(_MIXED):
        chosen = [generator.choice(kinds)] if generator.random() < 0.6 else generator.choices(kinds, k=3)
        texts = [fill(generator.choice(chosen)) for _ in range(generator.randint(1, 7))]
        yield list(dict.fromkeys(texts)), 1.5


def _stretches(
    sentences: Sequence[str], number: int, weight: float, generator: random.Random
) -> Iterator[tuple[list[str], float]]:
    for _ in range(number):
        start = generator.randrange(max(1, len(sentences) - 10))
        yield list(sentences[start : start + generator.randint(2, 12)]), weight


def _tasks(data: Path) -> list[dict[str, Any]]:
    lines = (data / "alpaca_seed" / "seed_tasks.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _labelled(name: str) -> Iterator[tuple[str, str]]:
    """Each template with its label."""
    label = ""
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            label = line[2:]
        elif line.strip() and not line.startswith("# "):
            yield label, line
