"""What is wrong with a definition: every finding of ValidateStateMachineDefinition, with a JSON-pointer location.

CreateStateMachine refuses a definition with the same findings.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
https://states-language.net/spec.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.asl.choice import BOOLEAN_OPERATORS, COMPARISONS, TYPE_TESTS, operator_known, timestamp
from local.asl.compiler import resource
from local.asl.errors import ALL
from local.asl.fields import TemplateError, template
from local.asl.intrinsics import IntrinsicSyntaxError, parse_call
from local.asl.jsontext import Json, is_number, size
from local.asl.model import Resource
from local.asl.paths import PathSyntaxError, parse

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
        return f"{self.code}: {self.message}" + (f" at {self.location}" if self.location else "")


def parse_definition(text: str) -> tuple[dict[str, Json] | None, list[Finding]]:
    """The definition as JSON, or what keeps it from being read."""
    if size(text) > MAX_DEFINITION:
        return None, [Finding(SCHEMA, f"The definition exceeds the limit of {MAX_DEFINITION} bytes", None)]
    try:
        value = json.loads(text) if text.strip() else None
    except json.JSONDecodeError as error:
        column, message = error.colno, error.msg
        if word := re.compile(r"[A-Za-z_]\w*").match(text, error.pos):
            column += len(word.group())
            message = (
                f"Unrecognized token '{word.group()}': was expecting (JSON String, Number, Array, Object or token "
                "'null', 'true' or 'false')"
            )
        where = f'[Source: (String)"{text[:500]}"; line: {error.lineno}, column: {column}]'
        return None, [Finding("INVALID_JSON_DESCRIPTION", f"{message}\n at {where}", where)]
    except RecursionError:
        return None, [Finding("INVALID_JSON_DESCRIPTION", "The JSON is nested too deeply", None)]
    if not isinstance(value, dict):
        return None, [Finding(SCHEMA, "Definition must be a valid JSON object", None)]
    return value, []


def validate(definition: Mapping[str, Json], *, express: bool = False) -> list[Finding]:
    """All findings, errors first in the order of the definition."""
    return list(_machine(definition, "", _Scope(express=express, jsonata=False, top=True)))


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a state inherits: `jsonata` is the language around it, `whole` that of the whole state machine."""

    express: bool
    jsonata: bool
    top: bool
    whole: bool = False


def _machine(body: Mapping[str, Json], where: str, scope: _Scope) -> Iterator[Finding]:
    missing = [name for name in ("States", "StartAt") if name not in body]
    if missing:
        yield Finding(SCHEMA, f"These fields are required: [{', '.join(missing)}]", where or "/")
        return
    language = body.get("QueryLanguage", "JSONata" if scope.jsonata else "JSONPath")
    if language not in ("JSONPath", "JSONata"):
        yield _bad(f"{where}/QueryLanguage", "The value of the field 'QueryLanguage' must be JSONPath or JSONata")
        return
    jsonata = language == "JSONata"
    scope = _Scope(scope.express, jsonata, scope.top, jsonata if scope.top else scope.whole)
    states = body["States"]
    if not isinstance(states, dict) or not states:
        yield _bad(f"{where}/States", "The value of the field 'States' must be an object with at least one state")
        return
    if not isinstance(body["StartAt"], str) or body["StartAt"] not in states:
        yield Finding("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {body['StartAt']}", f"{where}/StartAt")
    if "TimeoutSeconds" in body:
        yield from _integer(body, "TimeoutSeconds", where, least=1)
    for name, state in states.items():
        here = f"{where}/States/{name}"
        if len(name) > 80:
            yield _bad(here, "A state's name may have at most 80 characters")
        if not isinstance(state, dict):
            yield _bad(here, "A state must be an object")
            continue
        yield from _State(name, state, here, states, scope).findings()
    yield from _unreachable(body["StartAt"], states, where)


def _unreachable(start: Json, states: Mapping[str, Json], where: str) -> Iterator[Finding]:
    reached, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name in reached or not isinstance(states.get(name), dict):
            continue
        reached.add(name)
        todo.extend(_targets(states[name]))
    for name in states:
        if name not in reached:
            yield Finding("MISSING_TRANSITION_TARGET", f'State "{name}" is not reachable.', f"{where}/States/{name}")


