"""The items of a Map: the fields that inline and Distributed Maps share.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html
"""

from __future__ import annotations

from embedded_aws.states.interpret import dataflow
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.language.errors import QUERY, FaultError
from embedded_aws.states.language.fields import Env
from embedded_aws.states.language.json_text import Json, dump
from embedded_aws.states.language.model import Map


def map_env(state: Map, frame: Frame, data: Json) -> Env:
    """The data that the Map's fields can read: its input after InputPath."""
    env = frame.env(dataflow.read_input(state, frame, data))
    env.input = data
    return env


def concurrency(state: Map, env: Env) -> int:
    """MaxConcurrency; 0 means that the service chooses."""
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
