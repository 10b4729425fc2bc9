"""The settings of this process, read from its environment once."""

from __future__ import annotations

import os
from functools import cache

from stepguard.guard.callers import operators_of
from stepguard.guard.settings import Settings, read_settings


@cache
def settings() -> Settings:
    """The process's settings. Raises ConfigurationError that names the variable."""
    return read_settings(os.environ)


@cache
def operators() -> frozenset[str]:
    """The callers who may read all executions: CHAT_OPERATORS, Cognito groups and IAM ARNs, separated by commas."""
    return operators_of(os.environ.get("CHAT_OPERATORS", ""))
