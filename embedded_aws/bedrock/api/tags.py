"""Input tags of InvokeModel: which parts of a prompt are user input, grounding source and query.

`<amazon-bedrock-guardrails-guardContent_SUFFIX>…</amazon-bedrock-guardrails-guardContent_SUFFIX>`, likewise
groundingSource and query; no nesting. https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tagging.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from embedded_aws.bedrock.judge.evaluation import GROUNDING_SOURCE, GUARD_CONTENT, QUERY, Block

_QUALIFIERS = {"guardContent": GUARD_CONTENT, "groundingSource": GROUNDING_SOURCE, "query": QUERY}
_SUFFIX = re.compile(r"[A-Za-z0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Tagged:
    """A part of a text: the content of a pair of tags, or (qualifier None) what stands between them."""

    text: str
    qualifier: str | None

    @property
    def block(self) -> Block:
        return Block(self.text, frozenset({self.qualifier}) if self.qualifier else frozenset())


def valid_suffix(suffix: object) -> bool:
    """1 to 20 letters and digits."""
    return isinstance(suffix, str) and _SUFFIX.fullmatch(suffix) is not None


def split(text: str, suffix: str | None) -> list[Tagged]:
    """A text in parts, without its tags; one part when there is no suffix or no tag.

    A tag with another suffix is text like any other: guessing the suffix is what an attacker would have to do.
    """
    if suffix is None:
        return [Tagged(text, None)]
    # The suffix is letters and digits only, so that it cannot contain a pattern.
    pair = re.compile(
        rf"<amazon-bedrock-guardrails-(guardContent|groundingSource|query)_{suffix}>(.*?)"
        rf"</amazon-bedrock-guardrails-\1_{suffix}>",
        re.DOTALL,
    )
    parts: list[Tagged] = []
    position = 0
    for found in pair.finditer(text):
        if position < found.start():
            parts.append(Tagged(text[position : found.start()], None))
        parts.append(Tagged(found.group(2), _QUALIFIERS[found.group(1)]))
        position = found.end()
    if position < len(text) or not parts:
        parts.append(Tagged(text[position:], None))
    return parts


def tagged(parts: Sequence[Tagged]) -> bool:
    """Whether any part stood in tags."""
    return any(part.qualifier for part in parts)
