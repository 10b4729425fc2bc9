"""Each state of the chat alone, as the verification runs it on AWS: here on the embedded AWS's engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult
from stepguard.project.folder import Project, builtin_project
from stepguard.verification.definitions import run_each_state, validate
from stepguard.verification.place import Place


class OnTheEngine:
    """A place whose Step Functions is the engine, without an endpoint."""

    def __init__(self, states: StepFunctions) -> None:
        self.project: Project = builtin_project()
        self._states = states

    def aws(self, service: str) -> Any:
        """A client of Step Functions, which is all that these steps need."""
        assert service == "stepfunctions"
        return self

    def test_state(self, **request: Any) -> Any:
        """TestState."""
        return self._states.test_state(request)

    def validate_state_machine_definition(self, **request: Any) -> Any:
        """ValidateStateMachineDefinition."""
        return self._states.validate_state_machine_definition(request)


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Place]:
    states = StepFunctions(tmp_path / "states.sqlite3", lambda *_: LambdaResult(b""))
    yield cast(Place, OnTheEngine(states))
    states.close()


def test_every_state_runs_with_the_samples(place: Place) -> None:
    """A new state needs its values in the sample document."""
    assert run_each_state(place) == "17 states, 26 tests."


def test_the_definitions_are_valid(place: Place) -> None:
    """Without a warning."""
    assert validate(place) == "4 definitions, no finding."
