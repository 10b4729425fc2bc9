"""What the knowledge base's documents say about themselves: who may read them, and how they were screened.

`stepguard knowledge add` writes these attributes into each document's metadata file; retrieval filters by them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepguard.guard.errors import InvalidRequest
from stepguard.guard.knowledge import EVERYONE, GROUPS, OWN

GUARDRAILS = f"{OWN}guardrails"
"""The guardrails that judged a document, as `preprocess=ID:VERSION,…`."""

DIGEST = f"{OWN}digest"
"""The digest of the screened document: it changes with every byte."""

SIDECAR = ".metadata.json"
"""The ending of a document's metadata file."""

SIDECAR_BYTES = 10 * 1024
"""The largest metadata file that Bedrock reads."""

_LONG = {"STRING": "stringValue", "NUMBER": "numberValue", "BOOLEAN": "booleanValue", "STRING_LIST": "stringListValue"}


def sidecar_attributes(content: bytes | None) -> dict[str, Any]:
    """The attributes of a document's own metadata file, or of none, with the groups that may read it.

    Raises InvalidRequest: a document whose groups cannot be read must not become everyone's.
    """
    attributes: dict[str, Any] = {}
    if content is not None:
        try:
            document = json.loads(content)
        except ValueError:
            raise InvalidRequest("its metadata file is not valid JSON") from None
        given = document.get("metadataAttributes") if isinstance(document, dict) else None
        if not isinstance(given, dict) or set(document) != {"metadataAttributes"}:
            raise InvalidRequest('its metadata file must have the form {"metadataAttributes": {…}}')
        attributes = {name: _short(name, value) for name, value in given.items()}
    if reserved := [name for name in attributes if name.startswith(OWN)]:
        raise InvalidRequest(f"its metadata file has the attribute {reserved[0]}, which only stepguard writes")
    groups = attributes.setdefault(GROUPS, [EVERYONE])
    if not isinstance(groups, list) or not groups or not all(isinstance(one, str) and one.strip() for one in groups):
        raise InvalidRequest(f"its metadata file must name the {GROUPS} as a list of one or more names")
    return attributes


def _short(name: str, value: Any) -> Any:
    """An attribute's value, from Bedrock's short or long form."""
    if isinstance(value, Mapping):
        typed = value.get("value")
        kind = typed.get("type") if isinstance(typed, Mapping) else None
        if value.get("includeForEmbedding") or not isinstance(typed, Mapping) or _LONG.get(str(kind), "") not in typed:
            raise InvalidRequest(f"its metadata attribute {name} has a form that cannot be read")
        value = typed[_LONG[str(kind)]]
    if isinstance(value, str | int | float) or (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        return value
    raise InvalidRequest(f"its metadata attribute {name} is no text, number, boolean or list of texts")


def sidecar(attributes: Mapping[str, Any]) -> bytes:
    """A metadata file. Raises InvalidRequest if it is too large for Bedrock."""
    content = json.dumps({"metadataAttributes": attributes}, ensure_ascii=False).encode()
    if len(content) > SIDECAR_BYTES:
        raise InvalidRequest(f"its metadata has {len(content):,} bytes, more than {SIDECAR_BYTES:,}")
    return content
