"""The chat workflow, run: every edge of its definition, by two interpreters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest

from stepguard.guard.request import (
    ANSWER_BYTES,
    PASSAGE_CHARACTERS,
    REQUEST_BYTES,
    check_size,
    from_document,
    json_bytes,
)
from stepguard.guard.stages import STAGES
from stepguard.trace import read_history
from tests.fakes.bedrock import passed
from tests.paths import ROOT
from tests.workflow.engines import Run, by_moto, embedded
from tests.workflow.scenarios import DELIVERED, MODEL, PROMPT, SCENARIOS, Scenario, with_largest_settings

STATES: dict[str, dict[str, Any]] = json.loads((ROOT / "statemachine" / "chat.asl.json").read_text())["States"]


@pytest.fixture(name="engine", scope="module")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with embedded(tmp_path_factory.mktemp("states")) as run:
        yield run


@pytest.fixture(name="moto", scope="module")
def _moto() -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patches, by_moto(patches) as run:
        yield run


def check(scenario: Scenario, ended: Mapping[str, Any], stages: int = 1) -> None:
    """Fail unless an execution took the scenario's path to the scenario's end.

    The row is compared if the path has at least this number of stages.
    """
    trace = read_history(ended["events"])
    assert trace.path == scenario.path
    assert ended["status"] == scenario.status == trace.status
    if scenario.status == "SUCCEEDED":
        answer = json.loads(ended["output"])["answer"]
        assert answer == answer | scenario.answer
        # The item of a turn is in its conversation, not under the execution's name.
        if len(trace.stages()) >= stages and "LoadConversation" not in trace.path:
            check_row(ended["row"], answer, json.loads(ended["output"]))
    else:
        assert ended["error"] == trace.error == "AnswerUnavailable"
        assert ended["cause"] == trace.cause == scenario.cause
        assert ended["row"] is None


def check_row(row: Mapping[str, Any], answer: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Fail unless the row of the table holds the answer, the verdicts in the order of the stages, and its owner."""
    assert {name: row[name] for name in answer} == {name: str(value) for name, value in answer.items()}
    assert ("citations" in row) == ("citations" in answer)
    verdicts = [item["M"] for item in row["verdicts"]]
    keys = {stage.state: stage.key for stage in STAGES}
    assert [verdict["state"]["S"] for verdict in verdicts] == [state for state, key in keys.items() if key in document]
    for verdict in verdicts:
        stage = document[keys[verdict["state"]["S"]]]
        assert verdict["outcome"]["S"] == stage["outcome"]
        assert json.loads(verdict["findings"]["S"]) == stage["findings"]
    assert (row["status"], row["caller"]) == ("SUCCEEDED", "test")
    assert float(row["expires"]) > 1_700_000_000
    assert row["execution"].endswith(f":{row['id']}")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_execution_takes_the_path_of_its_scenario(engine: Run, scenario: Scenario) -> None:
    """Path, status and answer are the scenario's, on the embedded AWS's engine."""
    check(scenario, engine({"request": scenario.request}, scenario.stages()))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_moto_agrees_on_the_path(moto: Run, scenario: Scenario) -> None:
    """A second interpreter takes the same path to the same end with the same definition and handlers."""
    # Of one match of a path with a wildcard, moto makes the match, not a list: it cannot write a single verdict.
    check(scenario, moto({"request": scenario.request}, scenario.stages()), stages=2)


def edges(states: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Every transition between these states."""
    edges = set()
    for name, state in states.items():
        targets = [state.get("Next"), state.get("Default")]
        targets += [rule["Next"] for rule in state.get("Choices", [])]
        targets += [catcher["Next"] for catcher in state.get("Catch", [])]
        edges |= {(name, target) for target in targets if target}
    return edges


def test_every_edge_is_taken_by_some_scenario() -> None:
    """The scenarios above leave no transition of the definition untried."""
    taken = {edge for scenario in SCENARIOS for edge in pairwise(scenario.path)}
    assert edges(STATES) - taken == set()


def test_histories_agree_event_by_event_with_moto(engine: Run, moto: Run) -> None:
    """Both engines write the same sequence of event types for an answered question."""
    scenario = SCENARIOS[0]
    histories = [
        [event["type"] for event in run({"request": scenario.request}, scenario.stages())["events"]]
        for run in (engine, moto)
    ]
    assert histories[0] == histories[1]


def test_no_retry_is_hidden_from_the_history(engine: Run) -> None:
    """Each attempt of a throttled guard and of a cold model is an event, and counted as one."""
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    throttled = by_name["guard throttled, then free"]
    cold = by_name["model cold, then ready"]
    stages = read_history(engine({"request": throttled.request}, throttled.stages())["events"]).stages()
    assert [stage["attempts"] for stage in stages] == [2, 1, 2]
    stages = read_history(engine({"request": cold.request}, cold.stages())["events"]).stages()
    assert [stage["attempts"] for stage in stages] == [1, 3, 1]


def test_each_state_adds_one_key_and_rewrites_none(engine: Run) -> None:
    """Along the path the document only grows, by one key a state."""
    scenario = SCENARIOS[0]
    events = engine({"request": scenario.request}, scenario.stages())["events"]
    documents = [
        json.loads(event["stateExitedEventDetails"]["output"]) for event in events if "stateExitedEventDetails" in event
    ]
    for before, after in pairwise(documents):
        assert before.items() <= after.items()
        assert len(after) - len(before) <= 1
    assert list(documents[-1]) == ["request", "input_guard", "model", "answer_guard", "answer"]


@pytest.mark.parametrize("character", ['"', "\\", "\n", "x", "\N{GRINNING FACE}"])
def test_the_largest_answer_is_recorded(engine: Run, character: str) -> None:
    """With the largest request, whatever has to be escaped: within the bytes of a state and of an item."""
    text = character * ((ANSWER_BYTES - 2) // (json_bytes(character) - 2))
    passages = [{"id": str(number), "text": "p"} for number in range(8)]
    request = dict(PROMPT) | {"passages": passages}
    left = REQUEST_BYTES - json_bytes(request) - json_bytes(request["text"])
    for passage in passages:
        passage["text"] += "p" * min(left, PASSAGE_CHARACTERS - 1)
        left -= len(passage["text"]) - 1
    check_size(from_document(request))
    scenario = Scenario("largest", DELIVERED, [passed()] * 27, written={"invoke_model": MODEL | {"text": text}})
    ended = engine({"request": request}, with_largest_settings(scenario.stages()))
    assert ended["status"] == "SUCCEEDED"
    assert ended["row"]["text"] == text
    assert read_history(ended["events"]).path == DELIVERED
    assert json_bytes(ended["row"]) < 400 * 1024
