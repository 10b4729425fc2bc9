"""Indirect injection: planted orders found and harmless texts flagged, with and without the mark of a source:
`python -m bench.sources`. Strength HIGH (what the project's guardrails have), intervals at 95 %.

BIPIA's orders are those of the training; `docs/measurements/detectors.md` has figures by kind with the kind left out.
"""

import json
from pathlib import Path

from bench.rates import rate
from embedded_aws.bedrock.detectors.content.prompt_attack import grade

TEXTS = Path(__file__).parents[1] / "data" / "sources.json"


def main() -> None:
    """Print one line per set."""
    sets: dict[str, list[str]] = json.loads(TEXTS.read_text(encoding="utf-8"))["sets"]
    for name, texts in sets.items():
        for source in (False, True):
            found = sum(grade(text, source=source).confidence != "NONE" for text in texts)
            share = rate(found, len(texts))
            mark = "as a source" if source else "as a user's text"
            print(f"{name}, {mark}: {found} of {len(texts)} ({share.low:.2f}–{share.high:.2f})", flush=True)


if __name__ == "__main__":
    main()
