"""The Map state, inline mode: one iteration of its item processor for each element of an array.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local.asl import dataflow, interpreter
from local.asl.effects import Branch, Fork, Steps
from local.asl.errors import QUERY, FaultError, StateError
from local.asl.fields import Env
from local.asl.frame import Frame
from local.asl.history import Details
from local.asl.jsontext import Json, dump
from local.asl.model import Map, Working

INLINE_CONCURRENCY = 40


def run_map(state: Working, frame: Frame, data: Json, attempt: int) -> Steps:
    """One attempt: the list of the iterations' outputs."""
    assert isinstance(state, Map)
    if state.distributed is not None:
        from local.asl.distributed import run_distributed  # needs this module's helpers

        return (yield from run_distributed(state, state.distributed, frame, data))
    env = map_env(state, frame, data)
    limit = concurrency(state, env)
    items = find_items(state, env)
    frame.event("MapStateStarted", {"length": len(items)})
    spawns = _iterations(state, frame, env, items)
    results = yield Fork(spawns, min(limit or INLINE_CONCURRENCY, INLINE_CONCURRENCY), frame)
    frame.event("MapStateSucceeded", None, link=False)
    return results


def map_env(state: Map, frame: Frame, data: Json) -> Env:
    """What the Map's own fields see: its input after InputPath."""
    env = frame.env(dataflow.read_input(state, frame, data))
    env.input = data
    return env


def concurrency(state: Map, env: Env) -> int:
    """MaxConcurrency; 0 leaves it to the service."""
    if state.max_concurrency is None:
        return 0
    value = state.max_concurrency(env)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FaultError(f"MaxConcurrency must be a non-negative integer but is: {dump(value)}")
    return value


def find_items(state: Map, env: Env) -> list[Json]:
    """The array to iterate over."""
    items = env.data if state.items is None else state.items(env)
    if isinstance(items, list):
        return items
    if state.jsonata:
        raise FaultError(f"Map state input must be an array but was: {dump(items)}", QUERY)
    path = "$" + state.items_path.lstrip("$") if state.items_path.startswith("$$") else state.items_path
    raise FaultError(f'Reference path "{path}" must point to array.')


def selected(state: Map, env: Env, frame: Frame, item: Json, index: int) -> tuple[Json, dict[str, Json]]:
    """An iteration's input, and its $$.Map."""
    extra: dict[str, Json] = {"Map": {"Item": {"Index": index, "Value": item}}}
    if state.item_selector is None:
        return item, extra
    inner = Env(env.data, {**env.context, **extra}, env.variables, input=env.input)
    return state.item_selector(inner), extra


def _iterations(state: Map, frame: Frame, env: Env, items: list[Json]) -> Iterator[Callable[[int], Branch]]:
    for index, item in enumerate(items):

        def spawn(previous: int, index: int = index, item: Json = item) -> Branch:
            below = frame.below(previous, {"Map": {"Item": {"Index": index, "Value": item}}}, index)
            return Branch(_iteration(state, frame, env, below, item, index), below, index, state.name)

        yield spawn


def _iteration(state: Map, outer: Frame, env: Env, frame: Frame, item: Json, index: int) -> Steps:
    which: Details = {"name": state.name, "index": index}
    frame.event("MapIterationStarted", which)
    try:
        data, _ = selected(state, env, outer, item, index)
    except FaultError as fault:
        raise outer.located(fault) from None
    try:
        output = yield from interpreter.run_machine(state.processor, frame, data)
    except StateError as failure:
        if failure.catchable:
            frame.event("MapIterationFailed", which, link=False)
        raise
    frame.after = frame.event("MapIterationSucceeded", which, link=False)
    return output
