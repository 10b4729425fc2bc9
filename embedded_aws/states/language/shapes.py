"""The fields of each part of a definition, and the JSON type of each: what a rule about values may rely on.

    part: {field: form}; a form is a JSON type, several ("integer|path"), a tuple of the values allowed, or ANY

`expression` is a JSONata string `{% … %}`, allowed only where the query language is JSONata. The types are those of
https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html and the pages below it; AWS words a
wrong one "Expected value of type Integer".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from embedded_aws.states.language.findings import Finding, bad
from embedded_aws.states.language.json_text import Json, is_number

Form: TypeAlias = str | tuple[str, ...]
ANY = ""

_COMMON: dict[str, Form] = {
    "Type": "string",
    "Comment": "string",
    "QueryLanguage": ("JSONPath", "JSONata"),
    "InputPath": "string|null",
    "OutputPath": "string|null",
    "Assign": "object|null",
    "Output": ANY,
}
_FLOW: dict[str, Form] = {"Next": "string", "End": "boolean"}
_CATCH: dict[str, Form] = {"Retry": "array|null", "Catch": "array|null"}
_RESULT: dict[str, Form] = {"ResultSelector": "object", "ResultPath": "string|null"}
_WORK = {"Parameters": ANY, "Arguments": ANY} | _RESULT | _CATCH

STATES: dict[str, Mapping[str, Form]] = {
    "Pass": _COMMON | _FLOW | {"Parameters": ANY, "Result": ANY, "ResultPath": "string|null"},
    "Task": _COMMON
    | _FLOW
    | _WORK
    | {
        "Resource": "string",
        "TimeoutSeconds": "integer|expression",
        "TimeoutSecondsPath": "string",
        "HeartbeatSeconds": "integer|expression",
        "HeartbeatSecondsPath": "string",
        "Credentials": "object|null",
    },
    "Choice": _COMMON | {"Choices": "array", "Default": "string"},
    "Wait": _COMMON
    | _FLOW
    | {
        "Seconds": "integer|expression",
        "SecondsPath": "string",
        "Timestamp": "string",
        "TimestampPath": "string",
    },
    "Succeed": _COMMON,
    "Parallel": _COMMON | _FLOW | _WORK | {"Branches": "array"},
    "Map": _COMMON
    | _FLOW
    | _WORK
    | {
        "ItemProcessor": "object",
        "Iterator": "object",
        "ItemSelector": ANY,
        "Items": "array|object|expression",
        "ItemsPath": "string",
        "MaxConcurrency": "integer|expression",
        "MaxConcurrencyPath": "string",
        "ItemReader": "object|null",
        "ItemBatcher": "object|null",
        "ResultWriter": "object|null",
        "Label": "string",
        "ToleratedFailureCount": "integer|expression",
        "ToleratedFailureCountPath": "string",
        "ToleratedFailurePercentage": "number|expression",
        "ToleratedFailurePercentagePath": "string",
    },
    "Fail": {
        "Type": "string",
        "Comment": "string",
        "QueryLanguage": ("JSONPath", "JSONata"),
        "Error": "string",
        "ErrorPath": "string",
        "Cause": "string",
        "CausePath": "string",
    },
}

MACHINE: Mapping[str, Form] = {
    "Comment": "string",
    "QueryLanguage": ("JSONPath", "JSONata"),
    "StartAt": "string",
    "States": "object",
    "TimeoutSeconds": "integer",
    "Version": "string",
    "ProcessorConfig": "object",
}
RETRIER: Mapping[str, Form] = {
    "Comment": "string",
    "ErrorEquals": "array",
    "IntervalSeconds": "integer",
    "MaxAttempts": "integer",
    "BackoffRate": "number",
    "MaxDelaySeconds": "integer",
    "JitterStrategy": ("FULL", "NONE"),
}
CATCHER: Mapping[str, Form] = {
    "Comment": "string",
    "ErrorEquals": "array",
    "Next": "string",
    "ResultPath": "string|null",
    "Assign": "object|null",
    "Output": ANY,
}
PROCESSOR: Mapping[str, Form] = {"Mode": ("INLINE", "DISTRIBUTED"), "ExecutionType": ("STANDARD", "EXPRESS")}
READER: Mapping[str, Form] = {
    "Resource": "string",
    "Parameters": "object",
    "Arguments": "object|expression",
    "ReaderConfig": "object",
}
READER_CONFIG: Mapping[str, Form] = {
    "InputType": ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"),
    "Transformation": ("NONE", "LOAD_AND_FLATTEN"),
    "ManifestType": ("ATHENA_DATA", "S3_INVENTORY"),
    "CSVDelimiter": ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
    "CSVHeaders": "array",
    "ItemsPointer": "string",
    "MaxItems": "integer|expression",
    "MaxItemsPath": "string",
}
BATCHER: Mapping[str, Form] = {
    "MaxItemsPerBatch": "integer|expression",
    "MaxItemsPerBatchPath": "string",
    "MaxInputBytesPerBatch": "integer|expression",
    "MaxInputBytesPerBatchPath": "string",
    "BatchInput": ANY,
}
WRITER: Mapping[str, Form] = {
    "Resource": "string",
    "Parameters": "object",
    "Arguments": "object|expression",
    "WriterConfig": "object",
}
WRITER_CONFIG: Mapping[str, Form] = {
    "Transformation": ("NONE", "COMPACT", "FLATTEN"),
    "OutputType": ("JSON", "JSONL"),
}

_TYPES = {"string": str, "boolean": bool, "array": list, "object": dict}


def misshapen(body: Mapping[str, Json], part: Mapping[str, Form], where: str, *, jsonata: bool) -> list[Finding]:
    """Fields of `body` whose value has another type than `part` says, or is not one of the values allowed."""
    return list(_misshapen(body, part, where, jsonata))


def _misshapen(body: Mapping[str, Json], part: Mapping[str, Form], where: str, jsonata: bool) -> Iterator[Finding]:
    for name, form in part.items():
        if name not in body or form == ANY:
            continue
        value = body[name]
        if isinstance(form, tuple):
            if not isinstance(value, str) or value not in form:
                yield bad(f"{where}/{name}", f"The field '{name}' should have one of these values: [{', '.join(form)}]")
            continue
        kinds = form.split("|")
        if not any(_is(value, kind, jsonata) for kind in kinds):
            yield bad(f"{where}/{name}", f"Expected value of type {kinds[0].capitalize()}")


def is_expression(value: Json) -> bool:
    """Whether the value is a JSONata expression in its delimiters."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _is(value: Json, kind: str, jsonata: bool) -> bool:
    if kind == "expression":
        return jsonata and is_expression(value)
    if kind == "null":
        return value is None
    if kind == "number":
        return is_number(value)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])
