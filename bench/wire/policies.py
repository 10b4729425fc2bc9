"""Guardrails' policies, texts and blocks of bench.wire."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from bench.wire.side import Policies, Reply


def words(**more: Any) -> Policies:
    """One custom word."""
    return {"wordPolicyConfig": {"wordsConfig": [{"text": "miracle cure", **more}]}}


def pii(*types: str, action: str = "ANONYMIZE", **more: Any) -> Policies:
    """Personal data of these types."""
    entries = [{"type": kind, "action": action, **more} for kind in types]
    return {"sensitiveInformationPolicyConfig": {"piiEntitiesConfig": entries}}


def content(*types: str, output: str = "HIGH", **more: Any) -> Policies:
    """Content filters of these types at strength HIGH."""
    entries = [{"type": kind, "inputStrength": "HIGH", "outputStrength": output, **more} for kind in types]
    return {"contentPolicyConfig": {"filtersConfig": entries}}


def regex(pattern: str = r"TCK-\d{4}", name: str = "Ticket") -> Policies:
    """A regex that masks."""
    entry = {"name": name, "pattern": pattern, "action": "ANONYMIZE"}
    return {"sensitiveInformationPolicyConfig": {"regexesConfig": [entry]}}


def grounded(threshold: float = 0.5) -> Policies:
    """Contextual grounding."""
    filters = [{"type": "GROUNDING", "threshold": threshold}]
    return {"contextualGroundingPolicyConfig": {"filtersConfig": filters}}


PROFANITY = {"wordPolicyConfig": {"managedWordListsConfig": [{"type": "PROFANITY"}]}}
TOPIC = {
    "topicPolicyConfig": {
        "topicsConfig": [
            {
                "name": "Investment Advice",
                "definition": "Recommendations to buy or sell shares, funds or other investments.",
                "examples": ["Should I buy shares of this company now?"],
                "type": "DENY",
            }
        ]
    }
}
CARD = "My card number is 4111 1111 1111 1111, please keep it."
EMAIL = "Write to jane.roe@example.com about oranges."
MASKED_EMAIL = "Write to {EMAIL} about oranges."
CURE = "This is a miracle cure for everybody."
TOWER = "The Eiffel Tower in Paris was finished in 1889. It is 330 metres tall."


def block(text: str, *qualifiers: str) -> Reply:
    """A text block of ApplyGuardrail."""
    return {"text": {"text": text, **({"qualifiers": list(qualifiers)} if qualifiers else {})}}


def answer(text: str) -> list[Reply]:
    """An answer with its source and query."""
    return [block(TOWER, "grounding_source"), block("How tall is the Eiffel Tower?", "query"), block(text)]


def png(side: int = 64) -> bytes:
    """A grey square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\x80" * side) * side
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


def turns(*texts: str) -> list[Reply]:
    """A conversation, the user's turn first."""
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": [{"text": text}]} for number, text in enumerate(texts)]
