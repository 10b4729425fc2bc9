"""The composed definition with the box GatherContext, run: every edge of it, by two interpreters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stepguard.trace import read_history
from tests.paths import ROOT
from tests.workflow.assistant_scenarios import ASSISTANT_SCENARIOS, NOTHING_MATCHES, WRONG_RESULT
from tests.workflow.engines import ASSISTANT, Run, by_moto, embedded
from tests.workflow.scenarios import Scenario
from tests.workflow.test_chat import check, edges

TOP: dict[str, dict[str, Any]] = json.loads((ROOT / "statemachine" / "assistant.asl.json").read_text())["States"]
BOX: dict[str, dict[str, Any]] = TOP["GatherContext"]["Branches"][0]["States"]


@pytest.fixture(name="engine", scope="module")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with embedded(tmp_path_factory.mktemp("states"), ASSISTANT) as run:
        yield run


@pytest.fixture(name="moto", scope="module")
def _moto() -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patches, by_moto(patches, ASSISTANT) as run:
        yield run


@pytest.mark.parametrize("scenario", [*ASSISTANT_SCENARIOS, *NOTHING_MATCHES], ids=lambda scenario: scenario.name)
def test_execution_takes_the_path_of_its_scenario(engine: Run, scenario: Scenario) -> None:
    """Path, status and answer are the scenario's, on the embedded AWS's engine."""
    check(scenario, engine({"request": scenario.request}, scenario.stages()))


@pytest.mark.parametrize("scenario", ASSISTANT_SCENARIOS, ids=lambda scenario: scenario.name)
def test_moto_agrees_on_the_path(moto: Run, scenario: Scenario) -> None:
    """A second interpreter takes the same path to the same end with the same definition and handlers."""
    check(scenario, moto({"request": scenario.request}, scenario.stages()), stages=5)


def test_every_edge_is_taken_by_some_scenario() -> None:
    """The scenarios above leave no transition of the definition untried, at the top and in the box."""
    taken = {edge for scenario in (*ASSISTANT_SCENARIOS, WRONG_RESULT) for edge in pairwise(scenario.path)}
    left_box = {(path[path.index("ContextReady?") - 1], "ContextReady?") for path in _through("ContextReady?")}
    assert edges(BOX) - taken == set()
    # The history enters the box's first state after the box, and leaves its last state for the one after the box.
    assert edges(TOP) - taken == {("GatherContext", "ContextReady?"), ("GatherContext", "RecordFailure")}
    assert left_box == {(end, "ContextReady?") for end, state in BOX.items() if state.get("End")}
    assert any(_failed_in_box(path) for path in _through("RecordFailure"))


def _through(state: str) -> list[list[str]]:
    return [list(scenario.path) for scenario in ASSISTANT_SCENARIOS if state in scenario.path]


def _failed_in_box(path: list[str]) -> bool:
    return path[path.index("RecordFailure") - 1] in BOX


def test_a_result_that_nobody_knows_delivers_nothing(tmp_path: Path) -> None:
    """A box that was changed by hand: ContextReady? fails closed."""
    definition = ASSISTANT.replace('"Result": "ask_model"', '"Result": "ask"')
    assert definition != ASSISTANT
    with embedded(tmp_path, definition) as run:
        check(WRONG_RESULT, run({"request": WRONG_RESULT.request}, WRONG_RESULT.stages()))


def test_the_definition_is_readable() -> None:
    """Few states at each level, and every one says why it is there."""
    assert len(TOP) <= 18
    assert len(BOX) <= 14
    assert not TOP.keys() & BOX.keys()
    assert all(state["Comment"].endswith(".") for state in (*TOP.values(), *BOX.values()))


def test_each_state_adds_one_key_and_rewrites_none(engine: Run) -> None:
    """Along the path the document only grows; the parts of the box add theirs to its context."""
    scenario = ASSISTANT_SCENARIOS[0]
    events = engine({"request": scenario.request}, scenario.stages())["events"]
    exits = [event["stateExitedEventDetails"] for event in events if "stateExitedEventDetails" in event]
    documents = [json.loads(details["output"]) for details in exits]
    for before, after in pairwise(documents):
        assert {**before, **after}.keys() == after.keys()
        context = before.get("context", {})
        assert context.items() <= after.get("context", {}).items()
        assert all(before[key] == after[key] for key in before if key != "context")
    assert list(documents[-1]) == ["request", "input_guard", "context", "model", "answer_guard", "answer"]
    assert list(documents[-1]["context"]) == ["found", "passages", "passage_guard", "result"]


def test_the_trace_has_the_parts_as_stages(engine: Run) -> None:
    """By the names of their states, in order, with the box around them."""
    scenario = ASSISTANT_SCENARIOS[0]
    trace = read_history(engine({"request": scenario.request}, scenario.stages())["events"])
    assert [(stage["state"], stage["outcome"]) for stage in trace.stages()] == [
        ("GuardInput", "passed"), ("FindAnswer", "skipped"), ("RetrievePassages", "skipped"),
        ("GuardPassages", "skipped"), ("InvokeModel", "passed"), ("GuardAnswer", "passed"),
    ]  # fmt: skip
    inside = [visit.state for visit in trace.visits if visit.parent is not None]
    assert inside == [state for state in scenario.path if state in BOX]


def test_histories_agree_event_by_event_with_moto(engine: Run, moto: Run) -> None:
    """Both engines write the same sequence of event types for an answered question."""
    scenario = ASSISTANT_SCENARIOS[0]
    histories = [
        [event["type"] for event in run({"request": scenario.request}, scenario.stages())["events"]]
        for run in (engine, moto)
    ]
    assert histories[0] == histories[1]
