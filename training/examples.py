"""Labelled texts for the heads: for each head positive, negative or unknown."""

import hashlib
import re
from dataclasses import dataclass

from embedded_aws.bedrock.detectors.content.heads import LEAKAGE

HEADS = ("SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK")
LEARNED = (*HEADS, LEAKAGE)
HOLD_OUT_PERCENT = 15
# Of an attack in English or a neighbour: that it wants to read the prompt. Weak labels for LEAKAGE.
_LEAK = re.compile(
    r"(?:reveal|show|print|repeat|output|display|tell|leak|dump|copy|translat|summari[sz]|list|expos"
    r"|what (?:is|are|were)|give|echo|recite|quote|describe|zeig|nenn|gib|wiederhol|affich|montr|répèt|donne"
    r"|muestra|dime|dame|repite|mostra"
    r"|dammi|mostre|repita|显示|写出|重复|输出|表示|見せ|書き出|繰り返)[^.!?]{0,80}"
    r"(?:prompt|instruc|istruzion|instruções|anweisung|vorgabe|consigne|directive|system message|guideline"
    r"|configuration|your (?:rules|settings)|text above|first message|ersten nachricht|premier message|primer mensaje"
    r"|primo messaggio|primeira mensagem|提示|指示|指令|プロンプト)",
    re.IGNORECASE | re.DOTALL,
)


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
    encoded: bool = True  # whether the networks learn it too, or the n-grams alone: encoding takes most of the time
    group: str = ""  # the split keeps a group (a template) together; by default the group is the text

    def target(self, head: str) -> float:
        """1 positive, 0 negative, NaN unknown."""
        if head == LEAKAGE:
            return float(_LEAK.search(self.text) is not None) if "PROMPT_ATTACK" in self.positive else float("nan")
        if head in self.positive:
            return 1.0
        return float("nan") if head in self.unknown else 0.0

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the fixed 15 % of its source that training never sees."""
        return percentile(self.group or self.text) < HOLD_OUT_PERCENT


def percentile(text: str) -> int:
    """A number from 0 to 99 that the text fixes."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest()
    return int.from_bytes(digest, "big") % 100
