"""From a definition that passed validation to a compiled `Machine`.

https://states-language.net/spec.html
https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from embedded_aws.states.language.choice import compile_rule
from embedded_aws.states.language.errors import DefinitionError, FaultError
from embedded_aws.states.language.fields import Env, Field, TemplateError, constant, expression, path_field, template
from embedded_aws.states.language.intrinsics import IntrinsicSyntaxError
from embedded_aws.states.language.json_text import Json, dump
from embedded_aws.states.language.jsonata import condition, jsonata_field, typed
from embedded_aws.states.language.model import (
    Batcher,
    Choice,
    Distributed,
    Fail,
    Machine,
    Map,
    Parallel,
    Pass,
    Reader,
    Resource,
    Rule,
    State,
    Succeed,
    Task,
    Wait,
    Writer,
)
from embedded_aws.states.language.path_segments import PathSyntaxError
from embedded_aws.states.language.paths import parse
from embedded_aws.states.language.retry import Catcher, Retrier

_SERVICE = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:(aws-sdk:[^:]+|[^:.]+):([^:.]+)(?:\.(.+))?")
_LAMBDA = re.compile(r"arn:[^:]*:lambda:")
_ACTIVITY = re.compile(r"arn:[^:]*:states:[^:]+:[^:]+:activity:")


def compile_machine(definition: Mapping[str, Json], *, jsonata: bool = False, where: str = "") -> Machine:
    """Compile a definition, a branch or an item processor; DefinitionError contains the reason and the location.

    `jsonata` is the query language of the whole machine: states inside a Map or a Parallel inherit that one, not the
    language of the state around them.
    """
    language = definition.get("QueryLanguage")
    jsonata = jsonata if language is None else language == "JSONata"
    states = {
        name: _Compiler(name, body, jsonata, f"{where}/States/{name}").compile()
        for name, body in definition["States"].items()
    }
    return Machine(definition["StartAt"], states, jsonata, definition.get("TimeoutSeconds"))


def processor_definition(machine: Machine, label: str) -> str | None:
    """The item processor of the Distributed Map with this label, anywhere in the machine, as JSON text."""
    for state in machine.states.values():
        inner: tuple[Machine, ...] = ()
        if isinstance(state, Map):
            if state.distributed is not None and state.distributed.label == label:
                return state.distributed.definition
            inner = (state.processor,)
        elif isinstance(state, Parallel):
            inner = state.branches
        for below in inner:
            found = processor_definition(below, label)
            if found is not None:
                return found
    return None


def resource(arn: str) -> Resource:
    """What a Task's Resource names."""
    if _LAMBDA.match(arn):
        return Resource(arn=arn, kind="lambda")
    if _ACTIVITY.match(arn):
        return Resource(arn=arn, kind="activity")
    found = _SERVICE.fullmatch(arn)
    if found is None:
        raise ValueError(arn)
    service, action, pattern = found.groups()
    return Resource(arn=arn, kind="service", service=service, action=action, pattern=pattern or "")


