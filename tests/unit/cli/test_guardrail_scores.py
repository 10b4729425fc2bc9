"""`stepguard guardrail test --scores`: every policy's opinion, and which strengths would act."""

from __future__ import annotations

from typing import Any

from stepguard.cli.guardrail.scores import line, scores
from stepguard.guard.stages import Direction

GUARDRAIL: dict[str, Any] = {
    "contentPolicy": {
        "filters": [
            {"type": "INSULTS", "inputStrength": "NONE", "outputStrength": "HIGH"},
            {"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"},
        ]
    },
    "topicPolicy": {
        "topics": [{"name": "Stocks", "type": "DENY", "definition": "Recommendations to buy particular stocks"}]
    },
    "wordPolicy": {"words": [{"text": "acme"}], "managedWordLists": [{"type": "PROFANITY"}]},
    "sensitiveInformationPolicy": {
        "piiEntities": [{"type": "EMAIL", "action": "ANONYMIZE"}],
        "regexes": [{"name": "ticket", "pattern": "T-[0-9]+", "action": "BLOCK"}],
    },
}


def test_every_policy_of_the_direction_has_its_say() -> None:
    """Attacks are looked for in inputs only; all other entries are listed whether they found something or not."""
    asked = [score.name for score in scores(GUARDRAIL, "Hello there", Direction.INPUT)]
    answered = [score.name for score in scores(GUARDRAIL, "Hello there", Direction.OUTPUT)]
    assert asked == ["INSULTS", "PROMPT_ATTACK", "Stocks", "acme", "PROFANITY", "EMAIL", "ticket"]
    assert answered == [name for name in asked if name != "PROMPT_ATTACK"]


def test_strengths_tell_what_another_setting_would_do() -> None:
    """An insult under strength NONE does nothing, and the row says that every strength would block it."""
    text = "You are a pathetic, stupid loser."
    insult = next(score for score in scores(GUARDRAIL, text, Direction.INPUT) if score.name == "INSULTS")
    assert (insult.action, insult.strengths) == ("NONE", ("LOW", "MEDIUM", "HIGH"))
    blocked = next(score for score in scores(GUARDRAIL, text, Direction.OUTPUT) if score.name == "INSULTS")
    assert blocked.action == "BLOCKED"
    assert "would act at LOW, MEDIUM, HIGH" in line(blocked)


def test_a_filter_on_images_alone_does_nothing_to_a_text() -> None:
    """Its score is shown, its action is NONE."""
    entry = {"type": "INSULTS", "inputStrength": "HIGH", "outputStrength": "HIGH", "inputModalities": ["IMAGE"]}
    (score,) = scores({"contentPolicy": {"filters": [entry]}}, "You are a pathetic, stupid loser.", Direction.INPUT)
    assert (score.action, score.strengths) == ("NONE", ("LOW", "MEDIUM", "HIGH"))


def test_matches_are_counted_and_acted_on() -> None:
    """Words, personal data and regexes have no score but matches."""
    found = {score.name: score for score in scores(GUARDRAIL, "Acme: joe@example.com, T-1 and T-2", Direction.INPUT)}
    assert (found["acme"].found, found["acme"].action) == ("1 match", "BLOCKED")
    assert (found["EMAIL"].score, found["EMAIL"].action) == (None, "ANONYMIZED")
    assert (found["ticket"].found, found["ticket"].action) == ("2 matches", "BLOCKED")
    assert (found["PROFANITY"].found, found["PROFANITY"].action) == ("no match", "NONE")
