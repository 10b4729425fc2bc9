"""Histories with and without a reader, and what a resumed Map Run reads of its children."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embedded_aws.states.interpret.history import MAX_EVENTS, Event, History, HistoryFullError
from embedded_aws.states.run.map_run_registry import finished_children
from embedded_aws.states.store.store import Store


def test_unread_events_are_only_counted() -> None:
    kept: list[Event] = []
    unread, kept_history = History(lambda: 1.0, None), History(lambda: 1.0, kept.extend)
    for history in (unread, kept_history):
        assert [history.record("PassStateEntered", {"name": "A"}, 0), history.record("X", None, 1)] == [1, 2]
    assert (unread.kept, kept_history.kept) == (False, True)
    assert [event.id for event in kept] == [1, 2]


@pytest.mark.parametrize("sink", [None, lambda events: None])
def test_the_limit_of_events_is_the_same_without_a_reader(sink: None) -> None:
    history = History(lambda: 1.0, sink, MAX_EVENTS - 1)
    with pytest.raises(HistoryFullError):
        history.record("PassStateEntered", None, 0)
    assert history.record("ExecutionFailed", None, 0, last=True) == MAX_EVENTS


@pytest.mark.parametrize("batched", [False, True])
def test_a_resumed_map_run_counts_the_items_of_its_children(tmp_path: Path, *, batched: bool) -> None:
    store = Store(tmp_path / "states.sqlite3")
    try:
        for number, status in enumerate(("SUCCEEDED", "FAILED")):
            data = json.dumps({"Items": ["é"] * (number + 2)} if batched else {"Items": "text"})
            store.write(
                "INSERT INTO executions (arn, machine, revision, name, type, status, started, input, map_run, item) "
                "VALUES (?, 'm', 'r', 'n', 'EXPRESS', ?, 0.0, ?, 'run', ?)",
                f"arn-{number}",
                status,
                data,
                number,
            )
        expected = {0: ("SUCCEEDED", 2), 1: ("FAILED", 3)} if batched else {0: ("SUCCEEDED", 1), 1: ("FAILED", 1)}
        assert finished_children(store, "run", batched=batched) == expected
    finally:
        store.close()