class _Compiler:
    """Compiles one state."""

    def __init__(self, name: str, body: Mapping[str, Json], jsonata: bool, where: str) -> None:
        language = body.get("QueryLanguage")
        self.whole = jsonata
        self.jsonata = jsonata if language is None else language == "JSONata"
        self.name = name
        self.body = body
        self.where = where

    def compile(self) -> State:
        try:
            state: State = getattr(self, f"{self.body['Type'].lower()}_state")()
            return state
        except TemplateError as error:
            raise DefinitionError(str(error), f"{self.where}/{error.pointer}") from None
        except (PathSyntaxError, IntrinsicSyntaxError) as error:
            raise DefinitionError(str(error), self.where) from None
        except DefinitionError as error:
            if error.location.startswith("/"):
                raise
            raise DefinitionError(error.message, f"{self.where}/{error.location}", error.code) from None

    # --- fields

    def template(self, name: str, source: Mapping[str, Json] | None = None, inside: str = "") -> Field | None:
        """A payload template (JSONPath) or a value with {% %} expressions in it (JSONata).

        `inside` is the location of `source` in the state, e.g. "Catch[0]/".
        """
        body = self.body if source is None else source
        if name not in body or (body[name] is None and name in ("Assign", "Credentials")):
            return None
        if self.jsonata:
            works = self.body["Type"] in ("Task", "Parallel", "Map")
            return jsonata_field(body[name], inside + name, result=works and inside + name in ("Output", "Assign"))
        return template(body[name], name)

    def typed(self, name: str, wanted: str, source: Mapping[str, Json] | None = None) -> Field | None:
        """A template that must give a value of one type; JSONPath's constants were validated."""
        body = self.body if source is None else source
        if not self.jsonata or name not in body:
            return self.template(name, body)
        return typed(body[name], name, wanted)

    def path(self, name: str) -> Field | None:
        """InputPath and OutputPath: absent is the whole value, null an empty object."""
        if name not in self.body:
            return None
        return constant({}) if self.body[name] is None else path_field(self.body[name])

    def number(
        self,
        name: str,
        source: Mapping[str, Json] | None = None,
        read: Callable[[str, str], Field] | None = None,
    ) -> Field | None:
        """`Name`, a constant or a JSONata expression, or `NamePath`, a path to a number (an integer by default)."""
        body = self.body if source is None else source
        if f"{name}Path" in body:
            return (read or integer_path)(f"{name}Path", body[f"{name}Path"])
        return self.typed(name, "number", body)

    def common(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.body["Type"],
            "jsonata": self.jsonata,
            "next": self.body.get("Next"),
            "input_path": self.path("InputPath"),
            "output_path": self.path("OutputPath"),
            "assign": self.template("Assign"),
            "output": self.template("Output") if self.jsonata else None,
        }

    def working(self) -> dict[str, Any]:
        result_path = self.body.get("ResultPath", "$")
        return {
            **self.common(),
            "arguments": self.template("Arguments" if self.jsonata else "Parameters"),
            "selector": None if self.jsonata else self.template("ResultSelector"),
            "result_path": None if result_path is None else parse(result_path),
            "retry": tuple(_retrier(item) for item in self.body.get("Retry") or ()),
            "catch": tuple(
                self.catcher(item, f"Catch[{number}]/") for number, item in enumerate(self.body.get("Catch") or ())
            ),
        }

    def catcher(self, body: Mapping[str, Json], inside: str) -> Catcher:
        return Catcher(
            tuple(body["ErrorEquals"]),
            body["Next"],
            body.get("ResultPath", "$"),
            self.template("Assign", body, inside),
            self.template("Output", body, inside) if self.jsonata else None,
        )

    # --- states

    def pass_state(self) -> State:
        return Pass(**self.working(), result=self.body.get("Result"), has_result="Result" in self.body)

    def task_state(self) -> State:
        return Task(
            **self.working(),
            resource=resource(self.body["Resource"]),
            timeout=self.number("TimeoutSeconds"),
            heartbeat=self.number("HeartbeatSeconds"),
            credentials=self.template("Credentials"),
        )

    def choice_state(self) -> State:
        rules = tuple(
            Rule(
                self.condition(body, f"Choices[{number}]/Condition"),
                body["Next"],
                self.template("Assign", body, f"Choices[{number}]/"),
                self.template("Output", body, f"Choices[{number}]/") if self.jsonata else None,
            )
            for number, body in enumerate(self.body["Choices"])
        )
        return Choice(**self.common(), rules=rules, default=self.body.get("Default"))

    def condition(self, body: Mapping[str, Json], location: str) -> Callable[[Env], bool]:
        if "Condition" not in body:
            return compile_rule(body)
        return condition(body["Condition"], location)

    def wait_state(self) -> State:
        for key in ("Seconds", "Timestamp", "SecondsPath", "TimestampPath"):
            if key in self.body:
                value = self.body[key]
                is_path = key.endswith("Path")
                seconds = key.startswith("Seconds")
                field = path_field(value) if is_path else self.typed(key, "number" if seconds else "string")
                return Wait(
                    **self.common(),
                    seconds=field if seconds else None,
                    until=None if seconds else field,
                    label=key,
                    path=value if is_path else None,
                )
        raise DefinitionError("A Wait state needs Seconds, SecondsPath, Timestamp or TimestampPath", self.where)

    def succeed_state(self) -> State:
        return Succeed(**self.common())

    def fail_state(self) -> State:
        return Fail(
            **{**self.common(), "assign": None, "output": None}, error=self.text("Error"), cause=self.text("Cause")
        )

    def parallel_state(self) -> State:
        branches = tuple(
            compile_machine(body, jsonata=self.whole, where=f"{self.where}/Branches[{number}]")
            for number, body in enumerate(self.body["Branches"])
        )
        return Parallel(**self.working(), branches=branches)

    def map_state(self) -> State:
        processor = self.body.get("ItemProcessor") or self.body["Iterator"]
        working = self.working()
        distributed = self.distributed(processor)
        if "ItemSelector" not in self.body and not self.jsonata:
            working["arguments"] = None  # Parameters is the old name of ItemSelector here
        return Map(
            **working,
            processor=compile_machine(processor, jsonata=self.whole, where=f"{self.where}/ItemProcessor"),
            items=self.items(distributed=distributed is not None),
            items_path=self.body.get("ItemsPath", "$"),
            item_selector=self.template("ItemSelector") or (None if self.jsonata else self.template("Parameters")),
            max_concurrency=self.number("MaxConcurrency"),
            distributed=distributed,
        )

    def distributed(self, processor: Mapping[str, Json]) -> Distributed | None:
        config = processor.get("ProcessorConfig", {})
        if config.get("Mode") != "DISTRIBUTED":
            return None
        return Distributed(
            express=config.get("ExecutionType") == "EXPRESS",
            # Without a Label AWS generates a random one; this label is always the same for the same state.
            label=self.body.get("Label") or str(uuid5(NAMESPACE_URL, self.where)),
            definition=dump({key: value for key, value in processor.items() if key != "ProcessorConfig"}),
            reader=self.reader(),
            batcher=self.batcher(),
            writer=self.writer(),
            tolerated_count=self.number("ToleratedFailureCount"),
            tolerated_percentage=self.number("ToleratedFailurePercentage", read=float_path),
        )

    def reader(self) -> Reader | None:
        body = self.body.get("ItemReader")
        if body is None:
            return None
        parameters = self.template("Arguments" if self.jsonata else "Parameters", body)
        config = body.get("ReaderConfig", {})
        return Reader(
            resource=body["Resource"].rpartition(":")[2],
            parameters=parameters or constant({}),
            config=config,
            max_items=self.number("MaxItems", config),
        )

    def batcher(self) -> Batcher | None:
        body = self.body.get("ItemBatcher")
        if body is None:
            return None
        return Batcher(
            max_items=self.number("MaxItemsPerBatch", body),
            max_bytes=self.number("MaxInputBytesPerBatch", body),
            batch_input=self.template("BatchInput", body),
        )

    def writer(self) -> Writer | None:
        body = self.body.get("ResultWriter")
        if body is None:
            return None
        config = body.get("WriterConfig", {})
        return Writer(
            parameters=self.template("Arguments" if self.jsonata else "Parameters", body),
            transformation=config.get("Transformation", "NONE"),
            output_type=config.get("OutputType", "JSON"),
        )

    def items(self, *, distributed: bool) -> Field | None:
        if not self.jsonata:
            return path_field(self.body["ItemsPath"]) if "ItemsPath" in self.body else None
        if "Items" not in self.body:
            return None
        return typed(self.body["Items"], "Items", "array", *(("object",) if distributed else ()))

    def text(self, name: str) -> Field | None:
        path = self.body.get(f"{name}Path")
        if path is None:
            return self.typed(name, "string")
        return expression(path, f"{name}Path") if path.startswith("States.") else path_field(path)


