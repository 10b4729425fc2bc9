"""Rules for single fields of a definition: choice rules, paths, templates, numbers, resources.

Each function returns the findings about one value; `where` is its JSON pointer.
https://states-language.net/spec.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from embedded_aws.states.language.choice import BOOLEAN_OPERATORS, COMPARISONS, TYPE_TESTS, operator_known
from embedded_aws.states.language.errors import ALL
from embedded_aws.states.language.fields import TemplateError, template
from embedded_aws.states.language.findings import Finding, bad
from embedded_aws.states.language.intrinsics import IntrinsicSyntaxError, parse_call
from embedded_aws.states.language.json_text import Json, is_number
from embedded_aws.states.language.model import Resource
from embedded_aws.states.language.path_segments import PathSyntaxError
from embedded_aws.states.language.paths import parse

_VARIABLE = re.compile(r"[^\W\d]\w*")


def variables(assign: Json, where: str) -> Iterator[Finding]:
    """The names of variables: an identifier of up to 80 characters, not the reserved `states`."""
    if assign is None:
        return
    if not isinstance(assign, dict):
        yield bad(f"{where}/Assign", "The value of the field 'Assign' must be an object")
        return
    for key in assign:
        name = key.removesuffix(".$")
        if name == "states" or len(name) > 80 or not _VARIABLE.fullmatch(name):
            yield bad(f"{where}/Assign", f"The variable name '{name}' is not valid")


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


_CALLBACKS = {"apigateway", "bedrock", "ecs", "events", "lambda", "sns", "sqs", "states"}
_JOBS = {
    "athena", "batch", "bedrock", "codebuild", "databrew", "ecs", "eks", "elasticmapreduce", "emr-containers",
    "emr-serverless", "glue", "mediaconvert", "sagemaker", "states",
}  # fmt: skip


def known_resource(compiled: Resource, has_action: Callable[[str, str], bool]) -> bool:
    """Whether AWS has this Task resource with this pattern; `has_action` knows the operations of `aws-sdk:`."""
    if compiled.kind != "service":
        return True
    service, pattern = compiled.service, compiled.pattern
    if service.startswith("aws-sdk:"):
        return pattern in ("", "waitForTaskToken") and has_action(service[8:], compiled.action)
    actions = _OPTIMISED.get(service, set())
    if actions is not None and compiled.action not in actions:
        return False
    if pattern == "waitForTaskToken":
        return service in _CALLBACKS
    if pattern == "sync:2":
        return service == "states"
    return pattern == "" or (pattern == "sync" and service in _JOBS)


def choice_rule(rule: Mapping[str, Json], where: str, *, top: bool) -> Iterator[Finding]:
    """A data-test expression: And, Or, Not or one comparison. Only a top-level rule may have Next."""
    if not top and "Next" in rule:
        yield bad(f"{where}/Next", "Field 'Next' is only allowed in a top-level rule")
    operators = [key for key in rule if key in BOOLEAN_OPERATORS or operator_known(key)]
    if len(operators) != 1:
        yield bad(where, "A choice rule must have exactly one operator")
        return
    operator = operators[0]
    value = rule[operator]
    if operator in ("And", "Or"):
        if not isinstance(value, list) or not value:
            yield bad(f"{where}/{operator}", "Must be an array with at least one rule")
            return
        for number, part in enumerate(value):
            yield from _inner(part, f"{where}/{operator}[{number}]")
    elif operator == "Not":
        yield from _inner(value, f"{where}/Not")
    else:
        yield from path("Variable", rule.get("Variable"), f"{where}/Variable", reference=False)
        yield from _operand(operator, value, f"{where}/{operator}")


def _inner(rule: Json, where: str) -> Iterator[Finding]:
    if isinstance(rule, dict):
        yield from choice_rule(rule, where, top=False)
    else:
        yield bad(where, "A choice rule must be an object")


def _operand(operator: str, value: Json, where: str) -> Iterator[Finding]:
    if operator in TYPE_TESTS or operator in ("IsPresent", "BooleanEquals"):
        if not isinstance(value, bool):
            yield bad(where, f"The value of {operator} must be a boolean")
    elif operator == "StringMatches":
        if not isinstance(value, str):
            yield bad(where, "The value of StringMatches must be a string")
    elif operator.endswith("Path"):
        yield from path(operator, value, where, reference=False)
    elif COMPARISONS[operator][0](value) is None:
        yield bad(where, f"The value of {operator} has the wrong type")


def error_equals(item: Mapping[str, Json], where: str, *, last: bool) -> Iterator[Finding]:
    """ErrorEquals: names. States.ALL must be the only name, in the last element."""
    names = item.get("ErrorEquals")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        yield bad(where, "The field 'ErrorEquals' is required and must be a non-empty array of strings")
    elif ALL in names and (len(names) > 1 or not last):
        yield bad(f"{where}/ErrorEquals", "States.ALL must appear alone and in the last element")


def bounded(
    body: Mapping[str, Json], name: str, where: str, *, least: float, most: float | None = 99_999_999
) -> Iterator[Finding]:
    """An optional number within its limits. A JSONata expression has none before it is evaluated."""
    value: Json = body.get(name)
    if not is_number(value):
        return
    if value < least:
        yield bad(f"{where}/{name}", f"Minimum value is {least}")
    elif most is not None and value > most:
        yield bad(f"{where}/{name}", f"Maximum value is {most}")


def exclusive(body: Mapping[str, Json], where: str, *names: str) -> Iterator[Finding]:
    """Fields of which a part may have only one."""
    if sum(name in body for name in names) > 1:
        yield bad(where, f"There should only be one of the following fields: [{', '.join(names)}]")


_CALL = re.compile(r"States\.\w+\(")


def path(name: str, value: Json, where: str, *, reference: bool) -> Iterator[Finding]:
    """A field that holds a path (ErrorPath and CausePath may hold an intrinsic function); `reference`: ResultPath."""
    try:
        if not isinstance(value, str):
            raise PathSyntaxError("not a string")
        if name in ("ErrorPath", "CausePath") and _CALL.match(value):
            parse_call(value)
            return
        path = parse(value)
    except (PathSyntaxError, IntrinsicSyntaxError):
        yield bad(
            where,
            "Value is not a Reference Path: The reference path syntax is not valid."
            if reference
            else f"The value for the field '{name}' must be a valid JSONPath",
        )
        return
    if reference and (not path.is_reference or path.variable is not None):
        yield bad(where, "Value is not a Reference Path: it must name exactly one place in the state's input")


def payload_template(name: str, value: Json, where: str) -> Iterator[Finding]:
    """A payload template: each member `x.$` is a path or an intrinsic function."""
    try:
        template(value, name)
    except TemplateError as error:
        yield bad(f"{where}/{error.pointer}", str(error))
