"""What a person gets after a block: the team's text for the policy that blocked, or the guardrail's message."""

from __future__ import annotations

from stepguard.guard.bedrock_names import BLOCKED
from stepguard.guard.settings import Settings
from stepguard.guard.verdict import Verdict

DEFAULT = "default"
"""The member of BLOCKEDMESSAGE with the text for every other policy."""


def refusal_of(settings: Settings, verdict: Verdict) -> str:
    """The text after a block of a layer around the model."""
    return own_refusal(settings, verdict) or verdict.message or settings.empty_message


def own_refusal(settings: Settings, verdict: Verdict) -> str:
    """The team's text: that of the first policy of `blocked_messages` that blocked, or the default.

    Empty if there is none, or if no finding proves which policy blocked.
    """
    blocked = {finding.policy for finding in verdict.findings if finding.action == BLOCKED}
    if not blocked:
        return ""
    named = (text for policy, text in settings.blocked_messages.items() if policy in blocked)
    return next(named, settings.blocked_messages.get(DEFAULT, ""))
