"""Attacks over several turns: what the input layer finds in each question alone, and in the last turns as one text.

`python -m bench.conversations.turns [--json] [FILE]` judges bench/data/turns.json with the project's
guardrails/preprocess.yaml on the embedded AWS: crescendo-like conversations whose last question is an attack, and
harmless long ones, most of which begin as an attack does. They were written for this measurement, and nothing was
trained or chosen on them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepguard.aws.guardrails import Guardrails
from stepguard.guard.stages import Direction, Layer
from stepguard.guard.turns import joined
from stepguard.session.embedded import embedded

DATA = Path(__file__).parents[1] / "data" / "turns.json"
WINDOWS = (0, 1, 2, 3, 5, 12)
"""The earlier turns that are judged with a question; 0 is the question alone."""


def measure(data: dict[str, Any], blocks: Callable[[str], bool]) -> dict[int, dict[str, float]]:
    """By window: the share of attacks that are stopped at any turn, of harmless conversations that are stopped at any
    turn, and of harmless questions."""
    attacks = [item["turns"] for item in data["attacks"]]
    harmless = [item["turns"] for item in data["harmless"]]
    report = {}
    for window in WINDOWS:
        found = [_stopped(turns, window, blocks) for turns in attacks]
        wrong = [_stopped(turns, window, blocks) for turns in harmless]
        report[window] = {
            "attacks stopped": _share([any(turns) for turns in found]),
            "harmless conversations stopped": _share([any(turns) for turns in wrong]),
            "harmless questions stopped": _share([item for turns in wrong for item in turns]),
        }
    return report


def _share(found: Sequence[bool]) -> float:
    return round(sum(found) / len(found), 3)


def _stopped(turns: Sequence[str], window: int, blocks: Callable[[str], bool]) -> list[bool]:
    """For each question whether it is blocked. A blocked one is kept in no later window, as in the product."""
    kept: list[str] = []
    stopped = []
    for question in turns:
        alone = blocks(question)
        earlier = [(text, "") for text in kept]
        stopped.append(alone or (window > 0 and bool(kept) and blocks(joined(earlier, question, window))))
        if not stopped[-1]:
            kept.append(question)
    return stopped


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = json.loads(options.file.read_text(encoding="utf-8"))
    with TemporaryDirectory() as home, embedded(Path(home)) as session:
        ref, guards = session.layers[Layer.PREPROCESS], Guardrails()
        known: dict[str, bool] = {}

        def blocks(text: str) -> bool:
            if text not in known:
                known[text] = guards.check(ref, text, Layer.PREPROCESS, Direction.INPUT).blocked
            return known[text]

        report = measure(data, blocks)
    if options.json:
        print(json.dumps(report))
        return 0
    print(f"{'earlier turns':>14}  attacks  harmless conversations  harmless questions")
    for window, row in report.items():
        print(f"{window:>14}  {'  '.join(f'{value:.2f}' for value in row.values())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
