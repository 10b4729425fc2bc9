"""Print what `make test-attacks` runs: this folder and every test that the threat model names as a proof."""

from __future__ import annotations

import re

from tests.paths import ROOT

OTHER_TIERS = ("tests/attacks/", "tests/e2e_ministack/", "tests/browser/", "tests/clients/")
"""Tests of this folder, which run anyway, and tests that need more than this Python."""


def proofs() -> list[str]:
    """Node ids of the tests outside this folder that docs/operate/threat-model.md names."""
    text = (ROOT / "docs" / "operate" / "threat-model.md").read_text(encoding="utf-8")
    named = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", text)))
    return [test for test in named if not test.startswith(OTHER_TIERS)]


if __name__ == "__main__":
    print(" ".join(["tests/attacks", *proofs()]))
