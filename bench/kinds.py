"""What the filters find and flag by kind of text and by language, on the project's own texts.

`python -m bench.kinds [--tier CLASSIC] [--json]` judges bench/data/kinds.json (English), languages.json and
contrasts.json at strengths HIGH, MEDIUM and LOW. They were written by the people who wrote the training texts, though
before those; texts by others are in bench.guardrails. Of contrasts.json, "seen" was read while the training texts were
written, "kept" was not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.rates import Rate, rate
from embedded_aws.bedrock.detectors.content import filters, prompt_attack
from embedded_aws.bedrock.detectors.text.languages import CLASSIC, STANDARD

DATA = Path(__file__).with_name("data")
ALL = (*filters.TYPES, prompt_attack.TYPE)
HARMFUL = {"attacks": (prompt_attack.TYPE,), "insults": ("INSULTS", "HATE")} | dict.fromkeys(filters.TYPES, ALL)
"""What counts as found, by the texts' kind; any filter is wrong on the other kinds."""


def judged(texts: Sequence[str], kinds: Sequence[str], tier: str, *, source: bool = False) -> dict[str, Rate]:
    """The share of texts on which one of the filters acts, by strength."""
    found = []
    for text in texts:
        attack = prompt_attack.grade(text, tier, source=source)
        grades = filters.grade(text, filters.TYPES, tier) | {prompt_attack.TYPE: attack}
        found.append({grades[kind].confidence for kind in kinds})
    return {
        "HIGH": rate(sum(bool(one - {"NONE"}) for one in found), len(texts)),
        "MEDIUM": rate(sum(bool(one & {"MEDIUM", "HIGH"}) for one in found), len(texts)),
        "LOW": rate(sum("HIGH" in one for one in found), len(texts)),
    }


def contrasts(tier: str) -> dict[str, dict[str, dict[str, Rate]]]:
    """The shares of contrast texts, by "seen" and "kept", then by kind."""
    given: dict[str, Any] = json.loads((DATA / "contrasts.json").read_text(encoding="utf-8"))["sets"]
    return {
        half: {
            name: judged(one[half], one["filters"] or ALL, tier, source=one["source"]) for name, one in given.items()
        }
        for half in ("seen", "kept")
    }


def groups() -> dict[str, dict[str, list[str]]]:
    """The texts by language, then by kind."""
    kinds: dict[str, Any] = json.loads((DATA / "kinds.json").read_text(encoding="utf-8"))
    languages: dict[str, Any] = json.loads((DATA / "languages.json").read_text(encoding="utf-8"))
    return {"en": {name: texts for name, texts in kinds.items() if name != "note"}} | {
        name: texts for name, texts in languages.items() if name != "note"
    }


def main() -> int:
    """Print a line for each language and kind, and for each kind of all languages but English."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", choices=(CLASSIC, STANDARD), default=STANDARD)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    texts = groups()
    others = [name for name in texts if name != "en"]
    texts["other languages"] = {
        kind: [text for name in others for text in texts[name][kind]] for kind in texts[others[0]]
    }
    report = {
        name: {kind: judged(some, HARMFUL.get(kind, ALL), given.tier) for kind, some in kinds.items()}
        for name, kinds in texts.items()
    } | contrasts(given.tier)
    if given.json:
        plain = {
            name: {kind: {level: asdict(share) for level, share in found.items()} for kind, found in kinds.items()}
            for name, kinds in report.items()
        }
        print(json.dumps(plain))
        return 0
    for name, kinds in report.items():
        for kind, found in kinds.items():
            shares = "; ".join(
                f"strength {level} {share.value:.2f} [{share.low:.2f}, {share.high:.2f}]"
                for level, share in found.items()
            )
            print(f"{name:16} {kind:36} n {found['HIGH'].of:3}  {shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
