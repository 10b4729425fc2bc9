"""A compiled state machine, which the interpreter runs. `compiler` builds it; it never changes afterwards.

https://states-language.net/spec.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from embedded_aws.states.language.choice import Predicate
from embedded_aws.states.language.fields import Field
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.path_segments import Path
from embedded_aws.states.language.retry import Catcher, Retrier


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The fields that all states share.

    JSONPath states use `input_path`, `output_path` (None: the whole value; a constant {} for a null path); JSONata
    states use `output`. `next` is None where the machine ends.
    """

    name: str
    type: str
    jsonata: bool
    next: str | None = None
    input_path: Field | None = None
    output_path: Field | None = None
    assign: Field | None = None
    output: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Working(State):
    """A state with a result: `arguments` is Parameters or Arguments; `result_path` None throws the result away."""

    arguments: Field | None = None
    selector: Field | None = None
    result_path: Path | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(Working):
    """Pass: `result` is a fixed result, if `has_result`."""

    result: Json = None
    has_result: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What a Task calls: `kind` is lambda, activity or service.

    For a service, e.g. `arn:aws:states:::sqs:sendMessage.waitForTaskToken`: `service` "sqs", `action` "sendMessage",
    `pattern` "waitForTaskToken" (or "", "sync", "sync:2").
    """

    arn: str
    kind: str
    service: str = ""
    action: str = ""
    pattern: str = ""

    @property
    def full_action(self) -> str:
        """The action as histories show it, its pattern included."""
        return f"{self.action}.{self.pattern}" if self.pattern else self.action


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Working):
    """Task."""

    resource: Resource
    timeout: Field | None = None
    heartbeat: Field | None = None
    credentials: Field | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One choice: where to go when `test` holds."""

    test: Predicate
    next: str
    assign: Field | None = None
    output: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    """Choice."""

    rules: tuple[Rule, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """Wait: `seconds` gives a number, `until` a timestamp; `label` names the field in error messages."""

    seconds: Field | None = None
    until: Field | None = None
    label: str = ""
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    """Succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    """Fail."""

    error: Field | None = None
    cause: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(Working):
    """Parallel."""

    branches: tuple[Machine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """ItemReader: `resource` is s3:getObject or s3:listObjectsV2, `config` its ReaderConfig."""

    resource: str
    parameters: Field
    config: Mapping[str, Json]
    max_items: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batcher:
    """ItemBatcher."""

    max_items: Field | None = None
    max_bytes: Field | None = None
    batch_input: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """ResultWriter: the destination (`parameters`; None keeps results in the output) and the form of results."""

    parameters: Field | None = None
    transformation: str = "NONE"
    output_type: str = "JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distributed:
    """The fields that only a Distributed Map has. `express` is the type of its child executions."""

    express: bool
    label: str
    definition: str
    reader: Reader | None = None
    batcher: Batcher | None = None
    writer: Writer | None = None
    tolerated_count: Field | None = None
    tolerated_percentage: Field | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(Working):
    """Map: `items` gives the array, `item_selector` each iteration's input."""

    processor: Machine
    items: Field | None = None
    items_path: str = "$"
    item_selector: Field | None = None
    max_concurrency: Field | None = None
    distributed: Distributed | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine, or the states of a branch or an item processor. `timeout` in seconds."""

    start: str
    states: Mapping[str, State]
    jsonata: bool = False
    timeout: float | None = None
