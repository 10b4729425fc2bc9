"""The prose of README, CONTRIBUTING and docs avoids the phrases that readers stumble over."""

from __future__ import annotations

import re

from tests.paths import ROOT

AVOIDED = re.compile(
    r"\b(tells|told|says which|stands (?:in|beside)|of its own|of ours|not ours|asked for|asking|who asks|half set"
    r"|nobody|nothing of it|goes on|is over|is had|none (?:is|are|was|of)|embedded cloud)\b",
    re.IGNORECASE,
)


def test_avoided_phrases_are_rare() -> None:
    """Fewer than 0.2 in a thousand words."""
    pages = [ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md"), *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    found = [match[0] for match in AVOIDED.finditer(text)]
    assert len(found) / len(text.split()) < 0.2 / 1000, found
