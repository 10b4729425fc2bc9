"""Train grounding and relevance on statements made from documents: kept (supported) or changed (not supported).

Supported statements are a source's sentences, shortened or joined; unsupported ones have a number, a name or the
negation changed, mix two sentences, or come from elsewhere in the same document or from another one. As models seldom
quote, each statement that keeps a source's wording is added once more with its agreement scaled down to what a
paraphrase has. No labelled hallucination set is used, as answer length alone separates HaluEval's question answering
part.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from local.bedrock.detectors.grounding import relevance_features
from local.bedrock.detectors.sentences import sentences
from local.bedrock.detectors.support import features, read_source
from local.train.public import rows

_NAME = re.compile(r"(?<=\s)[A-Z][a-z]{2,}\b")
_NUMBER = re.compile(r"\d+")
_AUXILIARY = re.compile(r"\b(is|are|was|were|can|has|have|will|may|should)\b")
_FILLER = re.compile(
    r"\b(very|also|however|moreover|therefore|thus|often|usually|generally|quite|indeed|currently)\b,?\s*|\([^)]*\)\s*"
)
# lowest share of each feature that a paraphrase keeps (cosine, words, words in best window, pairs, pairs in best
# window)
PARAPHRASE = np.array([0.65, 0.45, 0.40, 0.05, 0.05], dtype=np.float32)
OTHER_SPELLING = 0.3  # share of paraphrases with a number or name the source writes otherwise


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, the document's other sentences, and a question about it with its answer, if there is
    one.
    """

    kept: tuple[str, ...]
    others: tuple[str, ...]
    question: str = ""
    answer: str = ""


def passages(data: Path, generator: random.Random) -> list[Passage]:
    """Passages of the COVID-QA papers and FAQ answers, e-mails and HaluEval's knowledge texts (Wikipedia)."""
    found: list[Passage] = []
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))
    for document in corpus["data"]:
        for paragraph in document["paragraphs"]:
            context = paragraph["context"]
            for pair in paragraph["qas"][:12]:
                answer = pair["answers"][0]
                start = max(0, answer["answer_start"] - generator.randint(100, 900))
                part = context[start : answer["answer_start"] + len(answer["text"]) + generator.randint(100, 900)]
                rest = context[:start] + context[start + len(part) :]
                kept, others = _sentences(part), _sentences(rest[:20000])
                if len(kept) >= 3 and len(others) >= 3:
                    found.append(Passage(kept, others, pair["question"], answer["text"]))
    for row in rows(data / "covidqa" / "faq_covidbert.csv"):
        kept = _sentences(row["answer"])
        if len(kept) >= 2:
            found.append(Passage(kept, (), row["question"], " ".join(kept[:3])))
    for line in (data / "halueval" / "qa_one-turn_data.json").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        kept = _sentences(item["knowledge"].replace(".", ". "))
        if len(kept) >= 2:
            found.append(Passage(kept, (), item["question"], item["right_answer"]))
    return found


