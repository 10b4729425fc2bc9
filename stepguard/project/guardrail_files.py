"""Reads guardrails as YAML files: each file is one CreateGuardrail request.

A file without messages gets BLOCKEDMESSAGE of the project's settings.yaml.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stepguard.guard.errors import ConfigurationError
from stepguard.project.settings_file import blocked_message

MESSAGES = ("blockedInputMessaging", "blockedOutputsMessaging")


def read_guardrail_files(paths: list[Path]) -> dict[Path, dict[str, Any]]:
    """The guardrail configurations of YAML files, or of the folders that hold them.

    Raises ConfigurationError naming the file that cannot be read.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    if not files:
        raise ConfigurationError(f"No .yaml file in {', '.join(map(str, paths))}.")
    return {file: _guardrail(file) for file in files}


def _guardrail(file: Path) -> dict[str, Any]:
    try:
        configuration = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read ({type(error).__name__}).") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise ConfigurationError(f"{file}{line}: is not valid YAML.") from None
    if not isinstance(configuration, dict) or not isinstance(configuration.get("name"), str):
        raise ConfigurationError(f"{file}: a guardrail is a mapping with a 'name', as CreateGuardrail takes it.")
    if missing := [member for member in MESSAGES if member not in configuration]:
        configuration |= dict.fromkeys(missing, blocked_message(file.resolve().parent))
    return configuration