def _retrier(body: Mapping[str, Json]) -> Retrier:
    return Retrier(
        tuple(body["ErrorEquals"]),
        body.get("IntervalSeconds", 1),
        body.get("MaxAttempts", 3),
        float(body.get("BackoffRate", 2.0)),
        body.get("MaxDelaySeconds"),
        body.get("JitterStrategy") == "FULL",
    )


def integer_path(name: str, path: str) -> Field:
    """A field like MaxConcurrencyPath: the integer at a path."""
    return _number_path(name, path, "integer", _whole)


def float_path(name: str, path: str) -> Field:
    """A field like ToleratedFailurePercentagePath: the number at a path."""
    return _number_path(name, path, "float", float)


def _whole(text: str) -> int:
    number = float(text)
    if number != int(number) or "." in text:
        raise ValueError(text)
    return int(number)


def _number_path(name: str, path: str, kind: str, read: Callable[[str], float]) -> Field:
    find = path_field(path)

    def evaluate(env: Env) -> Json:
        value = find(env)
        shown = value if isinstance(value, str) else dump(value)
        try:
            # In executions recorded on AWS, numbers in strings are accepted, too.
            return read(shown)
        except (ValueError, OverflowError):
            raise FaultError(
                f'The {name} field refers to value "{shown}" which is not a valid {kind}: {path}'
            ) from None

    return evaluate
