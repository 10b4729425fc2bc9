"""The Parallel state: branches that run at the same time on copies of its input.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local.asl import dataflow, interpreter
from local.asl.effects import Branch, Fork, Steps
from local.asl.frame import Frame
from local.asl.jsontext import Json
from local.asl.model import Machine, Parallel, Working


def run_parallel(state: Working, frame: Frame, data: Json, attempt: int) -> Steps:
    """One attempt: the list of the branches' outputs."""
    assert isinstance(state, Parallel)
    arguments = dataflow.effective_input(state, frame, data)
    frame.event("ParallelStateStarted", None)
    results = yield Fork(_branches(state, frame, arguments), len(state.branches), frame)
    frame.event("ParallelStateSucceeded", None, link=False)
    return results


def _branches(state: Parallel, frame: Frame, data: Json) -> Iterator[Callable[[int], Branch]]:
    for machine in state.branches:

        def spawn(previous: int, machine: Machine = machine) -> Branch:
            below = frame.below(previous)
            return Branch(interpreter.run_machine(machine, below, data), below)

        yield spawn
