"""Sentences of harmless documents as harmless examples: at run time every sentence of a text is scored separately, so
the heads must learn single sentences without their context.
"""

import random
from collections.abc import Sequence

from embedded_aws.bedrock.detectors.text.sentences import sentences
from training.examples import Example, percentile

SOURCE = "windows"
MAX_PER_TEXT = 6
MAX_EXAMPLES = 8000
ENCODED_PERCENT = 50  # what the networks learn too
# COVID-QA's papers stay out: they measure what longer harmless texts cost (docs/measurements/detectors.md).
_LEFT_OUT = frozenset({"authored", "covidqa", "hatecheck"})


def windows(examples: Sequence[Example], seed: int = 5) -> list[Example]:
    """Up to six sentences of each public text that is harmless for every head and has at least two; a sentence is
    held out if its text is.
    """
    generator = random.Random(seed)  # noqa: S311 - reproducible, no secret
    found: dict[str, Example] = {}
    for example in examples:
        if example.positive or example.unknown or example.source in _LEFT_OUT:
            continue
        parts = sentences(example.text)
        if len(parts) < 2:
            continue
        for part in generator.sample(parts, min(MAX_PER_TEXT, len(parts))):
            found.setdefault(
                part,
                Example(part, SOURCE, encoded=percentile(part) < ENCODED_PERCENT, group=example.group or example.text),
            )
    chosen = list(found.values())
    return generator.sample(chosen, min(MAX_EXAMPLES, len(chosen)))
