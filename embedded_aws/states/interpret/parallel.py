"""The Parallel state: branches that run at the same time on copies of its input.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from embedded_aws.states.interpret import dataflow
from embedded_aws.states.interpret.effects import Branch, Fork, Steps, Walk
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.model import Machine, Parallel


def run_parallel(state: Parallel, frame: Frame, data: Json, walk: Walk) -> Steps:
    """One attempt: the list of the branches' outputs. `walk` runs a branch's states."""
    arguments = dataflow.effective_input(state, frame, data)
    frame.event("ParallelStateStarted", None)
    results = yield Fork(_branches(state, frame, arguments, walk), len(state.branches), frame)
    frame.event("ParallelStateSucceeded", None, link=False)
    return results


def _branches(state: Parallel, frame: Frame, data: Json, walk: Walk) -> Iterator[Callable[[int], Branch]]:
    for machine in state.branches:

        def spawn(previous: int, machine: Machine = machine) -> Branch:
            below = frame.below(previous)
            return Branch(walk(machine, below, data), below)

        yield spawn
