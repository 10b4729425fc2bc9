"""Prompt attacks: jailbreaks, injections and attempts to leak the system prompt, graded with AWS's confidence levels.

Long documents are scored per window as well, so that an injection hidden in a page is found. Its error rates are in
docs/measurements/detectors.md.
"""

from embedded_aws.bedrock.detectors.content import tiers
from embedded_aws.bedrock.detectors.content.grades import Grade
from embedded_aws.bedrock.detectors.text.languages import STANDARD

TYPE = "PROMPT_ATTACK"


def grade(text: str, tier: str = STANDARD) -> Grade:
    """Grade a text for being, or containing, a prompt attack, on a tier."""
    return tiers.grade(text, TYPE, tier)