def _targets(state: Mapping[str, Json]) -> Iterator[str]:
    parts: list[Json] = [state]
    for key in ("Choices", "Catch"):
        listed = state.get(key)
        parts.extend(listed if isinstance(listed, list) else [])
    for part in parts:
        if isinstance(part, dict):
            yield from (part[key] for key in ("Next", "Default") if isinstance(part.get(key), str))


_COMMON = {"Type", "Comment", "QueryLanguage", "InputPath", "OutputPath", "Assign", "Output"}
_FLOW = {"Next", "End"}
_WORK = {"Parameters", "Arguments", "ResultSelector", "ResultPath", "Retry", "Catch"}
FIELDS: dict[str, set[str]] = {
    "Pass": _COMMON | _FLOW | {"Parameters", "Result", "ResultPath"},
    "Task": _COMMON
    | _FLOW
    | _WORK
    | {
        "Resource",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Credentials",
    },
    "Choice": _COMMON | {"Choices", "Default"},
    "Wait": _COMMON | _FLOW | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": _COMMON,
    "Parallel": _COMMON | _FLOW | _WORK | {"Branches"},
    "Map": _COMMON
    | _FLOW
    | _WORK
    | {
        "ItemProcessor",
        "Iterator",
        "ItemSelector",
        "Items",
        "ItemsPath",
        "MaxConcurrency",
        "MaxConcurrencyPath",
        "ItemReader",
        "ItemBatcher",
        "ResultWriter",
        "Label",
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
    },
    "Fail": {"Type", "Comment", "QueryLanguage", "Error", "ErrorPath", "Cause", "CausePath"},
}
_JSONPATH_ONLY = {"InputPath", "OutputPath", "Parameters", "ResultSelector", "ResultPath", "ItemsPath"}
_JSONATA_ONLY = {"Arguments", "Output", "Items"}
_DISTRIBUTED_ONLY = {"ItemReader", "ItemBatcher", "ResultWriter", "Label"}
_EXCLUSIVE = (
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "Error",
    "Cause",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
)


