"""Curated answers: wrong matches among near misses, right matches among other words, and the time of a question.

    python -m bench.answers DATA               # DATA holds banking77/train.csv and clinc150/data_train_val.json
    python -m bench.answers DATA --calibrate   # measure the local embedding model again

The questions that the threshold was measured with are left out. Half of the intents act as the bank; every question of
the others is a near miss and must match nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from embedded_aws.bedrock.encoder.model import encode
from embedded_aws.bedrock.knowledge.embedding import sized
from stepguard.admin.answers import calibration
from stepguard.aws.embedding import DIMENSIONS, MODEL
from stepguard.evaluation.metrics import wilson
from stepguard.guard.bank.matching import PROBE, Matcher
from stepguard.guard.bank.model import MOST_QUESTIONS, Bank, Item, Limits, normalise
from stepguard.guard.bank.vectors import Vectors

SPLITS = 4
PER_INTENT = {"BANKING77": 24, "CLINC150": 14}
Intents = Mapping[str, Sequence[str]]


def main() -> None:
    """Print the figures of docs/measurements/answers.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--calibrate", action="store_true")
    arguments = parser.parse_args()
    if arguments.calibrate:
        measured = calibration.calibrate(embed_all)
        calibration.remember("the embedded AWS: multilingual-e5-small", embed_all([PROBE])[0], measured)
    probe = embed_all([PROBE])[0]
    limits = calibration.known(probe)
    if limits is None:
        sys.exit("The local embedding model is not measured: add --calibrate.")
    print(f"{limits}\n")
    print("| questions | questions of an item | near misses | wrong (95 % interval) | other words | right | wrong |")
    print("|---|---|---|---|---|---|---|")
    for name, intents in read(arguments.data).items():
        chosen = _sample(intents, PER_INTENT[name])
        vectors = dict(zip(texts := [t for some in chosen.values() for t in some], embed_all(texts), strict=True))
        for size in (5, 10):
            print(_row(name, size, chosen, vectors, limits, probe), flush=True)
    print(f"\n{_speed(probe)}")


def read(folder: Path) -> dict[str, Intents]:
    """The questions of both sets by intent, without those of the calibration."""
    used = {normalise(question) for one in calibration.question_sets() for intent in one for question in intent}
    found: dict[str, dict[str, list[str]]] = {"BANKING77": {}, "CLINC150": {}}
    for name, text, intent in _rows(folder):
        if normalise(text) not in used:
            found[name].setdefault(intent, []).append(" ".join(text.split()))
    return {
        name: {intent: tuple(dict.fromkeys(texts)) for intent, texts in sets.items()} for name, sets in found.items()
    }


def _rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    with (folder / "banking77" / "train.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield "BANKING77", row["text"], row["category"]
    held = json.loads((folder / "clinc150" / "data_train_val.json").read_text(encoding="utf-8"))
    for text, intent in held["train"] + held["val"]:
        yield "CLINC150", text, intent


def _sample(intents: Intents, number: int) -> Intents:
    choose = random.Random(7)
    return {name: choose.sample(texts, min(number, len(texts))) for name, texts in sorted(intents.items())}


def embed_all(texts: Sequence[str]) -> list[list[float]]:
    """The vectors that the embedded AWS gives for Titan's 512 dimensions."""
    return [[float(value) for value in sized(vector, DIMENSIONS)] for vector in encode(texts, "passage")]


def _row(
    name: str,
    size: int,
    intents: Intents,
    vectors: Mapping[str, Sequence[float]],
    limits: Limits,
    probe: Sequence[float],
) -> str:
    near = near_wrong = other = right = wrong = 0
    known = {**vectors, PROBE: probe}
    for seed in range(SPLITS):
        members = set(random.Random(seed).sample(sorted(intents), len(intents) // 2))
        items = tuple(Item(intent, tuple(intents[intent][:size]), f"Answer {intent}.") for intent in sorted(members))
        packed = Vectors.of([vectors[text] for item in items for text in item.texts])
        matcher = Matcher(Bank("", items, (), MODEL, DIMENSIONS, limits, probe, packed), known.__getitem__)
        for intent, texts in intents.items():
            for text in texts if intent not in members else texts[size:]:
                match = matcher.find(text)
                found = match.item.qid if match.matched and match.item else None
                if intent in members:
                    other, right, wrong = other + 1, right + (found == intent), wrong + (found not in (None, intent))
                else:
                    near, near_wrong = near + 1, near_wrong + (found is not None)
    low, high = wilson(near_wrong, near)
    share = f"{near_wrong} = {100 * near_wrong / near:.2f} % ({100 * low:.2f}–{100 * high:.2f})"
    return (
        f"| {name} | {size} | {near} | {share} | {other} | {100 * right / other:.1f} % | {100 * wrong / other:.2f} % |"
    )


def _speed(probe: Sequence[float]) -> str:
    choose = random.Random(3)
    rows = [[choose.gauss(0, 0.04) for _ in range(DIMENSIONS)] for _ in range(MOST_QUESTIONS)]
    started = time.perf_counter()
    stored = json.dumps(Vectors.of(rows).to_dict())
    written = time.perf_counter()
    vectors = Vectors.from_dict(json.loads(stored))
    loaded = time.perf_counter()
    spent = []
    for _ in range(50):
        begun = time.process_time()
        vectors.cosines(probe)
        spent.append(1_000 * (time.process_time() - begun))
    return (
        f"{MOST_QUESTIONS} questions of {DIMENSIONS} dimensions: stored {len(stored) / 1e6:.1f} MB, packed in "
        f"{written - started:.2f} s, read in {loaded - written:.2f} s; a comparison takes "
        f"{statistics.median(spent):.1f} ms of one core (median of 50)"
    )


if __name__ == "__main__":
    main()
