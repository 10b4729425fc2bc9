"""settings.yaml: the team's messages, in one place, and whether the embedded AWS may answer unguarded."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.settings import EMPTYMESSAGE, ERRORMESSAGE, UNGUARDED
from stepguard.guard.texts.messages import MESSAGES, read_messages
from stepguard.project.files import read_yaml
from stepguard.project.folder import Project, find_project

FILE = "settings.yaml"
BLOCKED = "BLOCKEDMESSAGE"
BLOCKED_CHARACTERS = 500
"""Bedrock's limit for the messages of a guardrail."""

DEFAULTS: Mapping[str, str] = {
    "EMPTYMESSAGE": EMPTYMESSAGE,
    "ERRORMESSAGE": ERRORMESSAGE,
    BLOCKED: (
        "I cannot help with this question here. Please contact your clinic: the staff there can help you. "
        "In an emergency, call your local emergency number."
    ),
    UNGUARDED: "no",
}
PARAMETERS: Mapping[str, str] = {
    "EMPTYMESSAGE": "EmptyMessage",
    "ERRORMESSAGE": "ErrorMessage",
    MESSAGES: "Messages",
}
"""The template's parameters of the messages that Lambdas read; the guardrails hold BLOCKEDMESSAGE."""


def read_settings_file(project: Project) -> dict[str, str]:
    """What the project's settings.yaml sets; empty without the file. Raises ConfigurationError naming the file."""
    file = project.path(FILE)
    if not file.exists():
        return {}
    content = read_yaml(file) or {}
    if not isinstance(content, dict) or not set(content) <= {*DEFAULTS, MESSAGES}:
        names = ", ".join((*DEFAULTS, MESSAGES))
        raise ConfigurationError(f"{file}: must map one or more of {names}, and nothing else.")
    return {name: _text(file, name, value) for name, value in content.items()}


def use_settings_file(project: Project, environment: MutableMapping[str, str]) -> None:
    """Set the variables that the environment leaves out or empty. Raises ConfigurationError."""
    for name, value in read_settings_file(project).items():
        if name != BLOCKED and not environment.get(name, "").strip():
            environment[name] = value


def blocked_message(start: Path) -> str:
    """The message for guardrail files in this folder that have no message. Raises ConfigurationError."""
    return read_settings_file(find_project(start)).get(BLOCKED, DEFAULTS[BLOCKED])


def message_parameters(project: Project) -> dict[str, str]:
    """The template's parameters that settings.yaml sets. Raises ConfigurationError."""
    return {PARAMETERS[name]: value for name, value in read_settings_file(project).items() if name in PARAMETERS}


def _text(file: Path, name: str, value: object) -> str:
    if name == UNGUARDED and isinstance(value, bool):  # YAML reads a bare yes or no as a truth value
        return "yes" if value else "no"
    if name == MESSAGES:
        try:
            read_messages(value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}: {error}") from None
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{file}: {name} must be a text that is not empty.")
    if name == BLOCKED and len(value) > BLOCKED_CHARACTERS:
        raise ConfigurationError(f"{file}: {name} has {len(value)} characters; Bedrock takes {BLOCKED_CHARACTERS}.")
    return value.strip()