class _State:
    def __init__(
        self, name: str, body: Mapping[str, Json], where: str, siblings: Mapping[str, Json], scope: _Scope
    ) -> None:
        self.name = name
        self.body = body
        self.where = where
        self.siblings = siblings
        self.scope = scope
        language = body.get("QueryLanguage")
        self.jsonata = scope.jsonata if language is None else language == "JSONata"

    def findings(self) -> Iterator[Finding]:
        kind = self.body.get("Type")
        if not isinstance(kind, str):
            yield Finding(SCHEMA, "These fields are required: [Type]", self.where)
            return
        if kind not in FIELDS:
            yield _bad(
                f"{self.where}/Type",
                "The field 'Type' should have one of these values: "
                "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
            )
            return
        yield from self.language()
        for key in self.body:
            if key not in FIELDS[kind]:
                yield _bad(f"{self.where}/{key}", f"Field '{key}' is not supported in a {kind} state")
        if kind not in ("Choice", "Succeed", "Fail"):
            yield from self.transition()
        for name in _EXCLUSIVE:
            if name in self.body and f"{name}Path" in self.body:
                yield _bad(self.where, f"Only one of these fields is allowed: ['{name}', '{name}Path']")
        yield from _variables(self.body.get("Assign"), self.where)
        if not self.jsonata:
            yield from self.paths()
        yield from getattr(self, f"_{kind.lower()}", lambda: ())()
        yield from self.retry()
        yield from self.catch()

    def language(self) -> Iterator[Finding]:
        language = self.body.get("QueryLanguage")
        if language == "JSONPath" and self.scope.whole:
            yield _bad(
                self.where,
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            )
        wrong = _JSONPATH_ONLY if self.jsonata else _JSONATA_ONLY
        name = "JSONata" if self.jsonata else "JSONPath"
        for key in sorted(wrong & self.body.keys()):
            yield _bad(f"{self.where}/{key}", f"Field '{key}' is not supported when QueryLanguage is {name}")

    def transition(self) -> Iterator[Finding]:
        follows, ends = "Next" in self.body, self.body.get("End") is True
        if follows == ends:
            yield _bad(self.where, "Exactly one of these fields is required: ['Next', 'End']")
        elif follows:
            yield from self.target(self.body["Next"], f"{self.where}/Next")

    def target(self, name: Json, where: str) -> Iterator[Finding]:
        if not isinstance(name, str) or name not in self.siblings:
            yield Finding("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {name}", where)

    def paths(self) -> Iterator[Finding]:
        for key, value in self.body.items():
            here = f"{self.where}/{key}"
            if key.endswith("Path") and not (value is None and key in ("InputPath", "OutputPath", "ResultPath")):
                yield from _path(key, value, here, reference=key == "ResultPath")
            elif key in ("Parameters", "ResultSelector", "Assign", "ItemSelector"):
                yield from _template(key, value, self.where)

    def _task(self) -> Iterator[Finding]:
        here = f"{self.where}/Resource"
        arn = self.body.get("Resource")
        if not isinstance(arn, str):
            yield Finding(SCHEMA, "These fields are required: [Resource]", self.where)
            return
        try:
            compiled = resource(arn)
        except ValueError:
            yield _bad(here, "Value is not a valid resource ARN")
            return
        if not _known(compiled):
            yield _bad(
                here,
                f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, "
                "or the resource is not available in this region.",
            )
        if self.scope.express:
            if compiled.kind == "activity":
                yield _bad(here, "Express state machine does not support Activity ARN")
            elif compiled.pattern == "waitForTaskToken":
                yield _bad(here, "Express state machine does not support '.waitForTaskToken' service integration ")
            elif compiled.pattern:
                yield _bad(here, f"Express state machine does not support '.{compiled.pattern}' service integration")
        credentials = self.body.get("Credentials")
        if credentials is not None and not (
            isinstance(credentials, dict) and {"RoleArn", "RoleArn.$"} & credentials.keys()
        ):
            yield _bad(f"{self.where}/Credentials", "The field 'RoleArn' is required but was missing")
        for name in ("TimeoutSeconds", "HeartbeatSeconds"):
            if name in self.body and not (self.jsonata and isinstance(self.body[name], str)):
                yield from _integer(self.body, name, self.where, least=1)

    def _wait(self) -> Iterator[Finding]:
        names = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
        if sum(name in self.body for name in names) != 1:
            yield _bad(self.where, f"Exactly one of these fields is required: {list(names)}")
        stamp = self.body.get("Timestamp")
        expression = self.jsonata and isinstance(stamp, str) and stamp.startswith("{%")
        if stamp is not None and not expression and timestamp(stamp) is None:
            yield _bad(f"{self.where}/Timestamp", "String does not match RFC3339 timestamp")
        if "Seconds" in self.body and not (self.jsonata and isinstance(self.body["Seconds"], str)):
            yield from _integer(self.body, "Seconds", self.where, least=0)

    def _choice(self) -> Iterator[Finding]:
        rules = self.body.get("Choices")
        if not isinstance(rules, list) or not rules:
            yield _bad(self.where, "The field 'Choices' is required and must hold at least one rule")
            return
        for number, rule in enumerate(rules):
            here = f"{self.where}/Choices[{number}]"
            if not isinstance(rule, dict):
                yield _bad(here, "A choice rule must be an object")
                continue
            yield from self.target(rule.get("Next"), f"{here}/Next")
            if self.jsonata:
                if not isinstance(rule.get("Condition"), (str, bool)):
                    yield _bad(here, "The field 'Condition' is required but was missing")
            else:
                yield from _rule(rule, here, top=True)
                if "Assign" in rule:
                    yield from _template("Assign", rule["Assign"], here)
        if "Default" in self.body:
            yield from self.target(self.body["Default"], f"{self.where}/Default")

    def _parallel(self) -> Iterator[Finding]:
        branches = self.body.get("Branches")
        if branches == []:
            yield _bad(f"{self.where}/Branches", "Value cannot be empty")
            return
        if not isinstance(branches, list):
            yield _bad(self.where, "The field 'Branches' is required and must hold at least one branch")
            return
        for number, branch in enumerate(branches):
            here = f"{self.where}/Branches[{number}]"
            if isinstance(branch, dict):
                yield from _machine(branch, here, _Scope(self.scope.express, self.jsonata, False, self.scope.whole))
            else:
                yield _bad(here, "A branch must be an object")

    def _map(self) -> Iterator[Finding]:
        name = "ItemProcessor" if "ItemProcessor" in self.body else "Iterator"
        processor = self.body.get(name)
        if not isinstance(processor, dict):
            yield _bad(self.where, "The field 'ItemProcessor' is required but was missing")
            return
        config = processor.get("ProcessorConfig", {})
        mode = config.get("Mode", "INLINE") if isinstance(config, dict) else None
        if mode not in ("INLINE", "DISTRIBUTED"):
            yield _bad(f"{self.where}/{name}/ProcessorConfig/Mode", "Mode must be INLINE or DISTRIBUTED")
            return
        express = self.scope.express
        if mode == "DISTRIBUTED":
            if self.scope.express:
                yield _bad(f"{self.where}/{name}", "Express state machine does not support DISTRIBUTED mode")
            if config.get("ExecutionType") not in ("STANDARD", "EXPRESS"):
                yield _bad(f"{self.where}/{name}/ProcessorConfig", "ExecutionType must be STANDARD or EXPRESS")
            express = config.get("ExecutionType") == "EXPRESS"
        else:
            for key in sorted(_DISTRIBUTED_ONLY & self.body.keys()):
                yield _bad(f"{self.where}/{key}", f"Field '{key}' is only supported in DISTRIBUTED mode")
        yield from _machine(processor, f"{self.where}/{name}", _Scope(express, self.jsonata, False, self.scope.whole))
        if isinstance(self.body.get("MaxConcurrency"), (int, float)):
            yield from _integer(self.body, "MaxConcurrency", self.where, least=0)

    def retry(self) -> Iterator[Finding]:
        for item, here, last in _listed(self.body.get("Retry"), f"{self.where}/Retry"):
            if not isinstance(item, dict):
                yield _bad(here, "Must be an object")
                continue
            yield from _error_equals(item, here, last=last)
            yield from _integer(item, "IntervalSeconds", here, least=1)
            yield from _integer(item, "MaxAttempts", here, least=0)
            yield from _integer(item, "MaxDelaySeconds", here, least=1)
            rate = item.get("BackoffRate", 2.0)
            if not is_number(rate) or rate < 1:
                yield _bad(f"{here}/BackoffRate", "BackoffRate must be a number greater than or equal to 1.0")
            if item.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
                yield _bad(f"{here}/JitterStrategy", "JitterStrategy must be FULL or NONE")

    def catch(self) -> Iterator[Finding]:
        for item, here, last in _listed(self.body.get("Catch"), f"{self.where}/Catch"):
            if not isinstance(item, dict):
                yield _bad(here, "Must be an object")
                continue
            yield from _error_equals(item, here, last=last)
            yield from self.target(item.get("Next"), f"{here}/Next")
            if item.get("ResultPath") is not None:
                yield from _path("ResultPath", item["ResultPath"], f"{here}/ResultPath", reference=True)


