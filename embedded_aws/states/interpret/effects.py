"""The interpreter's requests to its driver. The interpreter does no I/O: it is a generator that yields effects.

The driver answers with a value (`send`) or an error (`throw`), so the same interpreter serves executions, synchronous
calls, TestState and mocks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.language.errors import StateError
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.model import Distributed, Machine, Reader, Resource


class TaskTimeoutError(Exception):
    """The task did not respond within its time-out."""


@dataclass(frozen=True, slots=True)
class Call:
    """Run a task and wait for its answer; the answer is JSON, a failure a StateError or TaskTimeoutError.

    `arguments` is the effective input, `timeout` in seconds. `state` and `iteration` (the indices of the enclosing
    inline Map items, outermost first) locate the task, for mocks; `role` is the Credentials' role.
    """

    resource: Resource
    arguments: Json
    timeout: float | None
    state: str
    iteration: tuple[int, ...] = ()
    attempt: int = 0
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A message: a worker has taken the activity task."""

    worker: str | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A message: the worker is alive."""


@dataclass(frozen=True, slots=True)
class Done:
    """A message: the task has ended, with a result or a failure."""

    result: Json = None
    failure: StateError | None = None


Message: TypeAlias = Started | Heartbeat | Done


class Mailbox(Protocol):
    """Where messages about one waiting task arrive."""

    def put(self, message: Message) -> bool:
        """Deliver a message; False if the task has already ended."""
        ...

    def close(self) -> None:
        """Take no more messages: the task has ended. The caller holds the execution's lock."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to Submit: the service's immediate response, and the mailbox for its later messages."""

    output: Json
    mailbox: Mailbox


@dataclass(frozen=True, slots=True)
class Submit:
    """Start a task that answers later: a callback with `token`, a job (.sync), an activity."""

    call: Call
    token: str


@dataclass(frozen=True, slots=True)
class MapPlan:
    """The settings of a Map Run.

    `items` gives (index, child input) lazily; it may raise a StateError (States.ItemReaderFailed). A tolerance is
    None if the state does not set it. `bucket` and `prefix` locate the results; they are empty without a ResultWriter.
    """

    state: str
    processor: Machine
    distributed: Distributed
    items: Callable[[ReadItems], Iterator[tuple[int, Json]]]
    concurrency: int
    tolerated_count: int | None
    tolerated_percentage: float | None
    bucket: str | None = None
    prefix: str = ""


class Item(NamedTuple):
    """One item: what an iteration gets, and what `$$.Map.Item` says of it.

    `key` is the name in a JSON object, whose items are `{"Key", "Value"}`. `source` is where a Distributed Map read
    the item: S3://BUCKET/KEY, S3://BUCKET for a list of objects, STATE_DATA for the state's own input.
    """

    value: Json
    key: str | None = None
    source: str | None = None


class ReadItems(Protocol):
    """Reads the items of an ItemReader; see `itemreader`."""

    def __call__(self, reader: Reader, parameters: Json, max_items: int) -> Iterator[Item]: ...


@dataclass(frozen=True, slots=True)
class StartMapRun:
    """Start a Map Run; the answer is a Submission whose output is the Map Run's ARN."""

    plan: MapPlan
    entered: int


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for the next message for at most this many seconds (None: no limit); the answer is None on time-out."""

    mailbox: Mailbox
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Branch:
    """One strand of a Fork: a branch, or the Map iteration `index` of the state `name`."""

    steps: Steps
    frame: Frame
    index: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Fork:
    """Run branches at the same time, at most `limit` of them; the answer is the list of their results, in order.

    Each element of `spawns` makes a branch, given the id of the event that precedes it. The first failure aborts
    the others and is thrown.
    """

    spawns: Iterator[Callable[[int], Branch]]
    limit: int
    frame: Frame


Effect: TypeAlias = Call | Submit | StartMapRun | Receive | Sleep | Fork
Steps: TypeAlias = Generator[Effect, Any, Json]

Walk: TypeAlias = Callable[[Machine, Frame, Json, str | None, str | None], Steps]
"""Runs the states of a machine: the interpreter itself, passed to the states that contain machines."""
