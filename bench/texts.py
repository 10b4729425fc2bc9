"""Texts for measuring guardrails, not used for training: public sets in the data folder, and our own."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from training.examples import HEADS

OWN = Path(__file__).resolve().parents[1] / "training"
ANSWERS = OWN / "validation_answers.json"
OWN_TEXTS = OWN / "validation_texts.json"
LEAFLETS = OWN / "validation_leaflets.json"
NEWS = OWN / "validation_news.json"
HARMLESS = ("SAFE", "SECURITY_WORK", "HARMLESS_STORIES_AND_NEWS", "OTHER_LANGUAGES")


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


def news_sentences() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(report, sentence) pairs of our own, supported and not."""
    reports = json.loads(NEWS.read_text(encoding="utf-8"))["reports"]
    supported, unsupported = (
        [(report["source"], text) for report in reports for texts in report[key].values() for text in texts]
        for key in ("supported", "unsupported")
    )
    return supported, unsupported


def leaflet_sentences(languages: str, turn: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(leaflet, sentence) pairs of our own in some languages, supported and not; the second turn was written after the
    first rules were made."""
    chosen = [
        leaflet
        for leaflet in json.loads(LEAFLETS.read_text(encoding="utf-8"))["leaflets"]
        if leaflet["language"] in languages.split() and leaflet.get("round", 1) == turn
    ]
    supported = [(leaflet["source"], text) for leaflet in chosen for text in leaflet["supported"]]
    unsupported = [
        (leaflet["source"], text) for leaflet in chosen for text in leaflet["contradicted"] + leaflet["invented"]
    ]
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
