"""InvokeModel of Titan Text Embeddings V2."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from embedded_aws.bedrock.api.embeddings import MODEL, embed, embeds
from embedded_aws.bedrock.knowledge.embedding import sized
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.knowledge.fakes import by_words


def call(**request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(embed(MODEL, json.dumps(request).encode(), by_words)[0])
    return answer


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_the_size_is_as_requested_and_the_length_one(size: int) -> None:
    answer = call(inputText="visiting hours", dimensions=size, normalize=True)
    assert len(answer["embedding"]) == size
    assert np.linalg.norm(answer["embedding"]) == pytest.approx(1, abs=1e-5)
    assert answer["embedding"] == answer["embeddingsByType"]["float"]
    assert answer["inputTextTokenCount"] > 0


def test_the_default_has_1024_dimensions() -> None:
    assert len(call(inputText="a")["embedding"]) == 1024


def test_binary_embeddings_are_the_signs() -> None:
    answer = call(inputText="visiting hours", embeddingTypes=["binary"])
    assert "embedding" not in answer
    assert set(answer["embeddingsByType"]["binary"]) == {0, 1}


def test_a_smaller_size_keeps_what_is_alike_alike() -> None:
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((50, 384)).astype(np.float32)
    near = [row + 0.3 * generator.standard_normal(384).astype(np.float32) for row in rows]
    units = [[sized(row / np.linalg.norm(row), 256) for row in group] for group in (rows, near)]
    cosines = np.stack(units[0]) @ np.stack(units[1]).T
    assert (cosines.argmax(axis=1) == np.arange(50)).all()


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, r"#: required key \[inputText\] not found"),
        ({"inputText": "a", "input": "b"}, r"#: extraneous key \[input\] is not permitted"),
        ({"inputText": ""}, "#/inputText: expected minLength: 1, actual: 0"),
        ({"inputText": "a", "dimensions": 300}, "#/dimensions: 300 is not a valid enum value"),
        ({"inputText": "a" * 50_001}, "#/inputText: expected maxLength: 50000, actual: 50001"),
    ],
)
def test_a_malformed_body_is_refused(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=f"Malformed input request: {words}, please reformat"):
        call(**request_)


@pytest.mark.parametrize("model", ["amazon.titan-embed-text-v1", "cohere.embed-multilingual-v3"])
def test_other_embedding_models_are_refused_by_name(model: str) -> None:
    assert embeds(model)
    with pytest.raises(ServiceError, match=model) as refused:
        embed(model, b"{}", by_words)
    assert refused.value.status == 501


@pytest.mark.parametrize("model", ["local.llama", "arn:aws:bedrock:us-east-1:1:imported-model/embedder", "echo"])
def test_language_models_do_not_embed(model: str) -> None:
    assert not embeds(model)
