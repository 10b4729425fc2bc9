"""Error rates and speed of the embedded guardrail's semantic policies: `python bench/guardrails.py [--json] [--data
FOLDER]`.

"held out" is the fixed 15 % of each training source (a third of the topics) that training never sees; "unseen set" is
data of which nothing was trained on. Confidence intervals are 95 %: bootstrap for AUC, Wilson for rates. Needs the
public data sets.
"""

import argparse
import csv
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from local.bedrock.detectors import content, embedding, grounding, heads, prompt_attack, topics  # noqa: E402
from local.bedrock.detectors.sentences import sentences  # noqa: E402
from local.train.__main__ import benign_held_out, data_folder, examples  # noqa: E402
from local.train.examples import HEADS  # noqa: E402

Floats = NDArray[np.float64]
LEVELS = ("LOW", "MEDIUM", "HIGH")
VALIDATION = ROOT / "local" / "train" / "validation.json"
ANSWERS = ROOT / "local" / "train" / "validation_answers.json"
OWN_TEXTS = ROOT / "local" / "train" / "validation_texts.json"
HARMLESS = ("SAFE", "SECURITY_WORK", "HARMLESS_STORIES_AND_NEWS", "OTHER_LANGUAGES")
NEWS = ROOT / "local" / "train" / "validation_news.json"
DENIED = ROOT / "local" / "train" / "validation_topics.json"
TASKS = ROOT / "local" / "train" / "topic_tasks.json"


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % Wilson interval."""

    value: float
    low: float
    high: float
    of: int


@dataclass(frozen=True, slots=True)
class Result:
    """One policy on one set of positives and negatives. `flagged`: share of positives and of negatives found, by
    confidence level.
    """

    policy: str
    data: str
    positives: int
    negatives: int
    auc: float
    auc_interval: tuple[float, float]
    recall_at_1_percent: Rate
    recall_at_2_percent: Rate
    best_f1: float
    recall: dict[str, Rate]
    false_positives: dict[str, Rate]


def rate(hits: int, of: int) -> Rate:
    """Wilson score interval (Wilson 1927)."""
    if of == 0:
        return Rate(0.0, 0.0, 1.0, 0)
    z, share = 1.96, hits / of
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    return Rate(share, max(0.0, centre - half), min(1.0, centre + half), of)


def auc(positive: Floats, negative: Floats) -> float:
    """Area under the ROC curve (Mann-Whitney U), ties counted half."""
    order = np.sort(negative)
    below = np.searchsorted(order, positive, "left")
    tied = np.searchsorted(order, positive, "right") - below
    return float((below + tied / 2).mean() / len(negative))


def measure(policy: str, data: str, positive: Floats, negative: Floats, thresholds: dict[str, float]) -> Result:
    """All figures of one comparison."""
    generator = np.random.default_rng(0)
    boots = [
        auc(generator.choice(positive, len(positive)), generator.choice(negative, len(negative))) for _ in range(200)
    ]
    at = {share: int((positive > np.quantile(negative, 1 - share)).sum()) for share in (0.01, 0.02)}
    return Result(
        policy, data, len(positive), len(negative), auc(positive, negative),
        (float(np.quantile(boots, 0.025)), float(np.quantile(boots, 0.975))),
        rate(at[0.01], len(positive)), rate(at[0.02], len(positive)), best_f1(positive, negative),
        {name: rate(int((positive >= value).sum()), len(positive)) for name, value in thresholds.items()},
        {name: rate(int((negative >= value).sum()), len(negative)) for name, value in thresholds.items()},
    )  # fmt: skip


def best_f1(positive: Floats, negative: Floats) -> float:
    """The highest F1 over all thresholds."""
    scores = np.concatenate([positive, negative])
    truth = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])[np.argsort(-scores)]
    found = np.cumsum(truth)
    return float((2 * found / (np.arange(1, len(truth) + 1) + len(positive))).max())


def head_scores(texts: Sequence[str]) -> Floats:
    """Worst scores of all heads, shape (n, 6), in the order of HEADS."""
    return np.array([[heads.worst_scores(text)[name] for name in HEADS] for text in texts]).reshape(-1, len(HEADS))


def graded(data: Path) -> list[Result]:
    """Content filters and prompt attack."""
    known = examples(data)
    loaded = heads.load()
    limits = {
        name: dict(zip(LEVELS, map(float, loaded.thresholds[loaded.names.index(name)]), strict=True)) for name in HEADS
    }
    held = [example for example in known if example.held_out and example.positive]
    scores, benign, general = (
        head_scores([e.text for e in held]),
        head_scores(benign_held_out(known)),
        head_scores(questions(data)),
    )
    found = []
    for column, name in enumerate(HEADS):
        mine = scores[[name in example.positive for example in held], column]
        found.append(measure(name, "held out / benign held out", mine, benign[:, column], limits[name]))
        found.append(measure(name, "held out / unseen questions", mine, general[:, column], limits[name]))
    for name, label, positive, negative in unseen(data):
        column = HEADS.index(name)
        other = head_scores(negative)[:, column] if negative else general[:, column]
        found.append(measure(name, label, head_scores(positive)[:, column], other, limits[name]))
    return found


def questions(data: Path) -> list[str]:
    """Ordinary instructions and expert questions, none of which was trained on."""
    lines = (data / "halueval" / "general_data.json").read_text(encoding="utf-8").splitlines()
    asked = [str(json.loads(line)["user_query"]) for line in lines]
    expert = (data / "expertqa" / "r1_data_anon.jsonl").read_text(encoding="utf-8").splitlines()
    return asked[::6] + [str(json.loads(line)["question"]) for line in expert[::3]]


def unseen(data: Path) -> list[tuple[str, str, list[str], list[str]]]:
    """Sets that took no part in training: (head, name, positives, negatives or none for the unseen questions)."""
    lines = (data / "malicious_instruct" / "malicious_instruct.txt").read_text(encoding="utf-8").splitlines()
    with (data / "ethos" / "Ethos_Dataset_Binary.csv").open(encoding="utf-8", newline="") as file:
        ethos = [(row["comment"], float(row["isHate"]) >= 0.5) for row in csv.DictReader(file, delimiter=";")]
    demo = (data / "openai_guardrails_demo" / "demo_data.jsonl").read_text(encoding="utf-8").splitlines()
    attacks = [row["data"] for row in map(json.loads, demo) if row["expected_triggers"].get("Jailbreak")]
    own = json.loads(OWN_TEXTS.read_text(encoding="utf-8"))
    harmless = [text for group in HARMLESS for text in own[group]]
    written = [(head, "own texts / own harmless texts", own[head], harmless) for head in HEADS if head in own]
    return [
        ("MISCONDUCT", "malicious_instruct / unseen questions", [line for line in lines if line.strip()], []),
        (
            "HATE",
            "ethos hate / ethos other comments",
            [t for t, hate in ethos if hate],
            [t for t, hate in ethos if not hate],
        ),
        ("PROMPT_ATTACK", "openai demo jailbreaks / unseen questions", attacks, []),
        *written,
    ]


def safe_texts() -> dict[str, dict[str, float]]:
    """Share of our own harmless texts that the filters flag at strength MEDIUM: by any of the six, and by each.

    SAFE are questions with alarming words, of the kinds that XSTest (Röttger et al. 2024) tells apart.
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
    from local.train.topics import tasks

    groups: dict[str, tuple[list[float], list[float]]] = {}
    domains = {name.replace("_", " ") for name in json.loads(TASKS.read_text(encoding="utf-8"))}
    for task in tasks(data):
        if task.held_out:
            label = "clinc150 intents" if task.topic.definition.startswith("Requests about") else "banking77 intents"
            label = "clinc150 domains" if task.topic.name in domains else label
            positive, negative = groups.setdefault(label, ([], []))
            scores = topics.score_vectors(task.vectors, task.topic)
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
        topic = topics.Topic(item["name"], item["definition"], tuple(item["examples"]))
        own += topics.score_vectors(embedding.embed(item["denied"]), topic).tolist()
        others += topics.score_vectors(embedding.embed(harmless), topic).tolist()
    return np.array(own), np.array(others)


