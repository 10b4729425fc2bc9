"""The interpreter: states as generator steps that yield effects and record events, without I/O.

https://states-language.net/spec.html
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-states.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from embedded_aws.states.interpret import dataflow
from embedded_aws.states.interpret.distributed_map import run_distributed
from embedded_aws.states.interpret.effects import Sleep, Steps
from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.interpret.map_state import run_map
from embedded_aws.states.interpret.parallel import run_parallel
from embedded_aws.states.interpret.task import run_task
from embedded_aws.states.language.choice import timestamp
from embedded_aws.states.language.errors import NO_CHOICE, QUERY, RUNTIME, FaultError, StateError
from embedded_aws.states.language.json_text import Json, is_number
from embedded_aws.states.language.model import (
    Choice,
    Fail,
    Machine,
    Map,
    Parallel,
    Pass,
    State,
    Succeed,
    Task,
    Wait,
    Working,
)
from embedded_aws.states.language.retry import RetryBudget, catcher_for

Next = tuple[Json, str | None]


def run_machine(
    machine: Machine, frame: Frame, data: Json, inside: str | None = None, start: str | None = None
) -> Steps:
    """Walk the states from StartAt, or from `start`, to an end; the value is the output, a failure a StateError.

    `inside` names a state that was entered before (see `Frame.stand_in`): the walk continues there.
    """
    name: str | None = inside or start or machine.start
    while name is not None:
        state = machine.states[name]
        if inside is None:
            frame.enter(state, data)
        inside = None
        if isinstance(state, Working) and not isinstance(state, Pass):
            data, name = yield from _guarded(state, frame, data)
            continue
        try:
            if isinstance(state, Wait):
                yield Sleep(_wait_seconds(state, frame, data))
                data, name = _wait_over(state, frame, data)
            else:
                data, name = step_instant(state, frame, data)
        except FaultError as fault:
            raise frame.located(fault) from None
    return data


# --- states with a result: retried, caught --------------------------------------------------------------------------


def _attempt(state: Working, frame: Frame, data: Json, attempt: int) -> Steps:
    if isinstance(state, Task):
        return run_task(state, frame, data, attempt)
    if isinstance(state, Parallel):
        return run_parallel(state, frame, data, run_machine)
    assert isinstance(state, Map)
    if state.distributed is not None:
        return run_distributed(state, state.distributed, frame, data)
    return run_map(state, frame, data, run_machine)


def _guarded(state: Working, frame: Frame, data: Json) -> Steps:
    """One entry into a Task, Parallel or Map: attempts, waits between them, and Catch."""
    is_task = isinstance(state, Task)
    budget = RetryBudget(state.retry, frame.run.jitter, is_task=is_task)
    while True:
        frame.context = {**frame.context, "State": {**frame.context["State"], "RetryCount": budget.total}}
        try:
            try:
                result = yield from _attempt(state, frame, data, budget.total)
                output, assigned = dataflow.finish(state, frame, data, result)
                frame.leave(state, output, assigned)
            except FaultError as fault:
                raise frame.located(fault) from None
            return output, state.next
        except StateError as failure:
            delay = budget.delay(failure)
            if delay is None:
                return _caught(state, frame, data, failure, is_task=is_task)
        yield Sleep(delay)


def _caught(state: Working, frame: Frame, data: Json, failure: StateError, *, is_task: bool) -> Next:
    if not is_task and failure.catchable:
        frame.event(f"{state.type}StateFailed", None)
    catcher = catcher_for(state.catch, failure, is_task=is_task)
    if catcher is None:
        raise failure
    try:
        output, assigned = dataflow.caught(state, catcher, frame, data, failure)
    except FaultError as fault:
        raise frame.located(fault) from None
    frame.leave(state, output, assigned)
    return output, catcher.next


# --- states that take no time ---------------------------------------------------------------------------------------


def _pass(state: State, frame: Frame, data: Json) -> Next:
    assert isinstance(state, Pass)
    effective = dataflow.effective_input(state, frame, data)
    result = state.result if state.has_result else effective
    output, assigned = dataflow.finish(state, frame, data, result)
    frame.leave(state, output, assigned)
    return output, state.next


def _succeed(state: State, frame: Frame, data: Json) -> Next:
    output, assigned = dataflow.forward(state, frame, data)
    frame.leave(state, output, assigned)
    return output, None


def _fail(state: State, frame: Frame, data: Json) -> Next:
    assert isinstance(state, Fail)
    env = frame.env(data)
    error = None if state.error is None else _text(state.error(env), "Error")
    cause = None if state.cause is None else _text(state.cause(env), "Cause")
    raise StateError(error, cause)


def _text(value: Json, field: str) -> str:
    if not isinstance(value, str):
        raise FaultError(f"The {field} field of a Fail state must be a string.")
    return value


def _choice(state: State, frame: Frame, data: Json) -> Next:
    assert isinstance(state, Choice)
    env = frame.env(dataflow.read_input(state, frame, data))
    env.input = data
    for rule in state.rules:
        if rule.test(env):
            chosen, assign, output_field = rule.next, rule.assign, rule.output
            break
    else:
        if state.default is None:
            raise FaultError(
                "Failed to transition out of the state. The state does not point to a next state.", NO_CHOICE
            )
        chosen, assign, output_field = state.default, state.assign, state.output
    output, assigned = dataflow.forward_by(state, frame, data, assign, output_field)
    frame.leave(state, output, assigned)
    return output, chosen


_INSTANT: Mapping[type[State], Callable[[State, Frame, Json], Next]] = {
    Pass: _pass,
    Succeed: _succeed,
    Fail: _fail,
    Choice: _choice,
}


def step_instant(state: State, frame: Frame, data: Json) -> Next:
    """A Pass, Choice, Succeed or Fail state that was entered: its output and what follows; may raise FaultError."""
    return _INSTANT[type(state)](state, frame, data)


# --- Wait -----------------------------------------------------------------------------------------------------------

_MAX_WAIT = 99_999_999


def _wait_seconds(state: Wait, frame: Frame, data: Json) -> float:
    env = frame.env(dataflow.read_input(state, frame, data))
    env.input = data
    if state.seconds is not None:
        seconds = state.seconds(env)
        if not is_number(seconds) or not 0 <= seconds <= _MAX_WAIT or seconds != int(seconds):
            where = f": {state.path} == {seconds}" if state.path else f": {seconds}"
            raise FaultError(
                f"The {state.label} parameter does not reference a valid integer between 0 and {_MAX_WAIT}{where}"
            )
        return max(0.0, float(seconds) - (frame.run.clock.now() - frame.entered_at))
    assert state.until is not None
    value = state.until(env)
    moment = timestamp(value)
    if moment is None:
        if state.jsonata:
            message = f"The {state.label} field cannot be parsed as an"
            tail = str(value)
        else:
            message = f"The {state.label} parameter does not reference a valid"
            tail = f"{state.path} == {value}"
        raise FaultError(
            f"{message} ISO-8601 extended offset date-time format string: {tail}",
            QUERY if state.jsonata else RUNTIME,
            state.label,
            late=True,
        )
    return max(0.0, moment.timestamp() - frame.run.clock.now())


def _wait_over(state: Wait, frame: Frame, data: Json) -> Next:
    output, assigned = dataflow.forward(state, frame, data)
    frame.leave(state, output, assigned)
    return output, state.next
