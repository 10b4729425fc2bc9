"""Diagnostics about a definition, and reading its text.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from embedded_aws.states.language.json_text import Json, size, unparsed

MAX_DEFINITION = 1_048_576
SCHEMA = "SCHEMA_VALIDATION_FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One diagnostic; `severity` ERROR or WARNING."""

    code: str
    message: str
    location: str | None
    severity: str = "ERROR"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + f" at {self.location or 'null'}"


def parse_definition(text: str) -> tuple[dict[str, Json] | None, list[Finding]]:
    """The definition as JSON, or the findings if it cannot be parsed."""
    if size(text) > MAX_DEFINITION:
        return None, [Finding(SCHEMA, f"The definition exceeds the limit of {MAX_DEFINITION} bytes", None)]
    try:
        value = json.loads(text) if text.strip() else None
    except json.JSONDecodeError as error:
        message, where = unparsed(error)
        return None, [Finding("INVALID_JSON_DESCRIPTION", f"{message}\n at {where}", where)]
    except RecursionError:
        return None, [Finding("INVALID_JSON_DESCRIPTION", "The JSON is nested too deeply", None)]
    if not isinstance(value, dict):
        return None, [Finding(SCHEMA, "Definition must be a valid JSON object", None)]
    return value, []


def bad(where: str, message: str) -> Finding:
    """The usual finding: the definition does not have the form of the language."""
    return Finding(SCHEMA, message, where)


def not_object(where: str) -> Finding:
    """An element that must be an object and is not."""
    return bad(where, "Expected value of type Object")


def not_recognized(arn: str, where: str) -> Finding:
    """A resource that AWS does not have."""
    return bad(
        where,
        f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region.",
    )
