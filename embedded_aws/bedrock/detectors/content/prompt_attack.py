"""Prompt attacks: jailbreaks, injections and attempts to leak the system prompt, graded with AWS's confidence levels.

Long documents are scored per window as well, so that an injection hidden in a page is found. Its error rates are in
docs/measurements/detectors.md.
"""

from embedded_aws.bedrock.detectors.content import sources, tiers
from embedded_aws.bedrock.detectors.content.grades import Grade
from embedded_aws.bedrock.detectors.text.languages import STANDARD

TYPE = "PROMPT_ATTACK"


def grade(text: str, tier: str = STANDARD, *, source: bool = False) -> Grade:
    """Grade a text for being, or containing, a prompt attack, on a tier.

    A source is judged for orders to the assistant. What would be an attack by a user counts there only if it is sure,
    or if the source may have such an order: letters and forms are full of sentences that look like attacks.
    """
    direct = tiers.grade(text, TYPE, tier)
    if not source:
        return direct
    order = sources.grade(text)
    if direct.confidence != "HIGH" and order.score < sources.DOUBT:
        return order
    return max(direct, order, key=lambda one: (tiers.LEVELS.index(one.confidence), one.score))
