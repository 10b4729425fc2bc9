"""What the cascade of the denied topics saves and loses: `python -m bench.speed.cascade [--json]`.

A text's sentences are encoded alone only where their vectors in the text's context leave doubt (detectors/topics.py).
Each of the project's own texts about a denied topic is put among two harmless sentences of its language, and each of
the harmless sentences among two others. `found` are texts whose topic is detected; `encoded` is the share of sentences
that are encoded alone.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.texts import OWN
from embedded_aws.bedrock.detectors import topics
from embedded_aws.bedrock.detectors.likeness import Topic

_DATA = Path(__file__).parents[1] / "data"
_TIMES = 2
"""Texts that are made of each sentence, with other neighbours."""


@dataclass(frozen=True, slots=True)
class Case:
    """A text of three sentences, the topics that it is judged by, and the set that it counts for."""

    kind: str
    text: str
    topics: tuple[Topic, ...]


def cases() -> Iterator[Case]:
    """The same texts at each call."""
    generator = random.Random(11)
    kinds = _read(_DATA / "kinds.json")
    harmless = {"en": [*kinds["questions"], *kinds["help"]]}
    harmless |= {name: found["harmless"] for name, found in _read(_DATA / "languages.json").items() if name != "note"}
    given = [
        *_read(OWN / "validation_advice.json")["topics"],
        *_read(OWN / "validation_topics.json")["topics"],
    ]
    known = [Topic(one["name"], one["definition"], tuple(one["examples"])) for one in given]
    for one, topic in zip(given, known, strict=True):
        languages = {"en": one["denied"], **{name: texts["denied"] for name, texts in _others(one).items()}}
        for language, denied in languages.items():
            around = harmless.get(language, harmless["en"])
            kind = "denied, English" if language == "en" else "denied, other languages"
            for text in denied * _TIMES:
                yield Case(kind, _mixed(generator, [text, *generator.sample(around, 2)]), (topic,))
    for language, around in harmless.items():
        kind = "harmless, English" if language == "en" else "harmless, other languages"
        for text in around:
            yield Case(kind, _mixed(generator, [text, *generator.sample(around, 2)]), tuple(known[:4]))


def _others(one: dict[str, Any]) -> dict[str, Any]:
    found = one.get("languages", {})
    return {name: texts if isinstance(texts, dict) else {"denied": texts} for name, texts in found.items()}


def _mixed(generator: random.Random, parts: Sequence[str]) -> str:
    shuffled = [part if part.rstrip()[-1] in ".?!。？！।؟" else f"{part}." for part in parts]
    generator.shuffle(shuffled)
    return " ".join(shuffled)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def measure() -> dict[str, dict[str, float]]:
    """For each kind: texts, found without and with the cascade, and the share of sentences that it encodes."""
    report: dict[str, dict[str, float]] = {}
    for case in cases():
        row = report.setdefault(case.kind, dict.fromkeys(("texts", "found", "found_cascade", "near", "sentences"), 0))
        row["texts"] += 1
        for name, doubt in (("found", float("inf")), ("found_cascade", topics.DOUBT)):
            near, count, found = topics.judged(case.text, case.topics, doubt)
            row[name] += found
            if name == "found_cascade":
                row["near"] += near
                row["sentences"] += count
    for row in report.values():
        row["encoded"] = round(row.pop("near") / row.pop("sentences"), 3)
    return report


def main() -> int:
    """Print a line for each kind of text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report = measure()
    if given.json:
        print(json.dumps(report))
        return 0
    for kind, row in report.items():
        print(
            f"{kind:26} {row['texts']:4} texts, found {row['found']} without the cascade and {row['found_cascade']} "
            f"with it; {row['encoded']:.0%} of the sentences encoded"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