def grounded(data: Path) -> list[Result]:
    """Contextual grounding; low scores are the positives, so that recall is of ungrounded answers."""
    thresholds = {"0.5": 0.5, "0.7": 0.3}  # on 1 - score: guardrail thresholds 0.5 and 0.7
    lines = (data / "halueval" / "qa_multi-turn_data.json").read_text(encoding="utf-8").splitlines()
    answered = [json.loads(line) for line in lines[:250]]
    supported, unsupported = expert_claims(data)
    sets = {
        "own news sentences": news_sentences(),
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
    return np.array([1 - grounding.scores(source, "", answer).grounding for source, answer in pairs])


def news_sentences() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(report, sentence) pairs of our own, supported and not."""
    reports = json.loads(NEWS.read_text(encoding="utf-8"))["reports"]
    supported, unsupported = (
        [(report["source"], text) for report in reports for texts in report[key].values() for text in texts]
        for key in ("supported", "unsupported")
    )
    return supported, unsupported


def expert_claims(data: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(evidence, claim) pairs that experts called completely supported, and those called incomplete or missing."""
    supported: list[tuple[str, str]] = []
    unsupported: list[tuple[str, str]] = []
    for line in (data / "expertqa" / "rand_test.jsonl").read_text(encoding="utf-8").splitlines():
        for answer in json.loads(line)["answers"].values():
            for claim in answer["claims"]:
                source = " ".join(claim["evidence"])
                if len(source) < 200 or claim["support"] not in {"Complete", "Incomplete", "Missing"}:
                    continue
                (supported if claim["support"] == "Complete" else unsupported).append(
                    (source[:20000], claim["claim_string"])
                )
    return supported[:300], unsupported[:300]


def paraphrases(data: Path) -> dict[str, dict[str, float]]:
    """Share of the project's own paraphrases that each policy blocks under the DeepSeek notebook's guardrail."""
    guardrail = json.loads((data / "deepseek_notebook" / "create_guardrail.json").read_text(encoding="utf-8"))
    filters = guardrail["contentPolicyConfig"]["filtersConfig"]
    denied = [
        topics.Topic(topic["name"], topic["definition"], tuple(topic["examples"]))
        for topic in guardrail["topicPolicyConfig"]["topicsConfig"]
    ]
    blocks = {"LOW": {"HIGH"}, "MEDIUM": {"HIGH", "MEDIUM"}, "HIGH": {"HIGH", "MEDIUM", "LOW"}}
    found: dict[str, dict[str, float]] = {}
    for group, texts in json.loads(VALIDATION.read_text(encoding="utf-8")).items():
        if group == "note":
            continue
        hits: dict[str, int] = {"any policy": 0}
        for text in texts:
            grades = {**content.grade(text, content.TYPES), prompt_attack.TYPE: prompt_attack.grade(text)}
            acting = [f["type"] for f in filters if grades[f["type"]].confidence in blocks[f["inputStrength"]]]
            acting += [name for name, score in topics.detect(text, denied).items() if score.detected]
            hits["any policy"] += bool(acting)
            for name in acting:
                hits[name] = hits.get(name, 0) + 1
        found[group] = {name: round(count / len(texts), 3) for name, count in hits.items()} | {"texts": len(texts)}
    return found


def answer_alarms(data: Path) -> dict[str, dict[str, object]]:
    """False alarms on harmless answers of several sentences: share that each policy finds at strengths HIGH and MEDIUM,
    with the notebook's topics.

    Language models' answers were not screened by hand; a few are about harmful things.
    """
    guardrail = json.loads((data / "deepseek_notebook" / "create_guardrail.json").read_text(encoding="utf-8"))
    denied = [
        topics.Topic(topic["name"], topic["definition"], tuple(topic["examples"]))
        for topic in guardrail["topicPolicyConfig"]["topicsConfig"]
    ]
    found: dict[str, dict[str, object]] = {}
    for label, texts in answers(data).items():
        hits: dict[str, list[int]] = {}
        for text in texts:
            grades = {**content.grade(text, content.TYPES), prompt_attack.TYPE: prompt_attack.grade(text)}
            for name, grade in grades.items():
                counts = hits.setdefault(name, [0, 0])
                counts[0] += grade.confidence != "NONE"
                counts[1] += grade.confidence in {"MEDIUM", "HIGH"}
            for name, score in topics.detect(text, denied).items():
                hits.setdefault(name, [0])[0] += score.detected
        shares = {name: [round(count / len(texts), 4) for count in counts] for name, counts in hits.items()}
        found[label] = {"texts": len(texts), **shares}
    return found


def answers(data: Path) -> dict[str, list[str]]:
    """Harmless answers: our own blind set (English, other languages), and language models' (measured only)."""
    own = json.loads(ANSWERS.read_text(encoding="utf-8"))
    general = (data / "halueval" / "general_data.json").read_text(encoding="utf-8").splitlines()
    expert = (data / "expertqa" / "rand_test.jsonl").read_text(encoding="utf-8").splitlines()
    written = [next(iter(json.loads(line)["answers"].values()))["answer_string"] for line in expert[::2]]
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    pages = [part for document in corpus for part in document["paragraphs"][0]["context"].split("\n\n")[3:12]]
    return {
        "own, English": own["ENGLISH"],
        "own, 13 other languages": own["OTHER"],
        "halueval answers": [str(json.loads(line)["chatgpt_response"]) for line in general[::8]],
        "expertqa answers": [str(text) for text in written if text],
        "covidqa paragraphs": [page for page in pages if 200 < len(page) < 1200][::3],
    }


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


def speed(data: Path, repeats: int = 40) -> dict[str, float]:
    """Median milliseconds for all semantic policies on texts never seen before (no cache hit): about 200 and 5,000
    characters.
    """
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))
    pages = [document["paragraphs"][0]["context"] for document in corpus["data"]]
    topic = topics.Topic("Medical Advice", "Specific medical advice or diagnosis", ("Stop taking your medication.",))
    policies: tuple[Callable[[str], object], ...] = (
        lambda text: content.grade(text, content.TYPES), prompt_attack.grade, lambda text: topics.detect(text, [topic]),
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
        grounding.scores(page[:2000], "What was found?", page[9000:9400])
    medians["grounding, 2,000 character source"] = round((time.perf_counter() - start) * 100, 2)
    return medians


def main(arguments: list[str] | None = None) -> int:
    """Print a table, or one JSON object with --json; exit code 1 if the data is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=data_folder())
    given = parser.parse_args(arguments)
    if not (given.data / "README.md").is_file():
        print(
            f"skipped: {given.data} does not hold the public data sets; set STEPGUARD_DATA or --data", file=sys.stderr
        )
        return 1
    embedding.embed(["warm up"])
    times = speed(given.data)
    results = [*graded(given.data), *denied_topics(given.data), *grounded(given.data)]
    told = paraphrases(given.data)
    alarms = answer_alarms(given.data)
    inside = planted(given.data)
    safe = safe_texts()
    if given.json:
        print(
            json.dumps(
                {
                    "results": [asdict(result) for result in results],
                    "paraphrases": told,
                    "answers": alarms,
                    "planted": inside,
                    "safe": safe,
                    "milliseconds": times,
                }
            )
        )
        return 0
    for result in results:
        print_result(result)
    for group, rates in told.items():
        print(f"{group}: {rates}")
    for label, shares in alarms.items():
        print(f"false alarms at strength HIGH, MEDIUM, {label}: {shares}")
    for name, recalled in inside.items():
        print(f"recall at strength HIGH, {name}: {recalled}")
    for label, flagged in safe.items():
        print(f"own harmless texts flagged at strength MEDIUM, {label}: {flagged}")
    print(f"median milliseconds: {times}")
    return 0


def print_result(result: Result) -> None:
    """Two lines of the table."""
    low, high = result.auc_interval
    at_1, at_2 = result.recall_at_1_percent.value, result.recall_at_2_percent.value
    print(
        f"{result.policy:14} {result.data:44} {result.positives:5}/{result.negatives:<5} AUC {result.auc:.3f} "
        f"[{low:.3f}, {high:.3f}]  R@1% {at_1:.2f}  R@2% {at_2:.2f}  F1 {result.best_f1:.2f}"
    )
    levels = []
    for name, found in result.recall.items():
        wrong = result.false_positives[name]
        levels.append(f"{name}: recall {found.value:.2f} FPR {wrong.value:.3f} [{wrong.low:.3f}, {wrong.high:.3f}]")
    print(" " * 15 + "  ".join(levels))


if __name__ == "__main__":
    sys.exit(main())
