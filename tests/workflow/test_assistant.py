"""The composed definition with the box GatherContext, run: every edge of it, by two interpreters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from functions.retrieve_passages import retrieve_passages
from stepguard.guard.knowledge import Access, KnowledgeSettings
from stepguard.guard.request import ANSWER_BYTES, json_bytes
from stepguard.trace import read_history
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import ALL_LAYERS, passed, with_layers
from tests.paths import ROOT
from tests.workflow.assistant_scenarios import (
    ANSWERED_PATH,
    ASSISTANT_SCENARIOS,
    GUARD,
    NOTHING_MATCHES,
    STAGE,
    WRONG_RESULT,
)
from tests.workflow.engines import ASSISTANT, Run, by_moto, embedded
from tests.workflow.scenarios import Scenario, with_largest_settings
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
    scenario = ASSISTANT_SCENARIOS[2]
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
    scenario = ASSISTANT_SCENARIOS[2]
    trace = read_history(engine({"request": scenario.request}, scenario.stages())["events"])
    assert [(stage["state"], stage["outcome"]) for stage in trace.stages()] == [
        ("GuardInput", "passed"), ("FindAnswer", "skipped"), ("RetrievePassages", "skipped"),
        ("GuardPassages", "skipped"), ("InvokeModel", "passed"), ("GuardAnswer", "passed"),
    ]  # fmt: skip
    inside = [visit.state for visit in trace.visits if visit.parent is not None]
    assert inside == [state for state in scenario.path if state in BOX]


def test_histories_agree_event_by_event_with_moto(engine: Run, moto: Run) -> None:
    """Both engines write the same sequence of event types for an answered question."""
    scenario = ASSISTANT_SCENARIOS[2]
    histories = [
        [event["type"] for event in run({"request": scenario.request}, scenario.stages())["events"]]
        for run in (engine, moto)
    ]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("character", ['"', "x", "\N{GRINNING FACE}"])
def test_all_that_a_question_can_have_fits_at_once(engine: Run, character: str) -> None:
    """The longest question, the most passages, the longest answer with every citation: within a state and an item."""
    text = character * (20_000 if character == "x" else 5_000)
    long = [{"content": {"text": character * 20_000}, "location": {"type": "S3", "s3Location": {"uri": f"s3://b/{number}"}},
             "score": 1.0, "metadata": {"groups": ["everyone"], "stepguard_screening": "passed"}}
            for number in range(20)]  # fmt: skip
    settings = replace(with_layers(*ALL_LAYERS), knowledge=KnowledgeSettings("KB12345678", Access.GROUPS, results=20))
    runtime = FakeClient("bedrock-agent-runtime", retrieve={"retrievalResults": long})
    request = {"kind": "prompt", "text": text, "caller": "test"}
    document = {"request": request, "input_guard": {"text": text}}
    found = retrieve_passages({"document": document}, settings, runtime.client)
    kept = [number for number, _ in enumerate(found["passages"], 1)]
    answer = character * ((ANSWER_BYTES - 2) // (json_bytes(character) - 2))
    cited = {"numbers": kept, "removed": 0, "uncited": 0, "sources": []}
    written = {
        "retrieve_passages": found,
        "guard_passages": GUARD | {"kept": kept},
        "invoke_model": {**STAGE, "has_answer": True, "text": answer, "stop_reason": "", "tokens": {},
                         "citations": cited, "turn": {"NULL": True}, "answer": None},
    }  # fmt: skip
    scenario = Scenario("largest", ANSWERED_PATH, [passed()] * 60, request=request, written=written)
    ended = engine({"request": request}, with_largest_settings(scenario.stages()))
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert kept
    assert json_bytes(json.loads(ended["output"])) < 262_144
    assert json_bytes(ended["row"]) < 400 * 1024
    assert ended["row"]["text"] == answer
