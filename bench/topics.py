"""Denied topics with definitions as people publish them: `python -m bench.topics [--json] [--without-examples]`.

The texts are in bench/data/topics: "seen" were read while the training texts were written, "aside" were written at
the same time and judged twice before the training ended, "later" were written after the first training and judged
once before the last, "subjects" are short questions in other languages about twelve subjects. The other sets are
questions and orders to a hospital, a bank, a town hall, a shop, an employer in ten languages. Each text is judged under
its own topic. The harmless ones are judged under the two topics of the project's guardrails, and under all topics of a
set but those that deny whatever is no business of a hospital.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.rates import Rate, rate
from embedded_aws.bedrock.detectors.likeness import Topic
from embedded_aws.bedrock.detectors.topics import detect

DATA = Path(__file__).with_name("data") / "topics"
SETS = ("seen", "aside", "later", "subjects")
HARMLESS = "harmless.txt"
SHIPPED = ("Medical Advice and Diagnosis", "Alternative Medicine Claims")
WIDE = ("Off Topic",)
"""Topics to which a question to a bank or a town hall belongs."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in a language, and whether its topic denies it."""

    topic: str
    language: str
    denied: bool
    text: str


def read(name: str, *, examples: bool = True) -> tuple[dict[str, Topic], list[Text]]:
    """The topics and texts of a set."""
    topics: dict[str, Topic] = {}
    texts: list[Text] = []
    current, definition = "", ""
    phrases: list[str] = []
    for line in (DATA / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        kind, _, value = line.partition(" ")
        if kind == "#":
            continue
        if kind == "@":
            current, phrases = value, []
        elif kind == "=":
            definition = value
        elif kind == "e":
            phrases.append(value)
        else:
            texts.append(Text(current, kind[:-1], kind.endswith("+"), value))
        topics[current] = Topic(current, definition, tuple(phrases) if examples else ())
    return topics, texts


def shares(name: str, *, examples: bool = True) -> dict[str, Rate]:
    """Share of denied texts found and of near texts flagged, in English and other languages, and by kind of topic."""
    topics, texts = read(name, examples=examples)
    found: dict[str, list[bool]] = defaultdict(list)
    for one in texts:
        detected = detect(one.text, [topics[one.topic]])[one.topic].detected
        language = "English" if one.language == "en" else "other languages"
        what = "found" if one.denied else "near flagged"
        for group in (language, f"{language}, medical") if one.topic.lower().startswith("medical") else (language,):
            found[f"{group}, {what}"].append(detected)
    return {group: rate(sum(results), len(results)) for group, results in sorted(found.items())}


def harmless(names: tuple[str, ...], topics: list[Topic]) -> dict[str, Rate]:
    """Share of the harmless texts flagged by one of the topics."""
    found: dict[str, list[bool]] = defaultdict(list)
    for line in (DATA / HARMLESS).read_text(encoding="utf-8").splitlines():
        language, _, text = line.partition(" ")
        if language != "#":
            flagged = any(score.detected for score in detect(text, topics).values())
            found["English" if language == "en" else "other languages"].append(flagged)
    return {f"{group}, {' and '.join(names)}": rate(sum(results), len(results)) for group, results in found.items()}


def main() -> int:
    """Print a line for each group of texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--without-examples", action="store_true", help="leave out the topics' examples")
    given = parser.parse_args()
    examples = not given.without_examples
    report = {name: shares(name, examples=examples) for name in SETS}
    for name in SETS:
        topics, _ = read(name, examples=examples)
        chosen = [topic for topic in topics.values() if topic.name not in WIDE]
        report[f"harmless, topics of {name}"] = harmless((f"{len(chosen)} topics",), chosen)
    shipped, _ = read(SETS[0], examples=examples)
    report["harmless"] = harmless(SHIPPED, [shipped[name] for name in SHIPPED])
    if given.json:
        plain = {name: {group: asdict(share) for group, share in groups.items()} for name, groups in report.items()}
        print(json.dumps(plain, indent=2))
        return 0
    for name, groups in report.items():
        for group, share in groups.items():
            print(f"{name:28} {group:74} {share.value:.3f} ({share.low:.2f}-{share.high:.2f}) of {share.of}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
