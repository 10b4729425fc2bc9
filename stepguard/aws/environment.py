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


@cache
def operators() -> frozenset[str]:
    """The callers who may read all executions: CHAT_OPERATORS, Cognito groups and IAM ARNs, separated by commas."""
    return operators_of(os.environ.get("CHAT_OPERATORS", ""))


@cache
def caller_groups() -> dict[str, frozenset[str]]:
    """The groups of IAM callers: CALLER_GROUPS. Raises ConfigurationError."""
    return groups_of(os.environ.get("CALLER_GROUPS", "").strip())
