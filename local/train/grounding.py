"""Train grounding and relevance on statements made from documents: kept (supported) or changed (not supported).

Supported statements are a source's sentences, shortened or joined; unsupported ones have a number, a name or the negation changed, mix two
sentences, or come from elsewhere in the same document or from another one. No labelled hallucination set is used, as answer length
alone separates HaluEval's question answering part.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from local.bedrock.detectors.grounding import relevance_features
from local.bedrock.detectors.sentences import sentences
from local.bedrock.detectors.support import features, read_source
from local.train.public import rows

_NAME = re.compile(r"(?<=\s)[A-Z][a-z]{2,}\b")
_NUMBER = re.compile(r"\d+")
_AUXILIARY = re.compile(r"\b(is|are|was|were|can|has|have|will|may|should)\b")
_FILLER = re.compile(r"\b(very|also|however|moreover|therefore|thus|often|usually|generally|quite|indeed|currently)\b,?\s*|\([^)]*\)\s*")
PASSAGE_SENTENCES = 8


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document, the document's other sentences, and a question about it with its answer, if there is one."""

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


def statements(passage: Passage, foreign: Passage, generator: random.Random) -> Iterator[tuple[str, bool]]:
    """Pairs of a statement and whether the passage supports it."""
    one, two = generator.sample(passage.kept, 2)
    yield one, True
    yield _shorten(one, generator), True
    yield f"{_shorten(one, generator).rstrip('.')} and {two[0].lower()}{two[1:]}", True
    yield generator.choice(foreign.kept), False
    if passage.others:
        yield generator.choice(passage.others), False
        yield _shorten(generator.choice(passage.others), generator), False
    for change in (_change_number, _change_name, _negate):
        changed = change(two, passage, foreign, generator)
        if changed != two:
            yield changed, False
    other = generator.choice(passage.others or foreign.kept)
    yield f"{' '.join(one.split()[: max(3, len(one.split()) // 2)])} {' '.join(other.split()[len(other.split()) // 2 :])}", False


def train(data: Path, path: Path, seed: int = 13) -> None:
    """Train both scores and store them."""
    generator = random.Random(seed)  # noqa: S311 - reproducible, no secret
    found = passages(data, generator)
    rows_, labels, about, relevant = [], [], [], []
    for passage in found:
        foreign = generator.choice(found)
        source = read_source(" ".join(passage.kept))
        made = list(statements(passage, foreign, generator))
        rows_.append(features(source, [text for text, _ in made]))
        labels += [label for _, label in made]
        if passage.question:
            near = generator.choice([other for other in found[max(0, len(about) // 3 - 8) :][:16] if other.question] or [foreign])
            pairs = ((passage.answer, True), (foreign.answer or foreign.kept[0], False), (near.kept[0], near is passage))
            for text, label in pairs:
                if text.strip():
                    about.append(relevance_features(source, passage.question, text)[0])
                    relevant.append(label)
    support = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(np.concatenate(rows_), labels)
    relevance = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(np.stack(about), relevant)
    print(f"grounding: {support.coef_.round(2).tolist()} {support.score(np.concatenate(rows_), labels):.3f} of {len(labels)}")
    print(f"relevance: {relevance.coef_.round(2).tolist()} {relevance.score(np.stack(about), relevant):.3f} of {len(relevant)}")
    np.savez_compressed(
        path,
        grounding=support.coef_[0].astype(np.float32), grounding_bias=np.float32(support.intercept_[0]),
        relevance=relevance.coef_[0].astype(np.float32), relevance_bias=np.float32(relevance.intercept_[0]),
    )  # fmt: skip


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
