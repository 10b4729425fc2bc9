"""Error rates and speed of the embedded guardrail's semantic policies: `python -m bench.guardrails [--json]
[--data FOLDER]`, or as a script.

"held out" is the fixed 15 % of each training source (a third of the topics) that training never sees; "unseen set" is
data of which nothing was trained on. Confidence intervals are 95 %: bootstrap for AUC, Wilson for rates. Needs the
public data sets.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np

from stepguard.guard.bedrock_names import STRENGTHS

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.rates import Floats, Rate, Result, measure, print_result, rate
from bench.texts import (
    HARMLESS,
    OWN,
    OWN_TEXTS,
    answers,
    expert_claims,
    leaflet_sentences,
    news_sentences,
    questions,
    unseen,
)
from embedded_aws.bedrock.detectors import likeness, topics
from embedded_aws.bedrock.detectors.content import filters, heads, prompt_attack
from embedded_aws.bedrock.detectors.grounding import scores
from embedded_aws.bedrock.detectors.text.sentences import sentences
from embedded_aws.bedrock.detectors.words.words import managed_profanity
from embedded_aws.bedrock.encoder.model import encode_layers
from training.__main__ import benign_held_out, data_folder, examples
from training.examples import HEADS

Text = TypeVar("Text")
LEVELS = STRENGTHS[1:]
VALIDATION = OWN / "validation.json"
DENIED = OWN / "validation_topics.json"
TASKS = OWN / "topic_tasks.json"


def head_scores(texts: Sequence[str]) -> Floats:
    """Worst scores of all heads, shape (n, 6), in the order of HEADS."""
    return np.array([[heads.worst_scores(text)[name] for name in HEADS] for text in texts]).reshape(-1, len(HEADS))


def some(texts: Sequence[Text], sample: int | None) -> list[Text]:
    """At most so many of the texts, always the same ones."""
    chosen = list(texts)
    if sample is None or len(chosen) <= sample:
        return chosen
    return random.Random(0).sample(chosen, sample)


def graded(data: Path, sample: int | None = None) -> list[Result]:
    """Content filters and prompt attack; of each set at most `sample` texts."""
    known = examples(data)
    loaded = heads.load()
    limits = {
        name: dict(zip(LEVELS, map(float, loaded.thresholds[loaded.names.index(name)]), strict=True)) for name in HEADS
    }
    positive = [example for example in known if example.held_out and example.positive]
    chosen = [one for name in HEADS for one in some([e for e in positive if name in e.positive], sample)]
    held = list(dict.fromkeys(chosen))
    scores, benign, general = (
        head_scores([e.text for e in held]),
        head_scores(some(benign_held_out(known), sample)),
        head_scores(some(questions(data), sample)),
    )
    found = []
    for column, name in enumerate(HEADS):
        mine = scores[[name in example.positive for example in held], column]
        found.append(measure(name, "held out / benign held out", mine, benign[:, column], limits[name]))
        found.append(measure(name, "held out / unseen questions", mine, general[:, column], limits[name]))
    for name, label, harmful, harmless in unseen(data):
        column = HEADS.index(name)
        other = head_scores(some(harmless, sample))[:, column] if harmless else general[:, column]
        found.append(measure(name, label, head_scores(some(harmful, sample))[:, column], other, limits[name]))
    return found


def safe_texts() -> dict[str, dict[str, float]]:
    """Share of our own harmless texts that the filters flag at strength MEDIUM: by any of the six, and by each.

    SAFE are questions with alarming words, of the kinds that XSTest (Röttger et al. 2024) distinguishes.
    """
    own = json.loads(OWN_TEXTS.read_text(encoding="utf-8"))
    medium = heads.load().thresholds[[heads.load().names.index(name) for name in HEADS], 1]
    found = {}
    for group in HARMLESS:
        flagged = head_scores(own[group]) >= medium
        shares = {name: round(float(share), 3) for name, share in zip(HEADS, flagged.mean(axis=0), strict=True)}
        found[group] = {"texts": len(flagged), "any": round(float(flagged.any(axis=1).mean()), 3), **shares}
    return found


def denied_topics(data: Path) -> list[Result]:
    """Held-out topics of CLINC150 and Banking77: intents, and CLINC's wide domains, with zero to five examples."""
    from training.topics import tasks

    groups: dict[str, tuple[list[float], list[float]]] = {}
    domains = {name.replace("_", " ") for name in json.loads(TASKS.read_text(encoding="utf-8"))}
    for task in tasks(data):
        if task.held_out:
            label = "clinc150 intents" if task.topic.definition.startswith("Requests about") else "banking77 intents"
            label = "clinc150 domains" if task.topic.name in domains else label
            positive, negative = groups.setdefault(label, ([], []))
            scores = topics.score_vectors(encode_layers(task.texts), task.topic)
            positive += scores[task.belongs].tolist()
            negative += scores[~task.belongs][::7].tolist()
    results = [
        measure("TOPIC", f"{label}, held-out topics", np.array(p), np.array(n), {"detected": topics.THRESHOLD})
        for label, (p, n) in groups.items()
    ]
    own, others = denied_texts()
    return [*results, measure("TOPIC", "own texts about 12 topics", own, others, {"detected": topics.THRESHOLD})]


