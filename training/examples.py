"""Labelled texts for the heads: for each head positive, negative or unknown."""

import hashlib
from dataclasses import dataclass

HEADS = ("SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK")
HOLD_OUT_PERCENT = 15


@dataclass(frozen=True, slots=True)
class Example:
    """A text with the heads it is positive for, the heads with no label, and its weight (lower for noisy
    labels).
    """

    text: str
    source: str
    positive: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    weight: float = 1.0
    group: str = ""  # the split keeps a group (a template) together; by default the group is the text

    def target(self, head: str) -> float:
        """1 positive, 0 negative, NaN unknown."""
        if head in self.positive:
            return 1.0
        return float("nan") if head in self.unknown else 0.0

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the fixed 15 % of its source that training never sees."""
        digest = hashlib.blake2b((self.group or self.text).encode("utf-8", "replace"), digest_size=4).digest()
        return int.from_bytes(digest, "big") % 100 < HOLD_OUT_PERCENT
