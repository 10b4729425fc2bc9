"""InvokeModel of Amazon Titan Text Embeddings V2, by the local encoder, whose vectors always have length 1.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from embedded_aws.bedrock.knowledge.chunking import tokens
from embedded_aws.bedrock.knowledge.embedding import SIZES, Encoder, sized
from embedded_aws.wire import ServiceError, not_implemented

MODEL = "amazon.titan-embed-text-v2:0"
_ANY = re.compile(r"(^|[/.])(amazon\.titan-embed|cohere\.embed|amazon\.nova-\w*-?\w*embed)")
_CHARACTERS = 50_000


def embeds(model_id: str) -> bool:
    """Whether an id or ARN names an embedding model."""
    return _ANY.search(model_id) is not None


def embed(model_id: str, body: bytes, encoder: Encoder) -> tuple[bytes, int]:
    """The response's body and the number of input tokens. Raises ServiceError."""
    if not model_id.endswith(MODEL):
        raise not_implemented(f"the embedding model {model_id}; it has {MODEL}")
    text, size, types = _read(body)
    vector = sized(encoder([text])[0], size)
    floats = [float(value) for value in vector]
    answer: dict[str, Any] = {"inputTextTokenCount": tokens(text)}
    answer["embeddingsByType"] = {kind: floats if kind == "float" else [int(v > 0) for v in floats] for kind in types}
    if "float" in types:
        answer["embedding"] = floats
    return json.dumps(answer, separators=(",", ":")).encode(), answer["inputTextTokenCount"]


def _read(body: bytes) -> tuple[str, int, list[str]]:
    try:
        request = json.loads(body)
    except ValueError:
        request = None
    if not isinstance(request, Mapping):
        raise _malformed("#: expected type: JSONObject, found: " + type(request).__name__)
    for key in request:
        if key not in ("inputText", "dimensions", "normalize", "embeddingTypes"):
            raise _malformed(f"#: extraneous key [{key}] is not permitted")
    if "inputText" not in request:
        raise _malformed("#: required key [inputText] not found")
    text, size = request["inputText"], request.get("dimensions", SIZES[0])
    normalized, types = request.get("normalize", True), request.get("embeddingTypes", ["float"])
    if not isinstance(text, str):
        raise _malformed(f"#/inputText: expected type: String, found: {type(text).__name__}")
    if not text:
        raise _malformed("#/inputText: expected minLength: 1, actual: 0")
    if len(text) > _CHARACTERS:
        raise _malformed(f"#/inputText: expected maxLength: {_CHARACTERS}, actual: {len(text)}")
    if size not in SIZES or isinstance(size, bool):
        raise _malformed(f"#/dimensions: {size} is not a valid enum value")
    if not isinstance(normalized, bool):
        raise _malformed(f"#/normalize: expected type: Boolean, found: {type(normalized).__name__}")
    if not isinstance(types, list) or not types or not all(kind in ("float", "binary") for kind in types):
        raise _malformed("#/embeddingTypes: not a list of valid enum values")
    return text, size, types


def _malformed(what: str) -> ServiceError:
    return ServiceError(
        "ValidationException", f"Malformed input request: {what}, please reformat your input and try again."
    )
