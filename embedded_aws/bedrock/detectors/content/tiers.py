"""What the tiers of content filters cover (user guide, "Safeguard tiers for guardrails policies").

CLASSIC covers English, French and Spanish. STANDARD covers all languages, attempts to read the system prompt, and harm
in comments, names and strings of code. AWS does not document how CLASSIC judges what it does not cover; here such a
finding is one level less sure than on STANDARD, and what only code hides is not found. A check is never left out for a
language, because short texts are taken for the wrong one.
"""

from functools import lru_cache

from embedded_aws.bedrock.detectors.content import heads
from embedded_aws.bedrock.detectors.content.code import natural
from embedded_aws.bedrock.detectors.content.grades import Confidence, Grade
from embedded_aws.bedrock.detectors.text.languages import CLASSIC, STANDARD, covers

_ATTACK = "PROMPT_ATTACK"
LEVELS: tuple[Confidence, ...] = ("NONE", "LOW", "MEDIUM", "HIGH")


def grade(text: str, kind: str, tier: str) -> Grade:
    """The grade of a text's worst value for one head."""
    loaded = heads.load()
    column = loaded.names.index(kind)
    worst = Grade(0.0, "NONE")
    for value in (*heads.value_scores(text), *(_in_code(text) if tier == STANDARD else ())):
        found = loaded.grade(kind, float(value.scores[column]))
        leak = kind == _ATTACK and value.scores[loaded.names.index(heads.LEAKAGE)] > heads.LEAKS
        if not covers(tier, value.language) or (tier == CLASSIC and leak):
            found = Grade(found.score, LEVELS[max(0, LEVELS.index(found.confidence) - 1)])
        worst = max(worst, found, key=lambda one: (LEVELS.index(one.confidence), one.score))
    return worst


@lru_cache(maxsize=64)
def _in_code(text: str) -> tuple[heads.Value, ...]:
    return tuple(value for part in natural(text) for value in heads.value_scores(part))
