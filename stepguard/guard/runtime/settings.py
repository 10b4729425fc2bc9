"""Settings that change without a deployment: texts for people, prompts, sampling, under QnABot's names.

Guardrails and models are not among them: a deployment changes those, so that safety stays under change control.
GuardInput reads the settings once and writes them into the execution document; all later stages use what stands there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.request import json_bytes
from stepguard.guard.review.rule import POLICIES, REVIEW_RULE, rule_problems, rule_schema
from stepguard.guard.runtime.refusal import DEFAULT
from stepguard.guard.settings import (
    PASSAGE_VARIABLES,
    VARIABLES,
    Settings,
    compile_no_hits,
    read_parameters,
)
from stepguard.guard.stream.listeners import Mode, read_mode
from stepguard.guard.texts.messages import MESSAGES, message_problems, message_schema, read_messages

RUNTIME_SETTINGS = "RUNTIME_SETTINGS"
"""The variable with the configuration's place in AWS AppConfig: APPLICATION/ENVIRONMENT/PROFILE."""

SETTINGS_BYTES = 8_000
"""The largest settings as JSON: the document of an execution has them beside the texts."""

BLOCKED = "BLOCKEDMESSAGE"
_TEXTS: Mapping[str, int] = {"EMPTYMESSAGE": 1_000, "ERRORMESSAGE": 1_000}
_PROMPTS: Mapping[str, int] = {"LLM_QA_SYSTEM_PROMPT": 4_000, "LLM_GENERATE_QUERY_SYSTEM_PROMPT": 2_000}
_CHARACTERS: Mapping[str, int] = {**_TEXTS, **_PROMPTS}
_BLOCKED_CHARACTERS = 500
_PATTERN_CHARACTERS = 2_000
STREAMING = "LLM_STREAMING_ENABLED"
NAMES = (
    "EMPTYMESSAGE", "ERRORMESSAGE", BLOCKED, MESSAGES, *_PROMPTS, "LLM_QA_NO_HITS_REGEX", "LLM_QA_MODEL_PARAMS",
    STREAMING, REVIEW_RULE,
)  # fmt: skip
"""All of them."""

