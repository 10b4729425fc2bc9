"""The messages that a person gets instead of an answer, in other languages than the deployment's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.texts.language import LANGUAGES

MESSAGES = "MESSAGES"
"""The setting: an object of language codes, each with some of NAMES."""

NAMES: Mapping[str, int] = {"EMPTYMESSAGE": 1_000, "ERRORMESSAGE": 1_000, "BLOCKEDMESSAGE": 500}
"""The messages of a language, with the most characters of each."""


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of one language; an empty one is the deployment's own."""

    empty: str = ""
    error: str = ""
    blocked: str = ""


def read_messages(value: object) -> dict[str, Messages]:
    """The messages of a JSON value, or of its text, by language. Raises ConfigurationError that quotes no message."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{MESSAGES} is not JSON.") from None
    if problems := list(message_problems(value)):
        raise ConfigurationError(" ".join(problems))
    assert isinstance(value, Mapping)
    return {str(code): Messages(*(str(held.get(name, "")).strip() for name in NAMES)) for code, held in value.items()}


def message_problems(value: object) -> Iterator[str]:
    """What is wrong with a value of MESSAGES."""
    if not isinstance(value, Mapping):
        yield f'{MESSAGES} must be an object such as {{"de": {{"EMPTYMESSAGE": "..."}}}}.'
        return
    for code, held in value.items():
        if code not in LANGUAGES:
            yield f"{MESSAGES} has the language '{str(code)[:20]}'; known are {', '.join(LANGUAGES)}."
        elif not isinstance(held, Mapping) or not set(held) <= set(NAMES):
            yield f"{MESSAGES}.{code} must be an object with {', '.join(NAMES)}, or some of them."
        else:
            for name, text in held.items():
                if not isinstance(text, str) or len(text) > NAMES[name]:
                    yield f"{MESSAGES}.{code}.{name} must be a text of at most {NAMES[name]} characters."


def message_schema() -> dict[str, Any]:
    """The JSON schema (draft 4) of the setting."""
    texts = {name: {"type": "string", "maxLength": most} for name, most in NAMES.items()}
    language = {"type": "object", "properties": texts, "additionalProperties": False}
    return {"type": "object", "properties": dict.fromkeys(LANGUAGES, language), "additionalProperties": False}
