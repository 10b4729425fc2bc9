"""The Map state, inline mode: one iteration of its item processor for each element of an array.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from embedded_aws.states.interpret.effects import Branch, Fork, Item, Steps, Walk
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.interpret.history import Details
from embedded_aws.states.interpret.map_items import concurrency, find_items, map_env, selected
from embedded_aws.states.interpret.parallel import go_on
from embedded_aws.states.interpret.past import Past
from embedded_aws.states.language.errors import FaultError, StateError
from embedded_aws.states.language.fields import Env
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.model import Map

INLINE_CONCURRENCY = 40


def run_map(state: Map, frame: Frame, data: Json, walk: Walk) -> Steps:
    """One attempt: the list of the iterations' outputs. `walk` runs the item processor's states."""
    env = map_env(state, frame, data)
    limit = concurrency(state, env)
    items = find_items(state, env)
    past = frame.taken_past("MapStateStarted")
    frame.event_once("MapStateStarted", {"length": len(items)})
    spawns = _iterations(state, frame, env, items, walk, past)
    results = yield Fork(spawns, min(limit or INLINE_CONCURRENCY, INLINE_CONCURRENCY), frame)
    frame.event("MapStateSucceeded", None, link=False)
    return results


def _iterations(
    state: Map, frame: Frame, env: Env, items: list[Item], walk: Walk, past: tuple[Past, int] | None
) -> Iterator[Callable[[int], Branch]]:
    for index, item in enumerate(items):

        def spawn(previous: int, index: int = index, item: Item = item) -> Branch:
            below = frame.below(previous, index, {"Map": {"Item": {"Index": index, "Value": item.value}}})
            return Branch(_iteration(state, frame, env, below, item, index, walk, past), below, index, state.name)

        yield spawn


def _iteration(
    state: Map,
    outer: Frame,
    env: Env,
    frame: Frame,
    item: Item,
    index: int,
    walk: Walk,
    past: tuple[Past, int] | None,
) -> Steps:
    which: Details = {"name": state.name, "index": index}
    ended = 0
    if past is not None:
        # Only these events of an iteration come before its first state and after its last one.
        if not past[0].started(frame.thread, past[1], "MapIterationStarted"):
            past = None
        else:
            ended = past[0].started(frame.thread, past[1], "MapIterationSucceeded")
    if past is None:
        frame.event("MapIterationStarted", which)
    try:
        data, _ = selected(state, env, outer, item, index)
    except FaultError as fault:
        raise outer.located(fault) from None
    try:
        output = yield from go_on(state.processor, frame, data, walk, past)
    except StateError as failure:
        if failure.catchable:
            frame.event("MapIterationFailed", which, link=False)
        raise
    frame.after = ended or frame.event("MapIterationSucceeded", which, link=False)
    return output