_BY_DEPLOYMENT = frozenset(name for pair in (*VARIABLES.values(), PASSAGE_VARIABLES) for name in pair) | {
    "AUTOMATED_REASONING_BLOCKS", "UNGUARDED", "LLM_API", "LLM_IMPORTED_BODY", "LLM_MODEL_ID",
    "LLM_GENERATE_QUERY_MODEL_ID", "LLM_GENERATE_QUERY_ENABLE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """The settings of an execution: their version and values, and why a newer version is not used."""

    version: str | None
    values: Mapping[str, Any]
    problem: str = ""

    def to_document(self) -> dict[str, Any]:
        """`{version, values, problem}`, for the execution document."""
        return {"version": self.version, "values": dict(self.values), "problem": self.problem}


def settings_of(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What GuardInput wrote into an execution document; None without settings at run time."""
    guard = document.get("input_guard")
    held = guard.get("settings") if isinstance(guard, Mapping) else None
    return held if isinstance(held, Mapping) else None


def apply_settings(settings: Settings, held: Mapping[str, Any] | None) -> Settings:
    """The deployed settings with those of an execution document. An empty value is the deployed one, as in QnABot."""
    values = {name: value for name, value in ((held or {}).get("values") or {}).items() if value not in ("", {})}
    if not values:
        return settings
    off = settings.streaming is Mode.OFF  # then there is nothing that could send
    sampling = read_parameters("LLM_QA_MODEL_PARAMS", _as_json(values.get("LLM_QA_MODEL_PARAMS", {})))
    model = settings.model
    return replace(
        settings,
        empty_message=str(values.get("EMPTYMESSAGE", settings.empty_message)),
        error_message=str(values.get("ERRORMESSAGE", settings.error_message)),
        blocked_messages=_by_policy(values.get(BLOCKED, {})),
        messages=read_messages(values[MESSAGES]) if MESSAGES in values else settings.messages,
        no_hits=_pattern(str(values["LLM_QA_NO_HITS_REGEX"])) if "LLM_QA_NO_HITS_REGEX" in values else settings.no_hits,
        review=_as_json(values[REVIEW_RULE]) if settings.review and REVIEW_RULE in values else settings.review,
        streaming=settings.streaming if off else read_mode(str(values.get(STREAMING, settings.streaming))),
        rewrite_prompt=str(values.get("LLM_GENERATE_QUERY_SYSTEM_PROMPT", settings.rewrite_prompt)),
        model=replace(
            model,
            system_prompt=str(values.get("LLM_QA_SYSTEM_PROMPT", model.system_prompt)),
            max_tokens=int(sampling.get("maxTokens", model.max_tokens)),
            temperature=float(sampling.get("temperature", model.temperature)),
            top_p=float(sampling.get("topP", model.top_p)),
        ),
    )


def read_values(content: bytes | str) -> dict[str, Any]:
    """The settings of a text in JSON. Raises ConfigurationError, which names every wrong setting and quotes no text."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise ConfigurationError("The settings are not JSON.") from None
    if not isinstance(values, dict):
        raise ConfigurationError("The settings must be a JSON object of names and values.")
    if problems := list(_problems(values)):
        raise ConfigurationError(" ".join(problems))
    return values


def schema() -> dict[str, Any]:
    """The JSON schema (draft 4) of the settings: AppConfig refuses to deploy what does not satisfy it."""
    blocked = {"type": "string", "maxLength": _BLOCKED_CHARACTERS}
    properties: dict[str, Any] = {
        **{name: {"type": "string", "maxLength": most} for name, most in _CHARACTERS.items()},
        BLOCKED: {
            "anyOf": [
                blocked,
                {
                    "type": "object",
                    "properties": dict.fromkeys((*POLICIES, DEFAULT), blocked),
                    "additionalProperties": False,
                },
            ]
        },
        MESSAGES: message_schema(),
        STREAMING: {"enum": ["", *Mode]},
        REVIEW_RULE: rule_schema(),
        "LLM_QA_NO_HITS_REGEX": {"type": "string", "maxLength": _PATTERN_CHARACTERS},
        "LLM_QA_MODEL_PARAMS": {
            "type": "object",
            "properties": {
                "maxTokens": {"type": "integer", "minimum": 1, "maximum": 32768},
                "temperature": {"type": "number", "minimum": 0, "maximum": 1},
                "topP": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "additionalProperties": False,
        },
    }
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "stepguard's settings at run time",
        "type": "object",
        "properties": {name: properties[name] for name in NAMES},
        "additionalProperties": False,
    }


def _problems(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if name not in NAMES:
            yield _unknown(name)
        elif name in _CHECKS:
            yield from _CHECKS[name](value)
        elif name == "LLM_QA_MODEL_PARAMS":
            yield from _raised(lambda value=value: read_parameters("LLM_QA_MODEL_PARAMS", _as_json(value)))
        elif name == "LLM_QA_NO_HITS_REGEX":
            yield from _text_problems(name, value, _PATTERN_CHARACTERS)
            if isinstance(value, str):
                yield from _raised(lambda value=value: _pattern(value))
        else:
            yield from _text_problems(name, value, _CHARACTERS[name])
    try:
        size = json_bytes(values)
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        yield "The settings are not valid Unicode text."
        return
    if size > SETTINGS_BYTES:
        yield f"The settings are {size} bytes as JSON; at most {SETTINGS_BYTES} fit beside the texts of an execution."


def _unknown(name: str) -> str:
    if name.upper() in _BY_DEPLOYMENT:
        return (
            f"{name} cannot be set at run time: a deployment changes guardrails and models (stepguard deploy), so that "
            "safety stays under change control."
        )
    return f"{name[:80]} is no setting at run time; known are {', '.join(NAMES)}."


def _blocked_problems(value: object) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield from _text_problems(BLOCKED, value, _BLOCKED_CHARACTERS)
        return
    for policy, text in value.items():
        if policy not in (*POLICIES, DEFAULT):
            yield f"{BLOCKED} has no policy '{policy[:80]}'; known are {', '.join((*POLICIES, DEFAULT))}."
        else:
            yield from _text_problems(f"{BLOCKED}.{policy}", text, _BLOCKED_CHARACTERS)


def _streaming_problems(value: object) -> Iterator[str]:
    if value not in ("", *Mode):
        yield f"{STREAMING} must be {', '.join(Mode)}, or empty."


_CHECKS: Mapping[str, Callable[[object], Iterator[str]]] = {
    BLOCKED: _blocked_problems,
    MESSAGES: message_problems,
    REVIEW_RULE: rule_problems,
    STREAMING: _streaming_problems,
}


def _text_problems(name: str, value: object, most: int) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{name} must be a text."
    elif len(value) > most:
        yield f"{name} has {len(value)} characters; at most {most} are allowed."


def _raised(read: Any) -> Iterator[str]:
    try:
        read()
    except ConfigurationError as error:
        yield str(error)


def _by_policy(value: object) -> dict[str, str]:
    given = value if isinstance(value, Mapping) else {DEFAULT: value}
    return {str(policy): str(text) for policy, text in given.items() if text}


def _as_json(value: object) -> str:
    return json.dumps(value)


@cache
def _pattern(source: str) -> Any:
    return compile_no_hits(source)