_VARIABLE = re.compile(r"[^\W\d]\w*")


def _variables(assign: Json, where: str) -> Iterator[Finding]:
    """The names of variables: an identifier of up to 80 characters, not the reserved `states`."""
    if assign is None:
        return
    if not isinstance(assign, dict):
        yield _bad(f"{where}/Assign", "The value of the field 'Assign' must be an object")
        return
    for key in assign:
        name = key.removesuffix(".$")
        if name == "states" or len(name) > 80 or not _VARIABLE.fullmatch(name):
            yield _bad(f"{where}/Assign", f"The variable name '{name}' is not valid")


# The optimised integrations: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
_OPTIMISED: dict[str, set[str] | None] = {
    "apigateway": {"invoke"},
    "athena": {"startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"},
    "batch": {"submitJob"},
    "bedrock": {"invokeModel", "createModelCustomizationJob"},
    "codebuild": {"startBuild", "stopBuild", "startBuildBatch", "stopBuildBatch", "retryBuildBatch", "batchGetReports"},
    "databrew": {"startJobRun"},
    "dynamodb": {"getItem", "putItem", "updateItem", "deleteItem"},
    "ecs": {"runTask"},
    "eks": None,
    "elasticmapreduce": None,
    "emr-containers": None,
    "emr-serverless": None,
    "events": {"putEvents"},
    "glue": {"startJobRun"},
    "http": {"invoke"},
    "lambda": {"invoke"},
    "mediaconvert": {"createJob"},
    "s3": {"getObject", "putObject", "listObjectsV2"},
    "sagemaker": None,
    "sns": {"publish"},
    "sqs": {"sendMessage"},
    "states": {"startExecution"},
}


