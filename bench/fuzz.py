"""Wrong values in every place that takes a value, through the embedded Step Functions and the embedded Bedrock.

    python -m bench.fuzz [--every N]

- functions: each intrinsic function and each JSONata function and operator with arguments of every type;
- fields: each field of a state that reads data at run time (`$.v`, `{% $states.input.v %}`) with values of every type;
- requests: each member of each operation's request with texts and numbers that it does not expect.

A fault is an answer with status 500, an exception, or one of Python's words in an answer. `--every 10` takes each tenth
case; the tests do the same. Definitions with fields of wrong types are in
tests/unit/embedded_aws/states/test_shapes.py, whole.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.model import Shape

from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock
from embedded_aws.states.language.intrinsics import FUNCTIONS
from embedded_aws.wire import JsonService, ServiceError

ROLE = "arn:aws:iam::000000000000:role/fuzz"
PYTHON = re.compile(
    r"object has no|NoneType|subscriptable|unhashable|positional arg|not iterable|(Key|Type|Value|Attribute|Index)Error"
    r"|unsupported operand|codec can't|not supported between|Traceback|<class '|Internal error|could not be run|"
    r"InternalServer|doesn't define|line \d+ column \d+ \(char"
)
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e300, 10**30, "", "x", "é", "\ud800", "2020-01-01T00:00:00Z", "$.x", "States.UUID()",
    [], [1], [None], [[1]], {}, {"a": 1}, {"RoleArn": 1}, {"Bucket": 1}, {"FunctionName": 1},
)  # fmt: skip
TEXTS: tuple[Any, ...] = (
    "", " ", "x", "[1]", "null", "{", "1e400", "é", "\ud800", "\x00", "a" * 300, "x" * 3000, ":::::::", "%s{}", "../..",
    "arn:aws:states", "arn:aws:states:us-east-1:000000000000:stateMachine:nope", '{"a":NaN}', "[" * 3000, '"\\ud800"',
    "arn:aws:states:us-east-1:000000000000:mapRun:a/b:c", "arn:aws:bedrock:us-east-1:000000000000:guardrail/x",
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (-1, 0, 10**20, 1.5, True, "x", None, [])
LITERALS = (
    "null", "true", "1.5", "-1", "1e308", "''", "'x'", "'['", "[]", "[1]", "['a',1]", "{}", "{'a':{'b':1}}",
    "function($x){$x}", "/a/", "$sum", "$states.input.zz",
)  # fmt: skip
OPERATORS = ("+", "-", "*", "/", "%", "&", "=", "<", ">=", "and", "in", "..", "~>", "?:")


@dataclass(frozen=True, slots=True)
class Case:
    """One call; `about` names it in a report."""

    about: str
    run: Callable[[], object]

    def fault(self) -> str | None:
        """What is wrong with the answer; None when it is an answer or an error of AWS."""
        try:
            text = json.dumps(self.run(), default=str)
        except ServiceError as error:
            text = str(error)
            if error.status == 500:
                return text
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return text if PYTHON.search(text) else None


def functions(states: JsonService) -> Iterator[Case]:
    """Intrinsic functions and JSONata, as Pass states of TestState."""
    for name, function in FUNCTIONS.items():
        for count in range(max(function.least, 1), min(function.most, 3) + 1):
            call = f"States.{name}({','.join(f'$.v[{at}]' for at in range(count))})"
            state = {"Type": "Pass", "Parameters": {"x.$": call}, "End": True}
            for values in itertools.product(VALUES, repeat=count):
                yield _tested(states, f"{name}{values}", state, {"v": values})
    from jsonata import Jsonata

    for name in sorted(set(Jsonata.static_frame.bindings) | {"partition", "range", "hash", "uuid", "parse"}):
        for count in range(4):
            for values in itertools.product(LITERALS, repeat=count):
                yield _evaluated(states, f"${name}({','.join(values)})")
    for operator, left, right in itertools.product(OPERATORS, LITERALS, LITERALS):
        yield _evaluated(states, f"({left}) {operator.replace(':', ' 1 : ')} ({right})")


def _tested(states: JsonService, about: str, state: object, data: object) -> Case:
    params = {"definition": json.dumps(state), "input": json.dumps(data), "roleArn": ROLE}
    return Case(about, lambda: states.call("TestState", params))


def _evaluated(states: JsonService, expression: str) -> Case:
    def run() -> object:
        state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": f"{{% {expression} %}}", "End": True}
        answer = states.call("TestState", {"definition": json.dumps(state), "roleArn": ROLE})
        return answer | {"cause": str(answer.get("cause")).replace(expression, "")}  # it may have any word

    return Case(expression, run)


_INNER = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
_LAMBDA = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}}
_CALLBACK = {**_LAMBDA, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "TimeoutSeconds": 1}
_START = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2"}
_MAP = {"Type": "Map", "ItemProcessor": _INNER, "ItemsPath": "$.l"}
_RUN = {
    "Type": "Map",
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **_INNER},
}
_READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON"},
    "Parameters": {"Bucket": "b", "Key": "k"},
}
_LISTED = {"Resource": "arn:aws:states:::s3:listObjectsV2"}
_WRITER = {"Resource": "arn:aws:states:::s3:putObject"}
FIELDS: tuple[dict[str, Any], ...] = (
    {**_LAMBDA, "TimeoutSecondsPath": "$.v"}, {**_LAMBDA, "TimeoutSeconds": 90_000, "HeartbeatSecondsPath": "$.v"},
    {**_LAMBDA, "Parameters": {"FunctionName.$": "$.v"}}, {**_LAMBDA, "Credentials": {"RoleArn.$": "$.v"}},
    {**_LAMBDA, "Parameters": {"FunctionName": "f", "Qualifier.$": "$.v"}},
    {**_LAMBDA, "ResultPath": "$.v.x.y"}, {**_LAMBDA, "OutputPath": "$.v"}, {**_LAMBDA, "ResultPath": "$.v[0]"},
    {**_LAMBDA, "ResultSelector": {"a.$": "$.Payload.v.x[0]"}}, {**_LAMBDA, "Credentials": None},
    {**_CALLBACK, "Parameters": {"FunctionName": "f", "Payload.$": "$.v"}}, {"Type": "Wait", "SecondsPath": "$.v"},
    {**_START, "Parameters": {"StateMachineArn.$": "$.v"}}, {"Type": "Wait", "TimestampPath": "$.v"},
    {**_START, "Parameters": {"StateMachineArn.$": "$.me", "Name.$": "$.v", "Input.$": "$.v"}},
    {"Type": "Fail", "ErrorPath": "$.v", "CausePath": "$.v"}, {"Type": "Pass", "InputPath": "$.v", "Assign": None},
    {"Type": "Fail", "Error": "x", "CausePath": "States.Format($.v)"}, {"Type": "Pass", "ResultPath": "$.v.a"},
    {**_MAP, "ItemsPath": "$.v"}, {**_MAP, "MaxConcurrencyPath": "$.v"}, {**_MAP, "ItemSelector": {"a.$": "$.v.x"}},
    {**_RUN, "ItemsPath": "$.v"}, {**_RUN, "ItemsPath": "$.l", "MaxConcurrencyPath": "$.v"},
    {**_RUN, "ItemsPath": "$.l", "ToleratedFailureCountPath": "$.v"},
    {**_RUN, "ItemsPath": "$.l", "ToleratedFailurePercentagePath": "$.v"},
    {**_RUN, "ItemsPath": "$.l", "ItemBatcher": {"MaxItemsPerBatchPath": "$.v"}},
    {**_RUN, "ItemsPath": "$.l", "ItemBatcher": {"MaxInputBytesPerBatchPath": "$.v"}},
    {**_RUN, "ItemReader": {**_READER, "Parameters": {"Bucket.$": "$.v", "Key.$": "$.v"}}},
    {**_RUN, "ItemReader": {**_READER, "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.v"}}},
    {**_RUN, "ItemReader": {**_LISTED, "Parameters": {"Bucket.$": "$.v"}}},
    {**_RUN, "ItemsPath": "$.l", "ResultWriter": {**_WRITER, "Parameters": {"Bucket.$": "$.v"}}},
    {"Type": "Parallel", "Branches": [_INNER], "ResultSelector": {"y.$": "$[0].v.z"}},
    {"Type": "Choice", "Choices": [{"Variable": "$.v", "IsPresent": True, "Next": "E", "Assign": None}]},
    *(
        {"Type": "Choice", "Choices": [{"Variable": "$.v", name: operand, "Next": "E"}]}
        for name, operand in (
            ("StringEqualsPath", "$.v"), ("StringMatches", "*"), ("NumericLessThan", 1), ("BooleanEquals", True),
            ("NumericGreaterThanPath", "$.v"), ("TimestampEquals", "2020-01-01T00:00:00Z"), ("IsTimestamp", True),
        )
    ),
)  # fmt: skip
_V = "{% $states.input.v %}"
_ITEMS = {**{key: value for key, value in _MAP.items() if key != "ItemsPath"}, "Items": [1, 2]}
_TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}}
JSONATA_FIELDS: tuple[dict[str, Any], ...] = (
    {**_TASK, "Arguments": _V}, {**_TASK, "Arguments": {"FunctionName": _V}}, {**_TASK, "TimeoutSeconds": _V},
    {**_TASK, "TimeoutSeconds": 90_000, "HeartbeatSeconds": _V}, {**_TASK, "Credentials": {"RoleArn": _V}},
    {**_TASK, "Output": _V}, {**_TASK, "Assign": {"x": _V}}, {"Type": "Wait", "Seconds": _V},
    {"Type": "Wait", "Timestamp": _V}, {"Type": "Fail", "Error": _V, "Cause": "x"}, {"Type": "Fail", "Cause": _V},
    {**_ITEMS, "Items": _V}, {**_ITEMS, "MaxConcurrency": _V}, {**_ITEMS, "ItemSelector": _V},
    {**_RUN, "Items": _V}, {**_RUN, "Items": [1], "ToleratedFailureCount": _V},
    {**_RUN, "Items": [1], "ToleratedFailurePercentage": _V},
    {**_RUN, "Items": [1], "ItemBatcher": {"MaxItemsPerBatch": _V, "BatchInput": _V}},
    {**_RUN, "ItemReader": {"Resource": _READER["Resource"], "ReaderConfig": {"InputType": "JSON"}, "Arguments": _V}},
    {**_RUN, "Items": [1], "ResultWriter": {**_WRITER, "Arguments": _V}},
    {"Type": "Choice", "Choices": [{"Condition": _V, "Next": "E"}]},
    {"Type": "Choice", "Choices": [{"Condition": True, "Output": _V, "Assign": {"x": _V}, "Next": "E"}]},
    {"Type": "Parallel", "Branches": [_INNER], "Arguments": _V, "Output": _V},
)  # fmt: skip


def fields(states: JsonService, wait: Callable[[str], None]) -> Iterator[Case]:
    """Each field with each value, as an execution; `wait` returns when it has ended."""
    me = states.call(
        "CreateStateMachine", {"name": "me", "definition": json.dumps(_INNER), "roleArn": ROLE, "type": "STANDARD"}
    )["stateMachineArn"]
    machines = itertools.chain(
        ((state, "JSONPath") for state in FIELDS), ((state, "JSONata") for state in JSONATA_FIELDS)
    )
    for number, (state, language) in enumerate(machines):
        more = {"Default": "E"} if state["Type"] == "Choice" else {} if state["Type"] == "Fail" else {"Next": "E"}
        definition: dict[str, Any] = {
            "QueryLanguage": language,
            "StartAt": "S",
            "States": {"S": {**state, **more}, "E": {"Type": "Succeed"}},
        }
        if state["Type"] == "Fail":
            del definition["States"]["E"]
        made = states.call(
            "CreateStateMachine", {"name": f"m{number}", "definition": json.dumps(definition), "roleArn": ROLE}
        )
        for value in VALUES:
            data = json.dumps({"v": value, "l": [1, 2], "me": me})
            yield Case(f"{json.dumps(state)} {value!r}", _execution(states, wait, made["stateMachineArn"], data))


def _execution(states: JsonService, wait: Callable[[str], None], machine: str, data: str) -> Callable[[], object]:
    def run() -> object:
        arn = states.call("StartExecution", {"stateMachineArn": machine, "input": data})["executionArn"]
        wait(arn)
        described = states.call("DescribeExecution", {"executionArn": arn})
        return [described.get("error"), str(described.get("cause")).replace(data, ""), described["status"]]

    return run


def requests(service: JsonService, known: Mapping[str, Any]) -> Iterator[Case]:
    """Each member of each operation's request with each wrong value; `known` are values that exist, by member."""
    for name in service.model.operation_names:
        shape = service.model.operation_model(name).input_shape
        if shape is None or name == "GetActivityTask":  # it waits a minute for work
            continue
        for path, kind in _places(shape, ()):
            for value in TEXTS if kind == "string" else NUMBERS:
                request = _example(shape, known)
                _put(request, path, shape, known, value)
                yield Case(f"{name} {path} {value!r:.60}", partial(service.call, name, request))


