"""Train the relevance score: questions with their answers against answers to other questions.

Grounding has fixed weights (see detectors/grounding for the reason).
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from embedded_aws.bedrock.detectors.grounding.scores import relevance_features
from embedded_aws.bedrock.detectors.grounding.support import read_source
from training.public import rows

QUESTIONS_PER_DOCUMENT = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its answer and the passage that contains the answer."""

    question: str
    answer: str
    passage: str


def questions(data: Path, generator: random.Random) -> list[Asked]:
    """COVID-QA's questions with a stretch of the paper around the answer, and the FAQ's."""
    found: list[Asked] = []
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))
    for document in corpus["data"]:
        for paragraph in document["paragraphs"]:
            for pair in paragraph["qas"][:QUESTIONS_PER_DOCUMENT]:
                answer = pair["answers"][0]
                start = max(0, answer["answer_start"] - generator.randint(100, 900))
                end = answer["answer_start"] + len(answer["text"]) + generator.randint(100, 900)
                if answer["text"].strip():
                    found.append(Asked(pair["question"], answer["text"], paragraph["context"][start:end]))
    for row in rows(data / "covidqa" / "faq_covidbert.csv"):
        found.append(Asked(row["question"], row["answer"][:500], row["answer"]))
    return found


def train(data: Path, path: Path, seed: int = 13) -> None:
    """Each question with its own answer (relevant) and with the answers to a near and to a random question (not)."""
    generator = random.Random(seed)  # noqa: S311 - reproducible, no secret
    found = questions(data, generator)
    inputs: list[NDArray[np.float32]] = []
    labels: list[bool] = []
    for index, asked in enumerate(found):
        source = read_source(asked.passage)
        near = found[(index + generator.randint(1, 5)) % len(found)]
        for other in (asked, near, generator.choice(found)):
            inputs.append(relevance_features(source, asked.question, other.answer)[0])
            labels.append(other is asked)
    model = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(np.stack(inputs), labels)
    accuracy = model.score(np.stack(inputs), labels)
    print(f"relevance: {model.coef_.round(2).tolist()}, accuracy {accuracy:.3f} of {len(labels)}")
    np.savez_compressed(
        path, relevance=model.coef_[0].astype(np.float32), relevance_bias=np.float32(model.intercept_[0])
    )
