"""Validates a definition: all findings of ValidateStateMachineDefinition, each with a JSON pointer.

CreateStateMachine refuses a definition with the same findings.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
https://states-language.net/spec.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from embedded_aws.states.language.choice import timestamp
from embedded_aws.states.language.compiler import resource
from embedded_aws.states.language.field_rules import (
    bounded,
    choice_rule,
    error_equals,
    exclusive,
    known_resource,
    path,
    payload_template,
    variables,
)
from embedded_aws.states.language.findings import SCHEMA, Finding, bad, not_object, not_recognized
from embedded_aws.states.language.json_text import Json, is_number
from embedded_aws.states.language.map_rules import distributed, wrong_language
from embedded_aws.states.language.shapes import (
    CATCHER,
    MACHINE,
    PROCESSOR,
    RETRIER,
    STATES,
    Form,
    is_expression,
    misshapen,
)

HasAction = Callable[[str, str], bool]
Rules = Callable[[Mapping[str, Json], str], Iterator[Finding]]


def validate(
    definition: Mapping[str, Json], *, express: bool = False, has_action: HasAction = lambda service, action: True
) -> list[Finding]:
    """All findings, errors first in the order of the definition. `has_action` knows the operations of `aws-sdk:`."""
    scope = _Scope(express=express, jsonata=False, top=True, names=set(), has_action=has_action)
    return list(_machine(definition, "", scope))


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a state takes from its surroundings: `jsonata` is the language of the whole machine; `names` of all states.

    A Map's or a Parallel's own QueryLanguage is not inherited by the states inside.
    """

    express: bool
    jsonata: bool
    top: bool
    names: set[str]
    has_action: HasAction


def _machine(body: Mapping[str, Json], where: str, scope: _Scope) -> Iterator[Finding]:
    missing = [name for name in ("States", "StartAt") if name not in body]
    if missing:
        yield Finding(SCHEMA, f"These fields are required: [{', '.join(missing)}]", where or "/")
        return
    wrong = misshapen(body, MACHINE, where, jsonata=False)
    yield from wrong
    if wrong:
        return
    if scope.top:
        scope = replace(scope, jsonata=body.get("QueryLanguage") == "JSONata")
    states: Mapping[str, Json] = body["States"]
    if not states:
        yield bad(f"{where}/States", "Value cannot be empty")
        return
    if body["StartAt"] not in states:
        yield Finding("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {body['StartAt']}", f"{where}/StartAt")
    yield from bounded(body, "TimeoutSeconds", where, least=1)
    if body.get("Version", "1.0") != "1.0":
        yield bad(f"{where}/Version", "The field 'Version' should have one of these values: [1.0]")
    for name, state in states.items():
        here = f"{where}/States/{name}"
        if name in scope.names:
            yield Finding("DUPLICATE_STATE_NAME", f"Duplicate State name: {name}", here)
        scope.names.add(name)
        if len(name) > 80:
            yield bad(here, "A state's name may have at most 80 characters")
        if isinstance(state, dict):
            yield from _State(name, state, here, states, scope).findings()
        else:
            yield not_object(here)
    if not any(isinstance(state, dict) and _ends(state) for state in states.values()):
        yield Finding("MISSING_END_STATE", "Workflow has no terminal state", None)
    else:
        yield from _unreachable(body["StartAt"], states, where)


def _ends(state: Mapping[str, Json]) -> bool:
    return bool(state.get("End")) or state.get("Type") in ("Succeed", "Fail")


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


_JSONATA_ONLY = {"Arguments", "Output", "Items"}
_DISTRIBUTED_ONLY = {"ItemReader", "ItemBatcher", "ResultWriter", "Label"}
_OR_PATH = {"Error", "Cause", "TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency"} | {
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
}
"""Fields that are either given or read at a path."""


