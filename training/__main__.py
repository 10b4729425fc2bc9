"""Train the guardrail detectors' weights: `python -m training [--data FOLDER] [--cache FILE] [--only PART]`.

Fixed seeds: the same data and library versions give the same weights. The data folder is an argument, the environment
variable STEPGUARD_DATA, or `../shared/data` next to the project.
"""

import argparse
import os
import sys
from pathlib import Path

from embedded_aws.bedrock.detectors import topics as topics_detector
from embedded_aws.bedrock.detectors.content import heads
from embedded_aws.bedrock.detectors.content import sources as sources_detector
from embedded_aws.bedrock.detectors.grounding import scores as grounding_detector
from embedded_aws.bedrock.encoder.model import encode_layers
from training import fit, grounding, sources, topics
from training.authored import authored, foreign
from training.examples import Example
from training.public import public
from training.windows import SOURCE, windows

ROOT = Path(__file__).resolve().parents[1]


def data_folder() -> Path:
    """The folder of the public sets: from the environment variable, or next to the project."""
    return Path(os.environ.get("STEPGUARD_DATA", ROOT.parent / "shared" / "data"))


def examples(data: Path) -> list[Example]:
    """Authored and public texts without duplicates (the authored one stays), and sentences of harmless public texts."""
    own = authored()
    taken = {example.text.casefold() for example in own}
    texts = own + [example for example in public(data) if example.text.strip().casefold() not in taken]
    return texts + windows(texts)


def benign_held_out(given: list[Example]) -> list[str]:
    """Held-out public texts that are negative for every head, to calibrate thresholds on.

    The authored negatives are left out: most of them look like harm, which is rare in ordinary traffic.
    """
    return [
        example.text
        for example in given
        if example.held_out
        and not (example.positive or example.unknown)
        and example.source not in {"authored", "hatecheck", SOURCE}
    ]


def main(arguments: list[str] | None = None) -> int:
    """Train and store the weights; exit code 1 with a message if the data is missing."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the public sets")
    parser.add_argument("--cache", type=Path, help="keep embeddings in this .npz file between runs")
    parser.add_argument("--only", choices=("heads", "topics", "grounding", "sources"), help="train this part alone")
    given = parser.parse_args(arguments)
    if not (given.data / "README.md").is_file():
        print(f"{given.data} does not hold the public data sets; set STEPGUARD_DATA or --data", file=sys.stderr)
        return 1
    known = examples(given.data)
    if given.only in (None, "heads"):
        fitted = fit.fit([example for example in known if not example.held_out], given.cache)
        fit.save(fit.calibrate(fitted, benign_held_out(known), foreign()), heads.WEIGHTS)
    if given.only in (None, "topics"):
        topics.train(given.data, known, topics_detector.WEIGHTS, encode_layers)
    if given.only in (None, "grounding"):
        grounding.train(given.data, grounding_detector.WEIGHTS)
    if given.only in (None, "sources"):
        sources.train(given.data, sources_detector.WEIGHTS, given.cache)
    print(f"wrote {heads.WEIGHTS.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
