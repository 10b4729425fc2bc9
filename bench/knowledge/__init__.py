"""Measurements of the embedded knowledge base; bench/knowledge/__main__.py says which."""

from __future__ import annotations

import importlib
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from embedded_aws.bedrock.knowledge import search
from embedded_aws.bedrock.knowledge.chunking import chunks
from embedded_aws.bedrock.knowledge.embedding import local_encoder
from embedded_aws.bedrock.knowledge.index_file import Document, Found, IndexFile, Job, Piece, now
from stepguard.evaluation.metrics import wilson

DATA = Path(os.environ.get("STEPGUARD_DATA", Path(__file__).parents[3] / "shared" / "data"))
TOP = 5


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the article and the positions of its annotated answers."""

    text: str
    article: str
    starts: tuple[int, ...]


def articles(data: Path) -> tuple[dict[str, str], list[Question]]:
    """COVID-QA: the articles by name, and the questions."""
    found, questions = {}, []
    document = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))
    for number, paragraph in enumerate(one for entry in document["data"] for one in entry["paragraphs"]):
        name = f"{number:03}.txt"
        found[name] = paragraph["context"]
        for asked in paragraph["qas"]:
            starts = tuple(answer["answer_start"] for answer in asked["answers"])
            questions.append(Question(asked["question"], name, starts))
    return found, questions


def build(file: Path, texts: dict[str, str]) -> IndexFile:
    """The index of some texts; those that it has already are kept."""
    index = IndexFile(file)
    known = {document.uri for document in index.documents()}
    if not index.jobs():
        index.start_job(Job("bench", "bench", "STARTING", now(), now()), None)
    for name, text in texts.items():
        if name not in known:
            pieces = [
                Piece(f"{name}/{number}", chunk, local_encoder([chunk])[0].astype("float16").tobytes())
                for number, chunk in enumerate(chunks(text))
            ]
            index.put(Document("bench", name, "1", ""), pieces, "bench", "new")
    return index


# --- quality ---------------------------------------------------------------------------------------------------------

Search = Callable[[str], list[Found]]


def quality(data: Path, file: Path) -> dict[str, Any]:
    """Hit rate at 5 of each kind of search, with its interval, and the mean time of a search."""
    texts, questions = articles(data)
    questions = [question for number, question in enumerate(questions) if number % 3]
    index = build(file, texts)
    searcher = search.Searcher(index)
    vectors = {question.text: local_encoder([question.text], "query")[0] for question in questions}

    def by(mode: search.Mode) -> Search:
        return lambda text: [found for found, _ in searcher.search(text, vectors[text], mode, TOP, None)]

    kinds: dict[str, Search] = {
        "hybrid": by("HYBRID"),
        "vectors": by("SEMANTIC"),
        "BM25 of FTS5": lambda text: [found for found, _ in searcher.by_words(text, TOP)],
        "bm25s": _bm25s(index),
    }
    result: dict[str, Any] = {"articles": len(texts), "questions": len(questions)}
    for name, run in kinds.items():
        started = time.perf_counter()
        hits = sum(_is_hit(run(question.text), question, texts) for question in questions)
        seconds = time.perf_counter() - started
        low, high = wilson(hits, len(questions))
        result[name] = {
            "hit_rate_at_5": round(hits / len(questions), 4), "interval": [round(low, 4), round(high, 4)],
            "milliseconds": round(seconds / len(questions) * 1000, 1),
        }  # fmt: skip
    return result


def _is_hit(found: Sequence[Found], question: Question, texts: dict[str, str]) -> bool:
    for passage in found:
        if passage.uri == question.article:
            start = texts[passage.uri].find(passage.text)
            if any(start <= answer < start + len(passage.text) for answer in question.starts):
                return True
    return False


def _bm25s(index: IndexFile) -> Search:
    bm25s: Any = importlib.import_module("bm25s")  # not a dependency of the project: pip install bm25s

    passages = [found for _, found in sorted(index.found(list(index.snapshot(0).owners)).items())]
    corpus = bm25s.tokenize([passage.text for passage in passages], stopwords="en", show_progress=False)
    retriever = bm25s.BM25()
    retriever.index(corpus, show_progress=False)

    def run(text: str) -> list[Found]:
        tokens = bm25s.tokenize([text], stopwords="en", show_progress=False)
        numbers, _ = retriever.retrieve(tokens, k=TOP, show_progress=False)
        return [passages[int(number)] for number in numbers[0]]

    return run


# --- screening -------------------------------------------------------------------------------------------------------

PAGES = Path(__file__).parents[2] / "corpora" / "hospital"
PLANTED = "lost-property.md"


def screening(data: Path, sample: int | None) -> dict[str, Any]:
    """How many pages the guards block, without and with a planted instruction, and by which policies."""
    from bench import documents
    from stepguard.session.embedded import embedded

    pages = {file.name: file.read_text("utf-8") for file in sorted(PAGES.rglob("*.md")) if file.name != PLANTED}
    attacks = json.loads((data / "bipia" / "text_attack_train.json").read_text("utf-8"))
    chance, names = random.Random(0), sorted(pages)
    planted = []
    for kind, instructions in attacks.items():
        for instruction in instructions:
            page = chance.choice(names)
            paragraphs = pages[page].strip().split("\n\n")
            paragraphs.insert(chance.randint(1, len(paragraphs)), instruction)
            planted.append(documents.Document("planted", f"{page}: {kind}", "\n\n".join(paragraphs)))
    chance.shuffle(planted)
    harmless = [documents.Document("harmless", name, text) for name, text in pages.items()]
    with tempfile.TemporaryDirectory() as home, embedded(Path(home)) as session:
        screened = [documents.screen(session, one) for one in [*harmless, *planted[:sample]]]
    figures = documents.summary(screened)
    missed = [one.name for one in screened if one.kind == "planted" and one.outcome != "blocked"]
    return {**figures, "missed kinds": sorted({name.partition(": ")[2] for name in missed})}


# --- speed -----------------------------------------------------------------------------------------------------------


def speed(data: Path, home: Path, count: int, requests: int, *, synthetic: bool) -> dict[str, Any]:
    """The times of Retrieve."""
    import boto3

    from embedded_aws.cloud import EmbeddedCloud

    random.seed(0)
    asked = [question.text for question in articles(data)[1]]
    with EmbeddedCloud(home) as cloud:
        options = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        agent = boto3.client("bedrock-agent", endpoint_url=cloud.url, **options)
        runtime = boto3.client("bedrock-agent-runtime", endpoint_url=cloud.url, **options)
        base = _base(agent)
        index = cloud.bedrock.knowledge.index(base)
        if not index.jobs():
            index.start_job(Job("bench", "bench", "STARTING", now(), now()), None)
            _fill(index, _synthetic(data, count) if synthetic else _real(data, count))
        chunks_kept = len(index.snapshot(0).owners)
        groups = {"listContains": {"key": "groups", "value": "everyone"}}
        result: dict[str, Any] = {"chunks": chunks_kept, "megabytes": round(_size(home) / 1e6)}
        for kind, condition in (("hybrid", None), ("hybrid with a filter", groups), ("vectors", None)):
            searched: dict[str, Any] = {"overrideSearchType": "SEMANTIC" if kind == "vectors" else "HYBRID"}
            if condition:
                searched["filter"] = condition
            configuration = {"vectorSearchConfiguration": searched}
            waited, used = [], []
            for number in range(requests + 5):
                text = asked[(number * 7 + len(kind)) % len(asked)] + " " * number
                started, before = time.perf_counter(), time.process_time()
                runtime.retrieve(
                    knowledgeBaseId=base, retrievalQuery={"text": text}, retrievalConfiguration=configuration
                )
                used.append((time.process_time() - before) * 1000)
                waited.append((time.perf_counter() - started) * 1000)
            # The first requests load the encoder and the vectors.
            result[kind] = {"time": _percentiles(waited[5:]), "processor time": _percentiles(used[5:])}
        return result


def _percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {f"p{share}": round(ordered[len(ordered) * share // 100], 1) for share in (50, 95, 99)}


def _base(agent: Any) -> str:
    model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
    store = {
        "collectionArn": "arn:aws:aoss:us-east-1:123456789012:collection/abcdefghij0123456789",
        "vectorIndexName": "bench",
        "fieldMapping": {"vectorField": "v", "textField": "t", "metadataField": "m"},
    }
    return str(
        agent.create_knowledge_base(
            name="bench",
            clientToken="bench" * 8,
            roleArn="arn:aws:iam::123456789012:role/bench",
            knowledgeBaseConfiguration={
                "type": "VECTOR",
                "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": model},
            },
            storageConfiguration={"type": "OPENSEARCH_SERVERLESS", "opensearchServerlessConfiguration": store},
        )["knowledgeBase"]["knowledgeBaseId"]
    )


def _fill(index: IndexFile, documents: Iterator[tuple[str, list[Piece]]]) -> None:
    groups = (["everyone"], ["staff"], ["everyone", "doctors"])
    for number, (name, pieces) in enumerate(documents):
        index.put(Document("bench", name, "1", "", {"groups": groups[number % 3]}), pieces, "bench", "new")


def _real(data: Path, count: int) -> Iterator[tuple[str, list[Piece]]]:
    """Real texts; their vectors are random, since the time of a search does not depend on them."""
    generator, left = np.random.default_rng(0), count
    for name, text in _texts(data):
        vectors = generator.standard_normal((left, 384), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        pieces = [
            Piece(f"{name}/{number}", chunk, vectors[number].astype("float16").tobytes())
            for number, chunk in enumerate(chunks(text)[:left])
        ]
        if pieces:
            yield name, pieces
        left -= len(pieces)
        if left <= 0:
            return


def _texts(data: Path) -> Iterator[tuple[str, str]]:
    yield from articles(data)[0].items()
    import site

    for folder in site.getsitepackages():
        for file in sorted(Path(folder).rglob("*")):
            if file.suffix in (".md", ".rst", ".txt", ".py") and file.is_file():
                yield str(file), file.read_text(encoding="utf-8", errors="replace")


def _synthetic(data: Path, count: int) -> Iterator[tuple[str, list[Piece]]]:
    """Documents of five chunks, each of 180 words of the articles, so that the questions' words are frequent and rare
    as they are there."""
    generator = np.random.default_rng(0)
    counted = Counter(re.findall(r"[^\W_]+", " ".join(articles(data)[0].values()).lower()))
    words = [word for word, _ in counted.most_common()]
    shares = 1 / np.arange(1, len(words) + 1)
    shares /= shares.sum()
    for number in range(count // 5):
        vectors = generator.standard_normal((5, 384), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        pieces = [
            Piece(
                f"{number}/{place}",
                " ".join(words[word] for word in generator.choice(len(words), 180, p=shares)),
                vectors[place].astype("float16").tobytes(),
            )
            for place in range(5)
        ]
        yield f"{number}.txt", pieces


def _size(home: Path) -> int:
    return sum(file.stat().st_size for file in (home / "knowledge").iterdir())
