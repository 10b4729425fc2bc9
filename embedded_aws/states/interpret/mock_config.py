"""MockConfigFile.json of Step Functions Local: named test cases with each state's task responses.

An execution of `STATE_MACHINE_ARN#TEST_CASE` uses the responses of that case; all other tasks are really called.
https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedded_aws.states.interpret.ports import Mocked, TaskMocks
from embedded_aws.states.language.json_text import load
from embedded_aws.wire import ServiceError


class MockConfig:
    """The responses of a file; `TaskMocks` for the executions that were assigned a test case. Thread-safe."""

    def __init__(self, path: Path, otherwise: TaskMocks | None = None) -> None:
        try:
            document = load(path.read_text(encoding="utf-8"))
            self._cases = {
                (machine, case): dict(states)
                for machine, body in document["StateMachines"].items()
                for case, states in body["TestCases"].items()
            }
            self._responses = {name: _ranges(body) for name, body in document["MockedResponses"].items()}
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ValueError(f"{path} is not a mock configuration of Step Functions Local: {error}") from None
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._assigned: dict[str, dict[str, str]] = {}
        self._calls: Counter[tuple[str, str]] = Counter()

    def check(self, machine: str, case: str) -> dict[str, str]:
        """The states of a test case; ValidationException if no test case has that name."""
        found = self._cases.get((machine, case))
        if found is None:
            raise ServiceError("ValidationException", f"Invalid test case: '{case}' of state machine '{machine}'")
        return found

    def assign(self, execution: str, machine: str, case: str) -> None:
        """Assign a test case to an execution, given by its ARN."""
        states = self.check(machine, case)
        with self._lock:
            self._assigned[execution] = states

    def inherit(self, child: str, parent: str) -> None:
        """Give the execution of an item of a Map Run the test case of the execution that started the run."""
        with self._lock:
            if parent in self._assigned:
                self._assigned[child] = self._assigned[parent]

    @property
    def machines(self) -> frozenset[str]:
        """The names of the state machines that have test cases."""
        return frozenset(machine for machine, _ in self._cases)

    def __call__(
        self, execution: str, state: str, iteration: tuple[int, ...], attempt: int, arguments: Any
    ) -> Mocked | None:
        """See `ports.TaskMocks`. The n-th call of a state takes the response for n."""
        with self._lock:
            name = self._assigned.get(execution, {}).get(state)
            number = self._calls[execution, state]
            if name is not None:
                self._calls[execution, state] += 1
        if name is None:
            return None if self._otherwise is None else self._otherwise(execution, state, iteration, attempt, arguments)
        for first, last, mocked in self._responses.get(name, []):
            if first <= number <= last:
                return mocked
        raise ValueError(f"The mocked response {name} says nothing for call {number} of state {state}.")


def _ranges(body: Mapping[str, Any]) -> list[tuple[int, int, Mocked]]:
    """`{"0": {"Return": ...}, "1-2": {"Throw": {"Error", "Cause"}}}`."""
    ranges = []
    for key, answer in body.items():
        first, _, last = key.partition("-")
        if "Throw" in answer:
            thrown = answer["Throw"]
            mocked = Mocked(failed=True, error=thrown["Error"], cause=thrown.get("Cause"))
        else:
            mocked = Mocked(answer["Return"])
        ranges.append((int(first), int(last or first), mocked))
    return ranges
