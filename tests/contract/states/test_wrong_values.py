"""Wrong values in every place that takes one: never status 500, never a word of Python. `python -m bench.fuzz` has all.

Each test takes every Nth case, so that it is fast; N has no divisor in common with the number of values.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from bench.fuzz import (
    Case,
    fields,
    functions,
    known_to_bedrock,
    known_to_step_functions,
    requests,
    running,
    step_functions,
)
from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.states.api.service import StepFunctions
from embedded_aws.wire import JsonService


@pytest.fixture(name="states")
def _states(tmp_path: Path) -> Iterator[StepFunctions]:
    made = step_functions(tmp_path)
    yield made
    made.close()


def _faults(cases: Iterator[Case], every: int, least: int) -> list[str]:
    chosen = list(islice(cases, 0, None, every))
    assert len(chosen) >= least
    return [f"{case.about}: {fault}" for case in chosen if (fault := case.fault()) is not None]


def test_functions_take_arguments_of_any_type(states: StepFunctions) -> None:
    """Intrinsic functions and JSONata's."""
    assert _faults(functions(JsonService("stepfunctions", states)), 397, 800) == []


def test_fields_read_values_of_any_type(states: StepFunctions) -> None:
    """Timeouts, paths, items, limits, conditions, in both query languages."""
    assert _faults(fields(JsonService("stepfunctions", states), running(states)), 7, 150) == []


def test_step_functions_answers_any_text(states: StepFunctions) -> None:
    """Each member of each request."""
    wire = JsonService("stepfunctions", states)
    assert _faults(requests(wire, known_to_step_functions(wire)), 7, 300) == []


@pytest.mark.parametrize("service", ["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"])
def test_bedrock_answers_any_text(tmp_path: Path, service: str) -> None:
    """Each member of each request."""
    bedrock = Bedrock(tmp_path / "bedrock.sqlite3")
    known = known_to_bedrock(JsonService("bedrock", bedrock.control))
    backends = {
        "bedrock": bedrock.control,
        "bedrock-runtime": bedrock.runtime,
        "bedrock-agent": bedrock.agent_control,
        "bedrock-agent-runtime": bedrock.agent_runtime,
    }
    assert _faults(requests(JsonService(service, backends[service]), known), 31, 20) == []


def test_a_fault_is_seen() -> None:
    """An exception, a status of 500, and a word of Python in an answer."""

    def broken() -> object:
        raise KeyError("x")

    assert Case("exception", broken).fault() == "KeyError: 'x'"
    assert Case("word", lambda: {"cause": "'NoneType' object is not iterable"}).fault()
    assert Case("answer", lambda: {"cause": "The field 'x' is required but was missing"}).fault() is None
