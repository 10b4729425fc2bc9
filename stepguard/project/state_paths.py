"""The states that an execution enters, from a state machine's definition."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, INVOKE_MODEL

ANSWERED = (GUARD_INPUT.state, INVOKE_MODEL.state, GUARD_ANSWER.state, "AnswerDelivered")
BLOCKED_BY_INPUT = (GUARD_INPUT.state, "QuestionRefused")
NO_ANSWER = (GUARD_INPUT.state, INVOKE_MODEL.state, "NoAnswerFound")
BLOCKED_BY_ANSWER = (GUARD_INPUT.state, INVOKE_MODEL.state, GUARD_ANSWER.state, "AnswerRefused")
SCREENED = (GUARD_INPUT.state, GUARD_ANSWER.state, "AnswerDelivered")
"""States through which executions of statemachine/chat.asl.json pass, by how they end."""


def path(definition: Mapping[str, Any], through: Sequence[str]) -> list[str]:
    """The shortest path from the first state through some states, in this order, to an end of the execution.

    Errors and their Catch are left out. Raises LookupError if there is no such path.
    """
    states = definition["States"]
    entered = _shortest(states, definition["StartAt"], through[0])
    for goal in through[1:]:
        entered += _shortest(states, entered[-1], goal)[1:]
    return entered + _shortest(states, entered[-1], None)[1:]


def _shortest(states: Mapping[str, Any], start: str, goal: str | None) -> list[str]:
    """The states from `start` to `goal`, or to the first state that ends the execution."""
    queue = deque([[start]])
    seen = {start}
    while queue:
        entered = queue.popleft()
        state = states[entered[-1]]
        following = list(_following(state))
        if entered[-1] == goal or (goal is None and not following and state["Type"] != "Fail"):
            return entered
        for name in following:
            if name not in seen:
                seen.add(name)
                queue.append([*entered, name])
    raise LookupError(f"The definition has no path from {start} to {goal or 'an end'}.")


def _following(state: Mapping[str, Any]) -> Iterator[str]:
    if "Next" in state:
        yield state["Next"]
    for choice in state.get("Choices", ()):
        yield choice["Next"]
    if "Default" in state:
        yield state["Default"]
