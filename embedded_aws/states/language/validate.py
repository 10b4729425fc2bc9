"""Validates a definition: all findings of ValidateStateMachineDefinition, each with a JSON pointer.

CreateStateMachine refuses a definition with the same findings.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
https://states-language.net/spec.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from embedded_aws.states.language.choice import timestamp
from embedded_aws.states.language.compiler import resource
from embedded_aws.states.language.field_rules import (
    choice_rule,
    error_equals,
    integer,
    known_resource,
    listed,
    path,
    payload_template,
    variables,
)
from embedded_aws.states.language.findings import SCHEMA, Finding, bad
from embedded_aws.states.language.json_text import Json, is_number


def validate(definition: Mapping[str, Json], *, express: bool = False) -> list[Finding]:
    """All findings, errors first in the order of the definition."""
    return list(_machine(definition, "", _Scope(express=express, jsonata=False, top=True)))


@dataclass(frozen=True, slots=True)
class _Scope:
    """The query languages that a state inherits: `jsonata` from its surroundings, `whole` from the state machine."""

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
        yield bad(f"{where}/QueryLanguage", "The value of the field 'QueryLanguage' must be JSONPath or JSONata")
        return
    jsonata = language == "JSONata"
    scope = _Scope(scope.express, jsonata, scope.top, jsonata if scope.top else scope.whole)
    states = body["States"]
    if not isinstance(states, dict) or not states:
        yield bad(f"{where}/States", "The value of the field 'States' must be an object with at least one state")
        return
    if not isinstance(body["StartAt"], str) or body["StartAt"] not in states:
        yield Finding("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {body['StartAt']}", f"{where}/StartAt")
    if "TimeoutSeconds" in body:
        yield from integer(body, "TimeoutSeconds", where, least=1)
    if body.get("Version", "1.0") != "1.0":
        yield bad(f"{where}/Version", "The value of the field 'Version' must be '1.0'")
    for name, state in states.items():
        here = f"{where}/States/{name}"
        if len(name) > 80:
            yield bad(here, "A state's name may have at most 80 characters")
        if not isinstance(state, dict):
            yield bad(here, "A state must be an object")
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
            yield bad(
                f"{self.where}/Type",
                "The field 'Type' should have one of these values: "
                "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
            )
            return
        yield from self.language()
        for key in self.body:
            if key not in FIELDS[kind]:
                yield bad(f"{self.where}/{key}", f"Field '{key}' is not supported in a {kind} state")
        if kind not in ("Choice", "Succeed", "Fail"):
            yield from self.transition()
        for name in _EXCLUSIVE:
            if name in self.body and f"{name}Path" in self.body:
                yield bad(self.where, f"Only one of these fields is allowed: ['{name}', '{name}Path']")
        yield from variables(self.body.get("Assign"), self.where)
        if not self.jsonata:
            yield from self.paths()
        yield from getattr(self, f"_{kind.lower()}", lambda: ())()
        yield from self.retry()
        yield from self.catch()

    def language(self) -> Iterator[Finding]:
        language = self.body.get("QueryLanguage")
        if language == "JSONPath" and self.scope.whole:
            yield bad(
                self.where,
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            )
        wrong = _JSONPATH_ONLY if self.jsonata else _JSONATA_ONLY
        name = "JSONata" if self.jsonata else "JSONPath"
        for key in sorted(wrong & self.body.keys()):
            yield bad(f"{self.where}/{key}", f"Field '{key}' is not supported when QueryLanguage is {name}")

    def transition(self) -> Iterator[Finding]:
        follows, ends = "Next" in self.body, self.body.get("End") is True
        if follows == ends:
            yield bad(self.where, "Exactly one of these fields is required: ['Next', 'End']")
        elif follows:
            yield from self.target(self.body["Next"], f"{self.where}/Next")

    def required_target(self, body: Mapping[str, Json], where: str) -> Iterator[Finding]:
        """The Next of a Choice rule or a Catcher."""
        if "Next" in body:
            yield from self.target(body["Next"], f"{where}/Next")
        else:
            yield bad(where, "These fields are required: [Next]")

    def target(self, name: Json, where: str) -> Iterator[Finding]:
        if not isinstance(name, str) or name not in self.siblings:
            yield Finding("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {name}", where)

    def paths(self) -> Iterator[Finding]:
        for key, value in self.body.items():
            here = f"{self.where}/{key}"
            if key.endswith("Path") and not (value is None and key in ("InputPath", "OutputPath", "ResultPath")):
                yield from path(key, value, here, reference=key == "ResultPath")
            elif key in ("Parameters", "ResultSelector", "Assign", "ItemSelector"):
                yield from payload_template(key, value, self.where)

    def _task(self) -> Iterator[Finding]:
        here = f"{self.where}/Resource"
        arn = self.body.get("Resource")
        if not isinstance(arn, str):
            yield Finding(SCHEMA, "These fields are required: [Resource]", self.where)
            return
        try:
            compiled = resource(arn)
        except ValueError:
            yield bad(here, "Value is not a valid resource ARN")
            return
        if not known_resource(compiled):
            yield bad(
                here,
                f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, "
                "or the resource is not available in this region.",
            )
        if self.scope.express:
            if compiled.kind == "activity":
                yield bad(here, "Express state machine does not support Activity ARN")
            elif compiled.pattern == "waitForTaskToken":
                yield bad(here, "Express state machine does not support '.waitForTaskToken' service integration ")
            elif compiled.pattern:
                yield bad(here, f"Express state machine does not support '.{compiled.pattern}' service integration")
        credentials = self.body.get("Credentials")
        if credentials is not None and not (
            isinstance(credentials, dict) and {"RoleArn", "RoleArn.$"} & credentials.keys()
        ):
            yield bad(f"{self.where}/Credentials", "The field 'RoleArn' is required but was missing")
        for name in ("TimeoutSeconds", "HeartbeatSeconds"):
            if name in self.body and not (self.jsonata and isinstance(self.body[name], str)):
                yield from integer(self.body, name, self.where, least=1)
        heartbeat: Json = self.body.get("HeartbeatSeconds")
        timeout: Json = self.body.get("TimeoutSeconds")
        if is_number(heartbeat) and is_number(timeout) and heartbeat >= timeout:
            yield bad(f"{self.where}/HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds")

    def _wait(self) -> Iterator[Finding]:
        names = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
        if sum(name in self.body for name in names) != 1:
            yield bad(self.where, f"Exactly one of these fields is required: {list(names)}")
        stamp = self.body.get("Timestamp")
        expression = self.jsonata and isinstance(stamp, str) and stamp.startswith("{%")
        if stamp is not None and not expression and timestamp(stamp) is None:
            yield bad(f"{self.where}/Timestamp", "String does not match RFC3339 timestamp")
        if "Seconds" in self.body and not (self.jsonata and isinstance(self.body["Seconds"], str)):
            yield from integer(self.body, "Seconds", self.where, least=0)

    def _choice(self) -> Iterator[Finding]:
        rules = self.body.get("Choices")
        if not isinstance(rules, list) or not rules:
            yield bad(self.where, "The field 'Choices' is required and must hold at least one rule")
            return
        for number, rule in enumerate(rules):
            here = f"{self.where}/Choices[{number}]"
            if not isinstance(rule, dict):
                yield bad(here, "A choice rule must be an object")
                continue
            yield from self.required_target(rule, here)
            if self.jsonata:
                if not isinstance(rule.get("Condition"), (str, bool)):
                    yield bad(here, "The field 'Condition' is required but was missing")
            else:
                yield from choice_rule(rule, here, top=True)
                if "Assign" in rule:
                    yield from payload_template("Assign", rule["Assign"], here)
        if "Default" in self.body:
            yield from self.target(self.body["Default"], f"{self.where}/Default")

    def _parallel(self) -> Iterator[Finding]:
        branches = self.body.get("Branches")
        if branches == []:
            yield bad(f"{self.where}/Branches", "Value cannot be empty")
            return
        if not isinstance(branches, list):
            yield bad(self.where, "The field 'Branches' is required and must hold at least one branch")
            return
        for number, branch in enumerate(branches):
            here = f"{self.where}/Branches[{number}]"
            if isinstance(branch, dict):
                yield from _machine(branch, here, _Scope(self.scope.express, self.jsonata, False, self.scope.whole))
            else:
                yield bad(here, "A branch must be an object")

    def _map(self) -> Iterator[Finding]:
        if "ItemProcessor" in self.body and "Iterator" in self.body:
            yield bad(self.where, "Only one of these fields is allowed: ['Iterator', 'ItemProcessor']")
        name = "ItemProcessor" if "ItemProcessor" in self.body else "Iterator"
        processor = self.body.get(name)
        if not isinstance(processor, dict):
            yield bad(self.where, "The field 'ItemProcessor' is required but was missing")
            return
        config = processor.get("ProcessorConfig", {})
        mode = config.get("Mode", "INLINE") if isinstance(config, dict) else None
        if mode not in ("INLINE", "DISTRIBUTED"):
            yield bad(f"{self.where}/{name}/ProcessorConfig/Mode", "Mode must be INLINE or DISTRIBUTED")
            return
        express = self.scope.express
        if mode == "DISTRIBUTED":
            if self.scope.express:
                yield bad(f"{self.where}/{name}", "Express state machine does not support DISTRIBUTED mode")
            if config.get("ExecutionType") not in ("STANDARD", "EXPRESS"):
                yield bad(f"{self.where}/{name}/ProcessorConfig", "ExecutionType must be STANDARD or EXPRESS")
            express = config.get("ExecutionType") == "EXPRESS"
        else:
            for key in sorted(_DISTRIBUTED_ONLY & self.body.keys()):
                yield bad(f"{self.where}/{key}", f"Field '{key}' is only supported in DISTRIBUTED mode")
        yield from _machine(processor, f"{self.where}/{name}", _Scope(express, self.jsonata, False, self.scope.whole))
        if isinstance(self.body.get("MaxConcurrency"), (int, float)):
            yield from integer(self.body, "MaxConcurrency", self.where, least=0)

    def retry(self) -> Iterator[Finding]:
        for item, here, last in listed(self.body.get("Retry"), f"{self.where}/Retry"):
            if not isinstance(item, dict):
                yield bad(here, "Must be an object")
                continue
            yield from error_equals(item, here, last=last)
            yield from integer(item, "IntervalSeconds", here, least=1)
            yield from integer(item, "MaxAttempts", here, least=0)
            yield from integer(item, "MaxDelaySeconds", here, least=1)
            rate = item.get("BackoffRate", 2.0)
            if not is_number(rate) or rate < 1:
                yield bad(f"{here}/BackoffRate", "BackoffRate must be a number greater than or equal to 1.0")
            if item.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
                yield bad(f"{here}/JitterStrategy", "JitterStrategy must be FULL or NONE")

    def catch(self) -> Iterator[Finding]:
        for item, here, last in listed(self.body.get("Catch"), f"{self.where}/Catch"):
            if not isinstance(item, dict):
                yield bad(here, "Must be an object")
                continue
            yield from error_equals(item, here, last=last)
            yield from self.required_target(item, here)
            if item.get("ResultPath") is not None:
                yield from path("ResultPath", item["ResultPath"], f"{here}/ResultPath", reference=True)