def statements(passage: Passage, foreign: Passage, generator: random.Random) -> Iterator[tuple[str, bool, bool]]:
    """Statements, whether the passage supports them, and whether they keep its wording."""
    one, two = generator.sample(passage.kept, 2)
    yield one, True, True
    yield _shorten(one, generator), True, True
    yield f"{_shorten(one, generator).rstrip('.')} and {two[0].lower()}{two[1:]}", True, True
    yield generator.choice(foreign.kept), False, False
    if passage.others:
        yield generator.choice(passage.others), False, False
        yield _shorten(generator.choice(passage.others), generator), False, False
    for change in (_change_number, _change_name, _negate):
        changed = change(two, passage, foreign, generator)
        if changed != two:
            yield changed, False, True
    other = generator.choice(passage.others or foreign.kept)
    half = " ".join(one.split()[: max(3, len(one.split()) // 2)])
    yield f"{half} {' '.join(other.split()[len(other.split()) // 2 :])}", False, False


def train(data: Path, path: Path, seed: int = 13) -> None:
    """Train both scores and store them."""
    generator = random.Random(seed)  # noqa: S311 - reproducible, no secret
    found = passages(data, generator)[::2]
    rows_: list[NDArray[np.float32]] = []
    labels: list[bool] = []
    about: list[NDArray[np.float32]] = []
    relevant: list[bool] = []
    for passage in found:
        foreign = generator.choice(found)
        source = read_source(" ".join(passage.kept))
        made = list(statements(passage, foreign, generator))
        measured = features(source, [text for text, _, _ in made])
        worded = np.array([kept for _, _, kept in made])
        rows_ += [measured, _paraphrased(measured[worded], generator)]
        labels += [label for _, label, _ in made] + [label for _, label, kept in made if kept]
        if passage.question:
            near = generator.choice(
                [other for other in found[max(0, len(about) // 3 - 8) :][:16] if other.question] or [foreign]
            )
            pairs = (
                (passage.answer, True),
                (foreign.answer or foreign.kept[0], False),
                (near.kept[0], near is passage),
            )
            for text, label in pairs:
                if text.strip():
                    about.append(relevance_features(source, passage.question, text)[0])
                    relevant.append(label)
    weights, bias = _monotone(np.concatenate(rows_), np.array(labels))
    relevance = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(np.stack(about), relevant)
    print(f"grounding: {weights.round(2).tolist()} {bias:.2f} of {len(labels)}")
    accuracy = relevance.score(np.stack(about), relevant)
    print(f"relevance: {relevance.coef_.round(2).tolist()}, accuracy {accuracy:.3f} of {len(relevant)}")
    np.savez_compressed(
        path,
        grounding=weights, grounding_bias=np.float32(bias),
        relevance=relevance.coef_[0].astype(np.float32), relevance_bias=np.float32(relevance.intercept_[0]),
    )  # fmt: skip


def _monotone(inputs: NDArray[np.float32], labels: NDArray[np.bool_]) -> tuple[NDArray[np.float32], float]:
    """Logistic regression in which agreement never counts against a statement: columns that get the wrong sign are
    left out.
    """
    signs = np.where(np.arange(inputs.shape[1]) < len(PARAPHRASE), 1.0, -1.0)  # agreement first, then what is missing
    kept = np.ones(inputs.shape[1], dtype=bool)
    while True:
        model = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(inputs[:, kept], labels)
        weights = np.zeros(inputs.shape[1], dtype=np.float32)
        weights[kept] = model.coef_[0]
        wrong = weights * signs < 0
        if not wrong.any():
            return weights, float(model.intercept_[0])
        kept &= ~wrong


def _paraphrased(measured: NDArray[np.float32], generator: random.Random) -> NDArray[np.float32]:
    """The same rows with wording further from the source; a third of them also write a number or name in another way."""
    share = np.array([generator.random() for _ in range(len(measured))], dtype=np.float32)[:, None]
    changed = measured.copy()
    changed[:, : len(PARAPHRASE)] *= PARAPHRASE + (1 - PARAPHRASE) * share
    for row in changed:
        if generator.random() < OTHER_SPELLING:
            column = generator.choice((len(PARAPHRASE), len(PARAPHRASE) + 1))
            row[column] = max(row[column], generator.uniform(0.2, 1.0))
    return changed


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(part for part in sentences(text) if 30 <= len(part) <= 300)


def _shorten(sentence: str, generator: random.Random) -> str:
    """Leave out filler words and, from a long sentence, a part at one end."""
    words = _FILLER.sub("", sentence).split()
    if len(words) > 14:
        keep = generator.randint(len(words) // 2, len(words) - 2)
        words = words[:keep] if generator.random() < 0.5 else words[-keep:]
    return " ".join(words)


def _change_number(sentence: str, passage: Passage, foreign: Passage, generator: random.Random) -> str:
    return _NUMBER.sub(lambda match: str(int(match.group()) + generator.randint(1, 9)), sentence)


def _change_name(sentence: str, passage: Passage, foreign: Passage, generator: random.Random) -> str:
    names = _NAME.findall(" ".join(foreign.kept))
    return _NAME.sub(lambda match: generator.choice(names), sentence) if names else sentence


def _negate(sentence: str, passage: Passage, foreign: Passage, generator: random.Random) -> str:
    if " not " in sentence:
        return sentence.replace(" not ", " ", 1)
    return _AUXILIARY.sub(lambda match: f"{match.group()} not", sentence, count=1)
