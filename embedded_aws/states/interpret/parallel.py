"""The Parallel state: branches that run at the same time on copies of its input.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from embedded_aws.states.interpret import dataflow
from embedded_aws.states.interpret.effects import Branch, Fork, Steps, Walk
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.interpret.past import Past
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.model import Machine, Parallel


def run_parallel(state: Parallel, frame: Frame, data: Json, walk: Walk) -> Steps:
    """One attempt: the list of the branches' outputs. `walk` runs a branch's states."""
    arguments = dataflow.effective_input(state, frame, data)
    past = frame.taken_past("ParallelStateStarted")
    frame.event_once("ParallelStateStarted", None)
    results = yield Fork(_branches(state, frame, arguments, walk, past), len(state.branches), frame)
    frame.event("ParallelStateSucceeded", None, link=False)
    return results


def _branches(
    state: Parallel, frame: Frame, data: Json, walk: Walk, past: tuple[Past, int] | None
) -> Iterator[Callable[[int], Branch]]:
    for number, machine in enumerate(state.branches):

        def spawn(previous: int, number: int = number, machine: Machine = machine) -> Branch:
            below = frame.below(previous, number)
            return Branch(go_on(machine, below, data, walk, past), below)

        yield spawn


def go_on(machine: Machine, frame: Frame, data: Json, walk: Walk, past: tuple[Past, int] | None) -> Steps:
    """Walk a branch's or an iteration's states: from the start, or from where an earlier process left them."""
    here = None if past is None else past[0].position(frame.thread, past[1])
    if past is None or here is None or here.state is None:
        return walk(machine, frame, data, None, None)
    if here.ended(machine):
        frame.last = here.last
        return _done(here.output)
    following = here.follows(machine)
    frame.resume(machine, past[0], here)
    if following is None:
        return walk(machine, frame, here.data, here.state, None)
    return walk(machine, frame, here.output, None, following)


def _done(output: Json) -> Steps:
    yield from ()  # no step
    return output
