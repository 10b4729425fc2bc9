"""The settings of this process, read from its environment once."""

from __future__ import annotations

import os
from functools import cache

from functions.core.settings import Settings, read_settings


@cache
def settings() -> Settings:
    """The process's settings. Raises ConfigurationError that names the variable."""
    return read_settings(os.environ)