def denied_texts() -> tuple[Floats, Floats]:
    """Scores of our own texts about twelve denied topics, and of harmless ones (near the topic or anywhere)."""
    given = json.loads(DENIED.read_text(encoding="utf-8"))["topics"]
    harmless = [text for item in given for text in item["harmless"]]
    own: list[float] = []
    others: list[float] = []
    for item in given:
        topic = likeness.Topic(item["name"], item["definition"], tuple(item["examples"]))
        own += topics.score_vectors(encode_layers(item["denied"]), topic).tolist()
        others += topics.score_vectors(encode_layers(harmless), topic).tolist()
    return np.array(own), np.array(others)


def grounded(data: Path) -> list[Result]:
    """Contextual grounding; low scores are the positives, so that recall is of ungrounded answers."""
    thresholds = {"0.5": 0.5, "0.7": 0.3}  # on 1 - score: guardrail thresholds 0.5 and 0.7
    lines = (data / "halueval" / "qa_multi-turn_data.json").read_text(encoding="utf-8").splitlines()
    answered = [json.loads(line) for line in lines[:250]]
    supported, unsupported = expert_claims(data)
    sets = {
        "own news sentences": news_sentences(),
        "own leaflets and terms, English, first": leaflet_sentences("en", 1),
        "own leaflets and terms, English, second": leaflet_sentences("en", 2),
        "own leaflets and terms, other languages": leaflet_sentences("de fr es", 1),
        "halueval multi-turn (length confounds)": (
            [(item["knowledge"], item["right_answer"]) for item in answered],
            [(item["knowledge"], item["hallucinated_answer"]) for item in answered],
        ),
        "expertqa claims": (supported, unsupported),
    }
    return [
        measure("GROUNDING", label, ungrounded(bad), ungrounded(good), thresholds)
        for label, (good, bad) in sets.items()
    ]


def ungrounded(pairs: Sequence[tuple[str, str]]) -> Floats:
    """1 - grounding of (source, answer) pairs."""
    return np.array([1 - scores.scores(source, "", answer).grounding for source, answer in pairs])


def paraphrases(data: Path) -> dict[str, dict[str, float]]:
    """Share of the project's own paraphrases that each policy blocks under the DeepSeek notebook's guardrail."""
    guardrail = json.loads((data / "deepseek_notebook" / "create_guardrail.json").read_text(encoding="utf-8"))
    configured = guardrail["contentPolicyConfig"]["filtersConfig"]
    denied = [
        likeness.Topic(topic["name"], topic["definition"], tuple(topic["examples"]))
        for topic in guardrail["topicPolicyConfig"]["topicsConfig"]
    ]
    blocks = {"LOW": {"HIGH"}, "MEDIUM": {"HIGH", "MEDIUM"}, "HIGH": {"HIGH", "MEDIUM", "LOW"}}
    found: dict[str, dict[str, float]] = {}
    for group, texts in json.loads(VALIDATION.read_text(encoding="utf-8")).items():
        if group == "note":
            continue
        hits: dict[str, int] = {"any policy": 0}
        for text in texts:
            grades = {**filters.grade(text, filters.TYPES), prompt_attack.TYPE: prompt_attack.grade(text)}
            acting = [f["type"] for f in configured if grades[f["type"]].confidence in blocks[f["inputStrength"]]]
            acting += [name for name, score in topics.detect(text, denied).items() if score.detected]
            hits["any policy"] += bool(acting)
            for name in acting:
                hits[name] = hits.get(name, 0) + 1
        found[group] = {name: round(count / len(texts), 3) for name, count in hits.items()} | {"texts": len(texts)}
    return found


def answer_alarms(data: Path, sample: int | None = None) -> dict[str, dict[str, object]]:
    """False alarms on harmless answers of several sentences: share that each policy finds at strengths HIGH and MEDIUM,
    with the notebook's topics.

    Language models' answers were not screened by hand; a few are about harmful things.
    """
    guardrail = json.loads((data / "deepseek_notebook" / "create_guardrail.json").read_text(encoding="utf-8"))
    denied = [
        likeness.Topic(topic["name"], topic["definition"], tuple(topic["examples"]))
        for topic in guardrail["topicPolicyConfig"]["topicsConfig"]
    ]
    found: dict[str, dict[str, object]] = {}
    for label, every in answers(data).items():
        texts = some(every, sample)
        hits: dict[str, list[int]] = {}
        for text in texts:
            grades = {**filters.grade(text, filters.TYPES), prompt_attack.TYPE: prompt_attack.grade(text)}
            for name, grade in grades.items():
                counts = hits.setdefault(name, [0, 0])
                counts[0] += grade.confidence != "NONE"
                counts[1] += grade.confidence in {"MEDIUM", "HIGH"}
            for name, score in topics.detect(text, denied).items():
                hits.setdefault(name, [0])[0] += score.detected
        shares = {name: [round(count / len(texts), 4) for count in counts] for name, counts in hits.items()}
        found[label] = {"texts": len(texts), **shares}
    return found