def _places(shape: Shape, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if len(path) > 5:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from _places(member, (*path, name))
    elif shape.type_name == "list":
        yield from _places(shape.member, (*path, 0))
    elif shape.type_name != "map":
        yield path, shape.type_name


def _example(shape: Shape, known: Mapping[str, Any], name: str = "") -> Any:
    """A valid value: what is known by the member's name, else the least that the model demands."""
    if name in known and isinstance(known[name], _PYTHON_TYPES.get(shape.type_name, str)):
        return copy.deepcopy(known[name])
    if shape.type_name == "structure":
        return {member: _example(shape.members[member], known, member) for member in shape.required_members}
    if shape.type_name == "list":
        return [_example(shape.member, known)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "a"
    return {"integer": 1, "long": 1, "boolean": False, "double": 0.5, "float": 0.5, "blob": b"{}"}.get(
        shape.type_name, {}
    )


_PYTHON_TYPES = {"structure": dict, "list": list, "blob": bytes, "map": dict}


def _put(value: Any, path: tuple[Any, ...], shape: Shape, known: Mapping[str, Any], wrong: object) -> None:
    *above, last = path
    for key in above:
        shape = shape.member if key == 0 else shape.members[key]
        inner = value[key] if isinstance(value, list) else value.get(key)
        if not isinstance(inner, list if shape.type_name == "list" else dict):
            inner = value[key] = _example(shape, {})
        value = inner
    value[last] = wrong


def step_functions(folder: Path) -> StepFunctions:
    """A service whose functions echo and whose clock does not wait."""
    return StepFunctions(
        folder / "states.sqlite", lambda function, payload, timeout: LambdaResult(payload), clock=VirtualClock()
    )


def running(states: StepFunctions) -> Callable[[str], None]:
    """A function that returns when the execution has ended."""

    def wait(arn: str) -> None:
        execution = states.core.running.get(arn)
        if execution is not None:
            execution.ended.wait(30)

    return wait


def known_to_step_functions(states: JsonService) -> dict[str, Any]:
    """Resources that requests may name, by member."""
    definition = json.dumps(_INNER)
    arn = states.call("CreateStateMachine", {"name": "known", "definition": definition, "roleArn": ROLE})
    version = states.call("PublishStateMachineVersion", arn)
    machine = arn["stateMachineArn"]
    return {
        "stateMachineArn": machine,
        "resourceArn": machine,
        "stateMachineVersionArn": version["stateMachineVersionArn"],
        "executionArn": states.call("StartExecution", {"stateMachineArn": machine})["executionArn"],
        "activityArn": states.call("CreateActivity", {"name": "a"})["activityArn"],
        "definition": definition,
        "roleArn": ROLE,
        "input": "{}",
        "output": "{}",
        "routingConfiguration": [{"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}],
    }


def known_to_bedrock(control: JsonService) -> dict[str, Any]:
    """A guardrail with words only, which needs no model."""
    made = control.call(
        "CreateGuardrail",
        {
            "name": "g",
            "blockedInputMessaging": "no",
            "blockedOutputsMessaging": "no",
            "wordPolicyConfig": {"wordsConfig": [{"text": "word"}]},
        },
    )
    return {
        "guardrailIdentifier": made["guardrailId"],
        "guardrailVersion": "DRAFT",
        "modelId": "any.echo",
        "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/any.echo",
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "content": [{"text": {"text": "hello"}}],
        "body": b'{"prompt": "hello", "max_gen_len": 5}',
        "resourceARN": made["guardrailArn"],
        "name": "other",
        "blockedInputMessaging": "no",
        "blockedOutputsMessaging": "no",
    }


def cases(folder: Path) -> Iterator[Case]:
    """All of them."""
    states = step_functions(folder)
    wire = JsonService("stepfunctions", states)
    yield from functions(wire)
    yield from fields(wire, running(states))
    yield from requests(wire, known_to_step_functions(wire))
    bedrock = Bedrock(folder / "bedrock.sqlite3")
    control = JsonService("bedrock", bedrock.control)
    known = known_to_bedrock(control)
    for name, backend in (
        ("bedrock", bedrock.control),
        ("bedrock-runtime", bedrock.runtime),
        ("bedrock-agent", bedrock.agent_control),
        ("bedrock-agent-runtime", bedrock.agent_runtime),
    ):
        yield from requests(JsonService(name, backend), known)


def main() -> None:
    """Print each fault, and the number of cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take each Nth case")
    every = parser.parse_args().every
    count = faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in itertools.islice(cases(Path(folder)), 0, None, every):
            count += 1
            fault = case.fault()
            if fault is not None:
                faults += 1
                print(f"{case.about}: {fault[:300]}")
    print(f"{count} cases, {faults} faults")


if __name__ == "__main__":
    main()
