"""Reads guardrails as YAML files: each file is one CreateGuardrail request.

A file without messages gets BLOCKEDMESSAGE of the project's settings.yaml.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepguard.guard.errors import ConfigurationError
from stepguard.project.files import read_yaml
from stepguard.project.settings_file import blocked_message

MESSAGES = ("blockedInputMessaging", "blockedOutputsMessaging")


def read_guardrail_files(paths: list[Path]) -> dict[Path, dict[str, Any]]:
    """The guardrail configurations of YAML files, or of the folders that hold them.

    Raises ConfigurationError naming the file that cannot be read.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    if not files:
        folders = ", ".join(str(path.resolve()) for path in paths)
        raise ConfigurationError(
            f"There is no .yaml file in {folders}. Guardrails are files such as guardrails/preprocess.yaml of a "
            "project (stepguard init DIR creates one)."
        )
    return {file: _guardrail(file) for file in files}


def _guardrail(file: Path) -> dict[str, Any]:
    configuration = read_yaml(file)
    if not isinstance(configuration, dict) or not isinstance(configuration.get("name"), str):
        raise ConfigurationError(f"{file}: a guardrail is a mapping with a 'name', as CreateGuardrail takes it.")
    if missing := [member for member in MESSAGES if member not in configuration]:
        configuration |= dict.fromkeys(missing, blocked_message(file.resolve().parent))
    return configuration
