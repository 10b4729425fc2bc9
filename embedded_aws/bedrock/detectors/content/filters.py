"""Content filters: SEXUAL, VIOLENCE, HATE, INSULTS, MISCONDUCT, graded with AWS's confidence levels.

The categories follow AWS's page "Block harmful words and conversations with content filters". Thresholds are
calibrated so that strength LOW, MEDIUM and HIGH cost about 0.3 %, 1 % and 2 % false positives on benign text at most
(docs/measurements/detectors.md).
"""

from collections.abc import Collection

from embedded_aws.bedrock.detectors.content import heads, tiers
from embedded_aws.bedrock.detectors.content.grades import Grade
from embedded_aws.bedrock.detectors.text.languages import STANDARD

TYPES = ("SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT")


def grade(text: str, types: Collection[str], tier: str = STANDARD) -> dict[str, Grade]:
    """Grade a text for the given filter types (any of TYPES) on a tier; the worst of the whole text and its
    sentences, which are discounted, counts.

    Raises ValueError for a type that is no text content filter.
    """
    unknown = set(types) - set(TYPES)
    if unknown:
        raise ValueError(
            f"not a content filter of this detector: {', '.join(sorted(unknown))}; known are {', '.join(TYPES)}"
        )
    return {kind: tiers.grade(text, kind, tier) for kind in types}


def scores(text: str) -> dict[str, float]:
    """All five scores of a text, 0 to 1, for tuning."""
    found = heads.worst_scores(text)
    return {kind: found[kind] for kind in TYPES}
