"""The settings of this process, read from its environment once."""

from __future__ import annotations

import os
from functools import cache

from stepguard.guard.callers import groups_of, operators_of
from stepguard.guard.settings import Settings, read_settings


@cache
def settings() -> Settings:
    """The process's settings. Raises ConfigurationError that names the variable."""
    return read_settings(os.environ)


def with_texts_of_now(deployed: Settings) -> Settings:
    """The settings with the newest texts at run time, for what the API tells a person without an execution's answer."""
    if not os.environ.get("RUNTIME_SETTINGS"):
        return deployed
    from stepguard.aws.runtime.settings import current_settings  # no cold start waits for it
    from stepguard.guard.runtime.settings import apply_settings

    held = current_settings()
    return deployed if held is None else apply_settings(deployed, held.to_document())


def language_kept(deployed: Settings, text: str) -> str:
    """The language of a question, for the message if no answer comes; empty where there are no such messages."""
    if not deployed.messages and not os.environ.get("RUNTIME_SETTINGS"):
        return ""
    from stepguard.guard.texts.language import language_of  # no cold start waits for its words

    return language_of(text)


@cache
def operators() -> frozenset[str]:
    """The callers who may read all executions: CHAT_OPERATORS, Cognito groups and IAM ARNs, separated by commas."""
    return operators_of(os.environ.get("CHAT_OPERATORS", ""))


@cache
def caller_groups() -> dict[str, frozenset[str]]:
    """The groups of IAM callers: CALLER_GROUPS. Raises ConfigurationError."""
    return groups_of(os.environ.get("CALLER_GROUPS", "").strip())
