"""The CreateGuardrail requests of the tests."""

from __future__ import annotations

from typing import Any

BLOCKED_INPUT = "This question cannot be answered."
BLOCKED_OUTPUT = "This answer cannot be shown."
CARD = "My card is 4111 1111 1111 1111."
EMAIL = "Write to jane.roe@example.com about oranges."
MASKED_EMAIL = "Write to {EMAIL} about oranges."
HARMLESS = "Which vitamins are in an orange?"

_MESSAGES = {"blockedInputMessaging": BLOCKED_INPUT, "blockedOutputsMessaging": BLOCKED_OUTPUT}
_FILTERS = ("SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT")


def _guardrail(name: str, **entry: object) -> dict[str, Any]:
    """Every policy but grounding; `entry` is added to each of their entries."""
    strengths = {"inputStrength": "MEDIUM", "outputStrength": "MEDIUM"}
    attack = {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}
    filters: list[dict[str, object]] = [{"type": kind, **strengths, **entry} for kind in _FILTERS]
    return {
        "name": name,
        **_MESSAGES,
        "topicPolicyConfig": {
            "topicsConfig": [
                {
                    "name": "Investment Advice",
                    "definition": "Recommendations to buy or sell shares, funds or other investments.",
                    "examples": ["Should I buy shares of this company now?"],
                    "type": "DENY",
                    **entry,
                }
            ]
        },
        "contentPolicyConfig": {"filtersConfig": [*filters, *([] if entry else [attack])]},
        "wordPolicyConfig": {
            "wordsConfig": [{"text": "miracle cure", **entry}],
            "managedWordListsConfig": [{"type": "PROFANITY", **entry}],
        },
        "sensitiveInformationPolicyConfig": {
            "piiEntitiesConfig": [
                {"type": "EMAIL", "action": "ANONYMIZE", **entry},
                {"type": "CREDIT_DEBIT_CARD_NUMBER", "action": "BLOCK", **entry},
            ],
            "regexesConfig": [{"name": "Ticket", "pattern": r"TCK-\d{4}", "action": "ANONYMIZE", **entry}],
        },
    }


BOTH = _guardrail("clients-both")
ANSWERS = _guardrail("clients-answers", inputEnabled=False)
GROUNDED: dict[str, Any] = {
    "name": "clients-grounded",
    **_MESSAGES,
    "contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": 0.5}]},
}
