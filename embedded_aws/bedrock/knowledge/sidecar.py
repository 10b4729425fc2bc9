"""The metadata of a document: the file `NAME.metadata.json` beside it.

https://docs.aws.amazon.com/bedrock/latest/userguide/kb-metadata.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from embedded_aws.bedrock.knowledge.reading import Unreadable

ENDING = ".metadata.json"
BYTES = 10 * 1024
RESERVED = "x-amz-bedrock-kb-"
"""Keys that the service writes itself."""
_VALUES = {
    "STRING": "stringValue",
    "NUMBER": "numberValue",
    "BOOLEAN": "booleanValue",
    "STRING_LIST": "stringListValue",
}


def read_metadata(content: bytes) -> dict[str, Any]:
    """The attributes of a metadata file, in its short or its long form. Raises Unreadable."""
    if len(content) > BYTES:
        raise Unreadable("The metadata file is larger than 10 KB.")
    try:
        document = json.loads(content)
    except ValueError:
        raise Unreadable("The metadata file is not valid JSON.") from None
    attributes = document.get("metadataAttributes") if isinstance(document, dict) else None
    if not isinstance(attributes, dict):
        raise Unreadable("The metadata file has no object metadataAttributes.")
    if unknown := set(document) - {"metadataAttributes"}:
        raise Unreadable(f"The embedded AWS does not read {min(unknown)} in a metadata file.")
    return {name: _value(name, value) for name, value in attributes.items()}


def _value(name: str, value: Any) -> Any:
    if name.startswith(RESERVED):
        raise Unreadable(f"The metadata attribute {name} is reserved.")
    if isinstance(value, Mapping):
        if value.get("includeForEmbedding"):
            raise Unreadable(f"The embedded AWS does not embed metadata: includeForEmbedding of {name}.")
        typed = value.get("value")
        kind = typed.get("type") if isinstance(typed, Mapping) else None
        if not isinstance(typed, Mapping) or kind not in _VALUES or _VALUES[kind] not in typed:
            raise Unreadable(f"The metadata attribute {name} has no value of a known type.")
        value = typed[_VALUES[kind]]
    if isinstance(value, str | int | float) or (
        isinstance(value, list) and value and all(isinstance(element, str) for element in value)
    ):
        return value
    raise Unreadable(f"The metadata attribute {name} is no string, number, boolean or list of strings.")
