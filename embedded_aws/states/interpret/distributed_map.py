"""The Distributed Map's part of the interpreter: what to run, with which limits, and the events around the Map Run.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from embedded_aws.states.interpret.effects import (
    Done,
    Item,
    MapPlan,
    ReadItems,
    Receive,
    StartMapRun,
    Steps,
    Submission,
)
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.interpret.map_items import concurrency, find_items, map_env, selected
from embedded_aws.states.interpret.task import error_details
from embedded_aws.states.language.errors import ITEM_READER, RUNTIME, FaultError, StateError
from embedded_aws.states.language.fields import Env, Field
from embedded_aws.states.language.json_text import MAX_BYTES, Json, dump, is_number, size
from embedded_aws.states.language.map_rules import MAX_ITEMS
from embedded_aws.states.language.model import Batcher, Distributed, Map, Reader


def run_distributed(state: Map, distributed: Distributed, frame: Frame, data: Json) -> Steps:
    """One attempt: the results, or where they were written."""
    env = map_env(state, frame, data)
    limit = concurrency(state, env)
    items = None if distributed.reader is not None else find_items(state, env)
    redriven = "ExecutionRedriven" in frame.recorded and "MapRunStarted" in frame.recorded
    frame.event_once("MapStateStarted", {"length": 0 if items is None else len(items)})
    source = reading(distributed.reader, env, items)
    bucket, prefix = _destination(distributed, env)
    plan = MapPlan(
        state.name,
        state.processor,
        distributed,
        _inputs(state, distributed, env, frame, source),
        limit,
        _tolerated(distributed.tolerated_count, env, "ToleratedFailureCount", None),
        _tolerated(distributed.tolerated_percentage, env, "ToleratedFailurePercentage", 100),
        bucket,
        prefix,
    )
    run: Submission = yield StartMapRun(plan, frame.entered)
    frame.event_once("MapRunStarted", {"mapRunArn": run.output})
    if redriven:
        count = frame.context["Execution"]["RedriveCount"]
        frame.event("MapRunRedriven", {"mapRunArn": run.output, "redriveCount": count})
    started = frame.last
    try:
        done = yield Receive(run.mailbox, None)
    finally:
        run.mailbox.close()
    assert isinstance(done, Done)
    if done.failure is not None:
        frame.event("MapRunFailed", error_details(done.failure) or None)
        raise done.failure
    frame.event("MapRunSucceeded", None)
    frame.event("MapStateSucceeded", None, link=False)
    frame.last = started
    return done.result


Source = Callable[[ReadItems], Iterator[Item]]


def reading(reader: Reader | None, env: Env, items: list[Item] | None) -> Source:
    """How to get the items: from an ItemReader with its parameters and MaxItems, or those given."""
    if reader is None:
        return lambda read: iter(items or [])
    parameters = reader.parameters(env)
    most = 0 if reader.max_items is None else reader.max_items(env)
    if not isinstance(most, int) or isinstance(most, bool):
        raise FaultError(f"MaxItems must be an integer but is: {dump(most)}")

    def read_all(read: ReadItems) -> Iterator[Item]:
        if most < 0:
            raise StateError(ITEM_READER, "field MaxItems must be positive")
        return read(reader, parameters, min(most, MAX_ITEMS))

    return read_all


def _inputs(
    state: Map, distributed: Distributed, env: Env, frame: Frame, source: Source
) -> Callable[[ReadItems], Iterator[tuple[int, Json]]]:
    """The children's inputs, numbered: items through ItemSelector and ItemBatcher."""

    def items(read: ReadItems) -> Iterator[Json]:
        for index, item in enumerate(source(read)):
            try:
                yield selected(state, env, frame, item, index)[0]
            except FaultError as fault:
                raise StateError(fault.error, fault.message) from None

    batcher = distributed.batcher
    if batcher is None:
        return lambda read: enumerate(items(read))
    pack = batching(batcher, env)
    return lambda read: enumerate(pack(items(read)))


def batching(batcher: Batcher, env: Env) -> Callable[[Iterator[Json]], Iterator[Json]]:
    """An ItemBatcher as a function from items to the children's inputs."""
    most_items = _most(batcher.max_items, env, "MaxItemsPerBatch")
    most_bytes = _most(batcher.max_bytes, env, "MaxInputBytesPerBatch")
    extra = {} if batcher.batch_input is None else {"BatchInput": batcher.batch_input(env)}
    return lambda items: _batches(items, extra, most_items, most_bytes or MAX_BYTES)


def _batches(items: Iterator[Json], extra: dict[str, Json], most_items: int | None, most_bytes: int) -> Iterator[Json]:
    frame_bytes = size(dump({**extra, "Items": []}))
    batch: list[Json] = []
    total = frame_bytes
    for item in items:
        length = size(dump(item)) + 1
        if batch and (total + length - 1 > most_bytes or len(batch) == most_items):
            yield {**extra, "Items": batch}
            batch, total = [], frame_bytes
        batch.append(item)
        total += length
    if batch:
        yield {**extra, "Items": batch}


def _most(field: Field | None, env: Env, name: str) -> int | None:
    if field is None:
        return None
    value = field(env)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise FaultError(f"{name} must be a positive integer but is: {dump(value)}")
    return value


def _tolerated(field: Field | None, env: Env, name: str, most: float | None) -> int | None:
    if field is None:
        return None
    value = field(env)
    if not is_number(value) or value < 0 or (most is not None and value > most):
        limits = "between 0 and 100" if most is not None else "a non-negative integer"
        raise FaultError(f"{name} must be {limits}.")
    number: int = value
    return number


def _destination(distributed: Distributed, env: Env) -> tuple[str | None, str]:
    writer = distributed.writer
    if writer is None or writer.parameters is None:
        return None, ""
    parameters = writer.parameters(env)
    if not isinstance(parameters, dict) or not isinstance(parameters.get("Bucket"), str):
        raise FaultError("The ResultWriter needs a Bucket.", RUNTIME)
    return parameters["Bucket"], str(parameters.get("Prefix", ""))
