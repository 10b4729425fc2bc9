"""Searching by words and by meaning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_aws.bedrock.knowledge import search
from tests.unit.embedded_aws.bedrock.knowledge.fakes import S3, Bedrock

TEXTS = {f"{number}.md": f"The ward {number} is open." for number in range(6)} | {"x.md": "Penguins visit the ward."}


@pytest.fixture
def bedrock(tmp_path: Path) -> Iterator[Bedrock]:
    made = Bedrock(tmp_path, S3(**{name: text.encode() for name, text in TEXTS.items()}))
    yield made
    made.registry.close()


def by_words(bedrock: Bedrock, base: str, text: str) -> list[str]:
    found = bedrock.registry.searcher(base).by_words(text, 10)
    return [chunk.uri.rpartition("/")[2] for chunk, _ in found]


def test_frequent_words_are_left_out_of_large_knowledge_bases_only(
    bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rarest words come first; a word of every passage costs time and selects none."""
    where = bedrock.base()
    bedrock.ingest(where)
    base = where["knowledgeBaseId"]
    assert len(by_words(bedrock, base, "penguins of the ward")) == 7
    monkeypatch.setattr(search, "MOST_MATCHES", 3)
    bedrock.s3.objects["y.md"] = b"Nothing."
    bedrock.ingest(where)
    assert by_words(bedrock, base, "penguins of the ward") == ["x.md"]
    assert by_words(bedrock, base, "the ward") == []
    assert bedrock.search(where, "the ward", numberOfResults=3)  # by meaning alone


def test_a_hybrid_search_finds_what_either_kind_finds(bedrock: Bedrock) -> None:
    """A word in another form is found by BM25's stems, which the encoder of this test does not know."""
    where = bedrock.base()
    bedrock.ingest(where)
    assert bedrock.search(where, "penguin", numberOfResults=1) == ["x.md"]
    assert bedrock.search(where, "ward 4", numberOfResults=1, overrideSearchType="SEMANTIC") == ["4.md"]