def _known(compiled: Resource) -> bool:
    if compiled.kind != "service" or compiled.service.startswith("aws-sdk:"):
        return True
    actions = _OPTIMISED.get(compiled.service, set())
    return actions is None or compiled.action in actions


def _rule(rule: Mapping[str, Json], where: str, *, top: bool) -> Iterator[Finding]:
    if not top and "Next" in rule:
        yield _bad(f"{where}/Next", "Field 'Next' is only allowed in a top-level rule")
    operators = [key for key in rule if key in BOOLEAN_OPERATORS or operator_known(key)]
    if len(operators) != 1:
        yield _bad(where, "A choice rule must have exactly one operator")
        return
    operator = operators[0]
    value = rule[operator]
    if operator in ("And", "Or"):
        if not isinstance(value, list) or not value:
            yield _bad(f"{where}/{operator}", "Must be an array with at least one rule")
            return
        for number, part in enumerate(value):
            yield from _inner(part, f"{where}/{operator}[{number}]")
    elif operator == "Not":
        yield from _inner(value, f"{where}/Not")
    else:
        yield from _path("Variable", rule.get("Variable"), f"{where}/Variable", reference=False)
        yield from _operand(operator, value, f"{where}/{operator}")


def _inner(rule: Json, where: str) -> Iterator[Finding]:
    if isinstance(rule, dict):
        yield from _rule(rule, where, top=False)
    else:
        yield _bad(where, "A choice rule must be an object")


def _operand(operator: str, value: Json, where: str) -> Iterator[Finding]:
    if operator in TYPE_TESTS or operator in ("IsPresent", "BooleanEquals"):
        if not isinstance(value, bool):
            yield _bad(where, f"The value of {operator} must be a boolean")
    elif operator == "StringMatches":
        if not isinstance(value, str):
            yield _bad(where, "The value of StringMatches must be a string")
    elif operator.endswith("Path"):
        yield from _path(operator, value, where, reference=False)
    elif COMPARISONS[operator][0](value) is None:
        yield _bad(where, f"The value of {operator} has the wrong type")


def _listed(value: Json, where: str) -> Iterator[tuple[Any, str, bool]]:
    items = value if isinstance(value, list) else []
    for number, item in enumerate(items):
        yield item, f"{where}[{number}]", number == len(items) - 1


def _error_equals(item: Mapping[str, Json], where: str, *, last: bool) -> Iterator[Finding]:
    names = item.get("ErrorEquals")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        yield _bad(where, "The field 'ErrorEquals' is required and must be a non-empty array of strings")
    elif ALL in names and (len(names) > 1 or not last):
        yield _bad(f"{where}/ErrorEquals", "States.ALL must appear alone and in the last element")


def _integer(body: Mapping[str, Json], name: str, where: str, *, least: int) -> Iterator[Finding]:
    value = body.get(name, least)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 99_999_999:
        yield _bad(f"{where}/{name}", f"{name} must be an integer between {least} and 99999999")


_CALL = re.compile(r"States\.\w+\(")


def _path(name: str, value: Json, where: str, *, reference: bool) -> Iterator[Finding]:
    try:
        if not isinstance(value, str):
            raise PathSyntaxError("not a string")
        if name in ("ErrorPath", "CausePath") and _CALL.match(value):
            parse_call(value)
            return
        path = parse(value)
    except (PathSyntaxError, IntrinsicSyntaxError):
        yield _bad(
            where,
            "Value is not a Reference Path: The reference path syntax is not valid."
            if reference
            else f"The value for the field '{name}' must be a valid JSONPath",
        )
        return
    if reference and (not path.is_reference or path.variable is not None):
        yield _bad(where, "Value is not a Reference Path: it must name exactly one place in the state's input")


def _template(name: str, value: Json, where: str) -> Iterator[Finding]:
    try:
        template(value, name)
    except TemplateError as error:
        yield _bad(f"{where}/{error.pointer}", str(error))


def _bad(where: str, message: str) -> Finding:
    return Finding(SCHEMA, message, where)