def _jsonpath_only(name: str) -> bool:
    return name.endswith("Path") or name in ("Parameters", "Result", "ResultSelector")


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
        if kind not in STATES:
            yield bad(
                f"{self.where}/Type",
                "The field 'Type' should have one of these values: "
                "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
            )
            return
        yield from self.language()
        for key in self.body:
            if key not in STATES[kind]:
                yield bad(self.where, f"Field '{key}' is not supported")
        wrong = misshapen(self.body, STATES[kind], self.where, jsonata=self.jsonata)
        yield from wrong
        if wrong:
            return  # the rules below rely on the types
        if kind not in ("Choice", "Succeed", "Fail"):
            yield from self.transition()
        for name in sorted(_OR_PATH & self.body.keys()):
            yield from exclusive(self.body, self.where, name, f"{name}Path")
        yield from variables(self.body.get("Assign"), self.where)
        if not self.jsonata:
            yield from self.paths()
        yield from getattr(self, f"_{kind.lower()}", lambda: ())()
        yield from self.handlers("Retry", RETRIER, self.retrier)
        yield from self.handlers("Catch", CATCHER, self.catcher)

    def language(self) -> Iterator[Finding]:
        if self.body.get("QueryLanguage") == "JSONPath" and self.scope.jsonata:
            yield bad(self.where, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
        for key in sorted(self.body):
            if _jsonpath_only(key) if self.jsonata else key in _JSONATA_ONLY:
                yield wrong_language(key, self.where, jsonata=self.jsonata)

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
        if not known_resource(compiled, self.scope.has_action):
            yield not_recognized(arn, here)
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
            yield from bounded(self.body, name, self.where, least=1)
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
        yield from bounded(self.body, "Seconds", self.where, least=0)

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
            yield from variables(rule.get("Assign"), here)
            if self.jsonata:
                if not (isinstance(rule.get("Condition"), bool) or is_expression(rule.get("Condition"))):
                    yield bad(here, "The field 'Condition' is required but was missing")
            else:
                yield from choice_rule(rule, here, top=True)
                if "Assign" in rule:
                    yield from payload_template("Assign", rule["Assign"], here)
        if "Default" in self.body:
            yield from self.target(self.body["Default"], f"{self.where}/Default")

    def _parallel(self) -> Iterator[Finding]:
        if "Branches" not in self.body:
            yield bad(self.where, "These fields are required: [Branches]")
            return
        if not self.body["Branches"]:
            yield bad(f"{self.where}/Branches", "Value cannot be empty")
        for number, branch in enumerate(self.body["Branches"]):
            here = f"{self.where}/Branches[{number}]"
            if isinstance(branch, dict):
                yield from _machine(branch, here, replace(self.scope, top=False))
            else:
                yield not_object(here)

    def _map(self) -> Iterator[Finding]:
        yield from exclusive(self.body, self.where, "Iterator", "ItemProcessor")
        name = "ItemProcessor" if "ItemProcessor" in self.body else "Iterator"
        processor = self.body.get(name)
        if processor is None:
            yield bad(self.where, "The field 'ItemProcessor' is required but was missing")
            return
        here = f"{self.where}/{name}"
        if "QueryLanguage" in processor:
            yield bad(here, "Field 'QueryLanguage' is not supported")
        config: Json = processor.get("ProcessorConfig", {})
        if not isinstance(config, dict):
            yield bad(f"{here}/ProcessorConfig", "Expected value of type Object")
            return
        wrong = misshapen(config, PROCESSOR, f"{here}/ProcessorConfig", jsonata=False)
        yield from wrong
        express = self.scope.express
        if config.get("Mode") == "DISTRIBUTED":
            if express:
                yield bad(here, "Express state machine does not support DISTRIBUTED mode")
            if "ExecutionType" not in config:
                yield bad(f"{here}/ProcessorConfig", "These fields are required: [ExecutionType]")
            express = config.get("ExecutionType") == "EXPRESS"
            yield from distributed(self.body, self.where, jsonata=self.jsonata)
        elif not wrong:
            for key in sorted(_DISTRIBUTED_ONLY & self.body.keys()):
                yield bad(f"{self.where}/{key}", f"Field '{key}' is only supported in DISTRIBUTED mode")
        yield from _machine(processor, here, replace(self.scope, express=express, top=False))
        yield from bounded(self.body, "MaxConcurrency", self.where, least=0, most=None)

    def handlers(self, field: str, form: Mapping[str, Form], rules: Rules) -> Iterator[Finding]:
        """The elements of Retry or Catch: their types, ErrorEquals, and `rules` for the other fields."""
        items = self.body.get(field) or []
        for number, item in enumerate(items):
            here = f"{self.where}/{field}[{number}]"
            wrong = misshapen(item, form, here, jsonata=self.jsonata) if isinstance(item, dict) else [not_object(here)]
            yield from wrong
            if not wrong:
                yield from error_equals(item, here, last=number == len(items) - 1)
                yield from rules(item, here)

    def retrier(self, item: Mapping[str, Json], here: str) -> Iterator[Finding]:
        yield from bounded(item, "IntervalSeconds", here, least=1)
        yield from bounded(item, "MaxAttempts", here, least=0)
        yield from bounded(item, "MaxDelaySeconds", here, least=1)
        yield from bounded(item, "BackoffRate", here, least=1.0, most=None)

    def catcher(self, item: Mapping[str, Json], here: str) -> Iterator[Finding]:
        yield from self.required_target(item, here)
        yield from variables(item.get("Assign"), here)
        name = "ResultPath" if self.jsonata else "Output"
        if name in item:
            yield wrong_language(name, here, jsonata=self.jsonata)
        if item.get("ResultPath") is not None:
            yield from path("ResultPath", item["ResultPath"], f"{here}/ResultPath", reference=True)