def planted(data: Path, count: int = 60) -> dict[str, dict[str, float]]:
    """Recall at strength HIGH of held-out harmful texts of a sentence or two: alone, and in the middle of a language
    model's harmless answer.
    """
    generator = random.Random(1)
    around = [text for text in answers(data)["halueval answers"] if len(text) < 1500]
    held = [example for example in examples(data) if example.held_out and len(example.text) < 200]
    found: dict[str, dict[str, float]] = {}
    for name in HEADS:
        pairs = []
        for example in generator.sample([example for example in held if name in example.positive], count):
            parts = sentences(generator.choice(around))
            middle = len(parts) // 2
            pairs.append((example.text, " ".join([*parts[:middle], example.text.rstrip(".") + ".", *parts[middle:]])))
        hits = [
            [heads.load().grade(name, heads.worst_scores(text)[name]).confidence != "NONE" for text in pair]
            for pair in pairs
        ]
        alone, inside = np.mean(hits, axis=0)
        found[name] = {"alone": round(float(alone), 3), "inside an answer": round(float(inside), 3), "texts": count}
    return found


def profanity(data: Path) -> dict[str, Rate]:
    """Share of Davidson's tweets (every fifth) with a word of the managed list, by what the tweets were called."""
    with (data / "davidson_hate" / "labeled_data.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::5]
    tweets = {kind: [row["tweet"] for row in rows if row["class"] == kind] for kind in ("1", "2")}
    found = {kind: sum(bool(managed_profanity().find(text)) for text in texts) for kind, texts in tweets.items()}
    return {name: rate(found[kind], len(tweets[kind])) for name, kind in (("offensive", "1"), ("neither", "2"))}


def speed(data: Path, repeats: int = 40) -> dict[str, float]:
    """Median milliseconds for all semantic policies on texts never seen before (no cache hit): about 200 and 5,000
    characters.
    """
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))
    pages = [document["paragraphs"][0]["context"] for document in corpus["data"]]
    topic = likeness.Topic("Medical Advice", "Specific medical advice or diagnosis", ("Stop taking your medication.",))
    policies: tuple[Callable[[str], object], ...] = (
        lambda text: filters.grade(text, filters.TYPES), prompt_attack.grade, lambda text: topics.detect(text, [topic]),
    )  # fmt: skip
    medians = {}
    for name, length, count in (("200 characters", 200, repeats), ("5,000 characters", 5000, max(5, repeats // 4))):
        times = []
        for page in pages[: count + 2]:
            text = page[3000 : 3000 + length]
            start = time.perf_counter()
            for policy in policies:
                policy(text)
            times.append((time.perf_counter() - start) * 1000)
        medians[name] = round(float(np.median(times[2:])), 2)
    start = time.perf_counter()
    for page in pages[:10]:
        scores.scores(page[:2000], "What was found?", page[9000:9400])
    medians["grounding, 2,000 character source"] = round((time.perf_counter() - start) * 100, 2)
    return medians


def main(arguments: list[str] | None = None) -> int:
    """Print a table, or one JSON object with --json; exit code 1 if the data is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--sample", type=int, help="at most so many texts of each set for filters and answers")
    given = parser.parse_args(arguments)
    if not (given.data / "README.md").is_file():
        print(
            f"skipped: {given.data} does not hold the public data sets; set STEPGUARD_DATA or --data", file=sys.stderr
        )
        return 1
    encode_layers(["warm up"])
    times = speed(given.data)
    results = [*graded(given.data, given.sample), *denied_topics(given.data), *grounded(given.data)]
    paraphrased = paraphrases(given.data)
    alarms = answer_alarms(given.data, given.sample)
    inside = planted(given.data)
    safe = safe_texts()
    swearing = profanity(given.data)
    if given.json:
        print(
            json.dumps(
                {
                    "results": [asdict(result) for result in results],
                    "paraphrases": paraphrased,
                    "answers": alarms,
                    "planted": inside,
                    "safe": safe,
                    "profanity": {name: asdict(share) for name, share in swearing.items()},
                    "milliseconds": times,
                }
            )
        )
        return 0
    for result in results:
        print_result(result)
    for group, rates in paraphrased.items():
        print(f"{group}: {rates}")
    for label, shares in alarms.items():
        print(f"false alarms at strength HIGH, MEDIUM, {label}: {shares}")
    for name, recalled in inside.items():
        print(f"recall at strength HIGH, {name}: {recalled}")
    for label, flagged in safe.items():
        print(f"own harmless texts flagged at strength MEDIUM, {label}: {flagged}")
    for name, share in swearing.items():
        print(f"profanity in tweets called {name}: {share.value:.3f} [{share.low:.3f}, {share.high:.3f}] of {share.of}")
    print(f"median milliseconds: {times}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
