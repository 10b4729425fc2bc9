"""The items of a Map: the fields that inline and Distributed Maps share.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html
"""

from __future__ import annotations

from embedded_aws.states.interpret import dataflow
from embedded_aws.states.interpret.effects import Item
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


STATE_DATA = "STATE_DATA"


def find_items(state: Map, env: Env) -> list[Item]:
    """The items to iterate over: an array's, and for a Distributed Map an object's, too."""
    items = env.data if state.items is None else state.items(env)
    source = STATE_DATA if state.distributed is not None else None
    if isinstance(items, list):
        return [Item(item, None, source) for item in items]
    if isinstance(items, dict) and state.distributed is not None:
        return [pair(key, value, source) for key, value in items.items()]
    if state.jsonata:
        raise FaultError(f"Map state input must be an array but was: {dump(items)}", QUERY)
    path = "$" + state.items_path.lstrip("$") if state.items_path.startswith("$$") else state.items_path
    raise FaultError(f'Reference path "{path}" must point to array.')


def pair(key: str, value: Json, source: str | None) -> Item:
    """A member of a JSON object as an item."""
    return Item({"Key": key, "Value": value}, key, source)


def selected(state: Map, env: Env, frame: Frame, item: Item, index: int) -> tuple[Json, dict[str, Json]]:
    """An iteration's input, and its $$.Map."""
    about: dict[str, Json] = {"Index": index, "Value": item.value if item.key is None else item.value["Value"]}
    if item.key is not None:
        about["Key"] = item.key
    if item.source is not None:
        about["Source"] = item.source
    extra: dict[str, Json] = {"Map": {"Item": about}}
    if state.item_selector is None:
        return item.value, extra
    inner = Env(env.data, {**env.context, **extra}, env.variables, input=env.input)
    return state.item_selector(inner), extra
