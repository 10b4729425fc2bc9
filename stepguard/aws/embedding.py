"""Embeddings of texts by Amazon Titan Text Embeddings V2.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.models.completion import RuntimeClient
from stepguard.guard.errors import ServiceUnavailable

MODEL = "amazon.titan-embed-text-v2:0"
DIMENSIONS = 512
CHARACTERS = 8_000
"""The most of a text, so that it has at most 8,192 tokens in every language."""


def embed(text: str, model: str = MODEL, runtime: RuntimeClient | None = None) -> tuple[Sequence[float], int]:
    """The embedding of a text's start, and its number of tokens. Raises StepguardError."""
    body = {"inputText": text[:CHARACTERS], "dimensions": DIMENSIONS, "normalize": True}
    with aws_errors("InvokeModel", f"It concerns the embedding model {model}."):
        response = (runtime or client("bedrock-runtime")).invoke_model(
            modelId=model, body=json.dumps(body), contentType="application/json", accept="application/json"
        )
        content = json.loads(response["body"].read())
    vector = content.get("embedding") if isinstance(content, dict) else None
    if not isinstance(vector, list) or not vector or not all(isinstance(value, int | float) for value in vector):
        raise ServiceUnavailable(f"InvokeModel: {model} returned no embedding.")
    return vector, int(content.get("inputTextTokenCount") or 0)
