"""The fields of each part of a definition, and the JSON type of each: what a rule about values may rely on.

    part: {field: form}; a form is a JSON type, several ("integer|path"), a tuple of the values allowed, or ANY

`expression` is a JSONata string `{% … %}`, allowed only where the query language is JSONata. The types are those of
https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html and the pages below it; AWS words a
wrong one "Expected value of type Integer".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeAlias

from embedded_aws.states.language.findings import Finding, bad
from embedded_aws.states.language.json_text import Json, is_number

Form: TypeAlias = str | tuple[str, ...]
ANY = ""

_LANGUAGES = ("JSONPath", "JSONata")
_WHOLE = "integer|expression"


def _fields(form: Form, names: str) -> dict[str, Form]:
    """Fields of one form."""
    return dict.fromkeys(names.split(), form)


_ANY_STATE = _fields("string", "Type Comment") | {"QueryLanguage": _LANGUAGES}
_COMMON = _ANY_STATE | _fields("string|null", "InputPath OutputPath") | {"Assign": "object|null", "Output": ANY}
_FLOW: dict[str, Form] = {"Next": "string", "End": "boolean"}
_WORK = (
    _fields(ANY, "Parameters Arguments")
    | {"ResultSelector": "object", "ResultPath": "string|null"}
    | _fields("array|null", "Retry Catch")
)
STATES: dict[str, Mapping[str, Form]] = {
    "Pass": _COMMON | _FLOW | _fields(ANY, "Parameters Result") | {"ResultPath": "string|null"},
    "Task": _COMMON
    | _FLOW
    | _WORK
    | _fields("string", "Resource TimeoutSecondsPath HeartbeatSecondsPath")
    | _fields(_WHOLE, "TimeoutSeconds HeartbeatSeconds")
    | {"Credentials": "object|null"},
    "Choice": _COMMON | {"Choices": "array", "Default": "string"},
    "Wait": _COMMON | _FLOW | {"Seconds": _WHOLE} | _fields("string", "SecondsPath Timestamp TimestampPath"),
    "Succeed": _COMMON,
    "Parallel": _COMMON | _FLOW | _WORK | {"Branches": "array"},
    "Map": _COMMON
    | _FLOW
    | _WORK
    | _fields("object", "ItemProcessor Iterator")
    | _fields("object|null", "ItemReader ItemBatcher ResultWriter")
    | _fields("string", "ItemsPath MaxConcurrencyPath ToleratedFailureCountPath ToleratedFailurePercentagePath Label")
    | _fields(_WHOLE, "MaxConcurrency ToleratedFailureCount")
    | {"ToleratedFailurePercentage": "number|expression", "Items": "array|object|expression", "ItemSelector": ANY},
    "Fail": _ANY_STATE | _fields("string", "Error ErrorPath Cause CausePath"),
}

MACHINE = (
    _fields("string", "Comment StartAt Version")
    | _fields("object", "States ProcessorConfig")
    | {"QueryLanguage": _LANGUAGES, "TimeoutSeconds": "integer"}
)
RETRIER = (
    _fields("integer", "IntervalSeconds MaxAttempts MaxDelaySeconds")
    | {"Comment": "string", "ErrorEquals": "array", "BackoffRate": "number"}
    | {"JitterStrategy": ("FULL", "NONE")}
)
CATCHER = _fields("string", "Comment Next") | {
    "ErrorEquals": "array",
    "ResultPath": "string|null",
    "Assign": "object|null",
    "Output": ANY,
}
PROCESSOR: Mapping[str, Form] = {"Mode": ("INLINE", "DISTRIBUTED"), "ExecutionType": ("STANDARD", "EXPRESS")}
_CALL: dict[str, Form] = {"Resource": "string", "Parameters": "object", "Arguments": "object|expression"}
READER = _CALL | {"ReaderConfig": "object"}
READER_CONFIG = _fields("string", "ItemsPointer MaxItemsPath") | {
    "InputType": ("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"),
    "Transformation": ("NONE", "LOAD_AND_FLATTEN"),
    "ManifestType": ("ATHENA_DATA", "S3_INVENTORY"),
    "CSVDelimiter": ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
    "CSVHeaders": "array",
    "MaxItems": _WHOLE,
}
BATCHER = (
    _fields(_WHOLE, "MaxItemsPerBatch MaxInputBytesPerBatch")
    | _fields("string", "MaxItemsPerBatchPath MaxInputBytesPerBatchPath")
    | {"BatchInput": ANY}
)
WRITER = _CALL | {"WriterConfig": "object"}
WRITER_CONFIG: Mapping[str, Form] = {"Transformation": ("NONE", "COMPACT", "FLATTEN"), "OutputType": ("JSON", "JSONL")}

_TYPES = {"string": str, "boolean": bool, "array": list, "object": dict}


def misshapen(body: Mapping[str, Json], part: Mapping[str, Form], where: str, *, jsonata: bool) -> list[Finding]:
    """Fields of `body` whose value has another type than `part` says, or is not one of the values allowed."""
    return list(_misshapen(body, part, where, jsonata))


def _misshapen(body: Mapping[str, Json], part: Mapping[str, Form], where: str, jsonata: bool) -> Iterator[Finding]:
    for name, value in body.items():
        form = part.get(name, ANY)
        if form == ANY or (form == "string" and isinstance(value, str)):  # most fields
            continue
        if isinstance(form, tuple):
            if not isinstance(value, str) or value not in form:
                yield bad(f"{where}/{name}", f"The field '{name}' should have one of these values: [{', '.join(form)}]")
            continue
        if not any(_is(value, kind, jsonata) for kind in _kinds(form)):
            yield bad(f"{where}/{name}", f"Expected value of type {_kinds(form)[0].capitalize()}")


@cache
def _kinds(form: str) -> list[str]:
    return form.split("|")


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
