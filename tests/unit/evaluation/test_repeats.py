"""`--repeat N`: an item runs N times; its verdict is the most frequent one, and the agreement is reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepguard.evaluation.estimate import Estimator
from stepguard.evaluation.items import item_of
from stepguard.evaluation.limits import Limits
from stepguard.evaluation.results import Action, Parts, Result, result_of
from stepguard.evaluation.runs import MOST_REPEATS, run_of
from stepguard.evaluation.selection import Selection
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import ModelSettings
from stepguard.report.gates import gates_of
from stepguard.report.page import write_report
from stepguard.report.summary import lines_of
from tests.fakes.scorecards import scorecard_of
from tests.unit.evaluation.test_scorecard import VIOLENCE, failed, finding, record

EMAIL = finding("sensitive_information", "EMAIL", "ANONYMIZED")


def one_time(action: str, number: int, repeat: int, repeats: int, **about: Any) -> dict[str, Any]:
    """The record of one time."""
    more: dict[str, Any] = {"blocked": {"findings": [VIOLENCE]}, "masked": {"findings": [EMAIL], "masked": "{EMAIL}"}}
    made = record(number, repeat=repeat, repeats=repeats, **more.get(action, {}), **about)
    made["ExecutionArn"] = f"arn:{number}:{repeat}:{about.get('part', 0)}"
    if action == "failed":
        made = {**failed(number), "Input": made["Input"], "ExecutionArn": made["ExecutionArn"]}
    return made


def whole(records: list[dict[str, Any]]) -> list[Result]:
    """The results of the items, whatever the order of the records."""
    parts = Parts()
    found = [result for entry in records if (result := parts.add(*result_of(entry)))]
    assert parts.doubled == 0
    return found


@pytest.mark.parametrize(
    ("actions", "action", "agreeing"),
    [
        (["passed", "passed", "passed"], Action.PASSED, (3, 3)),
        (["passed", "blocked", "passed"], Action.PASSED, (2, 3)),
        (["passed", "blocked"], Action.BLOCKED, (1, 2)),
        (["masked", "passed", "blocked"], Action.BLOCKED, (1, 3)),
        (["failed", "passed", "passed"], Action.PASSED, (2, 2)),
        (["failed", "failed", "passed"], Action.PASSED, None),
        (["failed", "failed"], Action.FAILED, None),
    ],
)
def test_the_verdict_is_the_most_frequent_one(
    actions: list[str], action: Action, agreeing: tuple[int, int] | None
) -> None:
    """Of equally frequent ones the worst; failures are no verdicts."""
    records = [one_time(name, 0, time, len(actions)) for time, name in enumerate(actions)]
    for order in (records, records[::-1]):
        (result,) = whole(order)
        assert (result.action, result.agreeing) == (action, agreeing)
        assert [verdict["action"] for verdict in result.to_dict()["verdicts"]] == actions
        assert result.executions[0] in {f"arn:0:{time}:0" for time, name in enumerate(actions) if name == action}
        assert len(result.executions) == len(actions)


def test_repeats_of_a_long_document_are_merged_part_by_part() -> None:
    """Three times two parts: each time has the worst of its parts."""
    actions = {
        (0, 0): "passed",
        (0, 1): "blocked",
        (1, 0): "passed",
        (1, 1): "passed",
        (2, 0): "blocked",
        (2, 1): "passed",
    }
    records = [
        one_time(action, 0, repeat, 3, part=part, parts=2, start=part * 4) for (repeat, part), action in actions.items()
    ]
    (result,) = whole(records[::-1])
    assert (result.action, result.agreeing, result.parts) == (Action.BLOCKED, (2, 3), 2)
    assert [part["part"] for part in result.acting] == [2]
    assert scorecard_of([result]).children == 6


def test_the_scorecard_counts_an_item_once_and_has_the_agreement(tmp_path: Path) -> None:
    """Intervals count items, since the verdicts of one item are not independent; the cost counts every time."""
    records = [
        one_time("blocked" if number == 0 and time == 0 else "passed", number, time, 4, labels={"expected": "passed"})
        for number in range(10)
        for time in range(4)
    ]
    results = whole(records)
    card = {"bad_rows": 0, **scorecard_of(results).to_dict()}
    assert (card["items"], card["labelled"]) == (10, 10)
    assert card["cost"]["guardrails"]["policies"]["contentPolicyUnits"]["text_units"] == 40
    agreement = card["agreement"]
    assert (agreement["items"], agreement["verdicts"]) == (10, 40)
    assert agreement["agreeing"]["value"] == 0.975
    assert agreement["identical"] == {"value": 0.9, "low": 0.59585, "high": 0.982124}
    assert agreement["agreeing"]["low"] < 0.975 < agreement["agreeing"]["high"]
    assert card["look_first"][0]["reason"] == "verdicts vary: 3 of 4 are passed"
    assert "40 verdicts of 10 items: 97.5%" in "\n".join(lines_of(card))
    file = tmp_path / "results.jsonl"
    file.write_text("".join(json.dumps(result.to_dict()) + "\n" for result in results), encoding="utf-8")
    write_report(tmp_path / "report.html", {"run": "r"}, card, file)
    assert "<dt>agreeing verdicts</dt>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    (gate,) = gates_of("repeat-agreement=0.98", None)
    assert gate.check(card).text == "repeat-agreement is 0.9750, not at least 0.98"
    assert "agreement" not in scorecard_of([result_of(record(0))[0]]).to_dict()


def test_a_run_without_repeats_keeps_no_limit_of_agreement() -> None:
    """One verdict agrees with nothing."""
    (gate,) = gates_of("repeat-agreement=0.5", None)
    checked = gate.check({"bad_rows": 0, **scorecard_of([result_of(record(0))[0]]).to_dict()})
    assert not checked.passed
    assert checked.text == (
        "repeat-agreement is unknown, since no item has verdicts to compare: add --repeat N, not at least 0.5"
    )
    with pytest.raises(InvalidRequest):
        gates_of("VIOLENCE:repeat-agreement=0.5", None)


def test_a_run_keeps_its_repeats() -> None:
    """In the execution's input; once is not written."""
    document = {"id": "run", "corpus": {"bucket": "b", "key": "k"}, "work": {"bucket": "b", "key": "w"}}
    assert run_of(document | {"repeat": 3}).to_document()["repeat"] == 3
    assert "repeat" not in run_of(document).to_document()
    with pytest.raises(InvalidRequest, match="repeat"):
        run_of(document | {"repeat": MOST_REPEATS + 1})


def test_each_item_is_in_the_map_so_many_times() -> None:
    """Parts too; text units and cost count every time."""

    def read(_: Any) -> Iterator[Any]:
        yield item_of({"id": "short", "text": "a"}, 1)
        yield item_of({"id": "long", "text": "b " * 15_000}, 2)

    def lines(repeat: int) -> tuple[list[dict[str, Any]], Selection]:
        refs = {"preprocess": {"id": "g", "version": "1"}}
        chosen = Selection("c", read, Limits(), Estimator(ModelSettings()), refs, "run", repeat=repeat)
        return list(chosen.map_lines()), chosen

    once, one = lines(1)
    thrice, three = lines(3)
    assert (len(thrice), three.items, three.text_units) == (3 * len(once), one.items, 3 * one.text_units)
    places = [(line["item"]["id"], line["item"].get("part", 0), line["item"]["repeat"]) for line in thrice]
    assert len(set(places)) == len(places)
    assert "repeat" not in once[0]["item"]
