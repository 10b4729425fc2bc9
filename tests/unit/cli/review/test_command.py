"""`stepguard review`: pages, what a person reads, who decides, and the corpus."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepguard.aws.executions import Execution
from stepguard.aws.rows import Rows
from stepguard.cli.review import command
from stepguard.guard.errors import InvalidRequest, UnknownExecution
from stepguard.guard.review.item import review_input
from stepguard.project.folder import ANSWERS
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.tables import FakeTable

ESCAPE = "\x1b[2J"
FINDING = {"policy": "content", "name": "INSULTS", "action": "BLOCKED"}


class Queue:
    """A table with items, the newest `chat-0`, and the executions that they are about."""

    def __init__(self, *standings: str) -> None:
        self.table = FakeTable(datetime.now(UTC).timestamp())
        self.rows = Rows(self.table.fake.client, ANSWERS)
        self.started: dict[str, datetime] = {}
        for number, standing in enumerate(standings):
            self.add(f"chat-{number}", standing, datetime.now(UTC) - timedelta(hours=10 * number))
        found = SimpleNamespace(arn_of=lambda name: name, describe=self.describe)
        self.session: Any = SimpleNamespace(executions=found)

    def add(self, name: str, standing: str, started: datetime) -> None:
        """One item, decided by Anna if it is decided."""
        self.started[name] = started
        made = review_input(name, started.timestamp(), "blocked", "LLM", ["outcome blocked"], self.table.now)
        item = {key: {"S": value} for key, value in made.items() if key not in ("key", "name", "expires")}
        more = {"decided": {"label": "answer", "by": "anna", "ended": "2026-11-30T10:00:00Z"}}.get(standing, {})
        more = more | ({"token": "secret-token"} if standing == "open" else {})
        held = item | {key: {"S": value} for key, value in (more | {"standing": standing}).items()}
        self.rows.put(made["key"], name, {**held, "expires": {"N": made["expires"]}})

    def describe(self, name: str) -> Execution:
        """What the history has."""
        if name not in self.started:
            raise UnknownExecution("There is none.")
        text = f"{ESCAPE}Call 415-555-0133, idiot."
        guard = {"outcome": "blocked", "blocked": True, "text": "", "findings": [FINDING],
                 "scores": [], "text_units": {}}  # fmt: skip
        answer = {"text": "No.", "outcome": "blocked", "source": "LLM", "got_hits": 0}
        request = {"kind": "prompt", "text": text, "caller": "c"}
        output = {"request": request, "input_guard": guard, "answer": answer}
        started = self.started[name]
        return Execution(name, name, "SUCCEEDED", started, started, {"request": request}, output, None, None)


def _arguments(**given: Any) -> argparse.Namespace:
    known = {"json": False, "aws": False, "endpoint_url": None, "since": "30d", "until": None, "standing": "open",
             "cursor": None, "limit": 20, "note": "", "person": None, "unmasked": False}  # fmt: skip
    return argparse.Namespace(**known | given)


@pytest.fixture(name="states", autouse=True)
def _states(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    made = FakeClient("stepfunctions", send_task_heartbeat={}, send_task_success=client_error("TaskTimedOut"))
    monkeypatch.setattr("stepguard.aws.runtime.review.client", lambda service: made)
    return made


def test_a_list_is_read_page_by_page(capsys: pytest.CaptureFixture[str]) -> None:
    """Of one standing or all, the newest first; no page has a token of a task."""
    queue = Queue("open", "decided", "open", "expired", "open")
    seen: list[list[str]] = []
    cursor = None
    while cursor is not None or not seen:
        command.list_items(_arguments(limit=2, cursor=cursor, json=True), queue.session, queue.rows)
        printed = capsys.readouterr().out
        assert "secret-token" not in printed
        page = json.loads(printed)
        seen.append([item["execution"] for item in page["items"]])
        cursor = page["cursor"]
    assert seen == [["chat-0", "chat-2"], ["chat-4"]]
    command.list_items(_arguments(standing="all"), queue.session, queue.rows)
    printed = capsys.readouterr().out
    assert printed.count("blocked  ") == 5
    assert "answer by anna" in printed
    command.list_items(_arguments(since="1h", standing="expired"), queue.session, queue.rows)
    assert capsys.readouterr().out == "no expired review since 1h\n"


def test_a_cursor_of_another_list_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """It would skip items."""
    queue = Queue("open", "open")
    command.list_items(_arguments(limit=1, json=True), queue.session, queue.rows)
    cursor = json.loads(capsys.readouterr().out)["cursor"]
    with pytest.raises(InvalidRequest, match="cursor"):
        command.list_items(_arguments(standing="all", cursor=cursor), queue.session, queue.rows)


def test_a_person_sees_why_and_keeps_the_item(capsys: pytest.CaptureFixture[str], states: FakeClient) -> None:
    """The look is the heartbeat; no character of a caller reaches the terminal's control."""
    queue = Queue("open")
    command.show(_arguments(execution="chat-0"), queue.session, queue.rows)
    printed = capsys.readouterr().out
    assert all(part in printed for part in ("Call 415-555-0133", "outcome blocked", "content/INSULTS BLOCKED", "No."))
    assert ESCAPE not in printed
    assert [request["taskToken"] for request in states.bodies("send_task_heartbeat")] == ["secret-token"]
    command.show(_arguments(execution="chat-0", json=True), queue.session, queue.rows)
    assert "secret-token" not in capsys.readouterr().out


def test_what_happened_already_is_right() -> None:
    """A label that contradicts the outcome is refused, and nothing is decided."""
    queue = Queue("open")
    with pytest.raises(InvalidRequest, match="--label right"):
        command.decide(_arguments(execution="chat-0", label="block"), queue.session, queue.rows)
    with pytest.raises(InvalidRequest, match="1,000"):
        command.decide(_arguments(execution="chat-0", label="right", note="x" * 1001), queue.session, queue.rows)


def test_on_aws_the_credentials_say_who_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name cannot be given there."""
    monkeypatch.setattr(command, "caller_arn", lambda: "arn:aws:iam::1:user/anna")
    assert command._person(_arguments(aws=True)) == "arn:aws:iam::1:user/anna"
    with pytest.raises(InvalidRequest, match="--as is for the embedded AWS"):
        command._person(_arguments(aws=True, person="bert"))
    assert command._person(_arguments(person="bert")) == "bert"


def test_a_corpus_has_the_decided_questions_without_personal_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One row for the question that was decided twice; an execution that is gone is named."""
    queue = Queue("decided", "open", "decided")
    queue.add("chat-9", "decided", datetime.now(UTC) - timedelta(hours=5))
    del queue.started["chat-9"]
    file = tmp_path / "reviews.jsonl"
    command.export(_arguments(file=file), queue.session, queue.rows)
    printed = capsys.readouterr().out
    assert "1 rows, 1 new" in printed
    assert "left out: chat-9" in printed
    (row,) = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert (row["id"], row["expected"], row["category"]) == ("chat-0", "passed", "blocked: answer")
    assert "415-555-0133" not in row["text"]
    command.export(_arguments(file=file, unmasked=True), queue.session, queue.rows)
    assert "NOT masked" in capsys.readouterr().out


def test_without_a_decision_there_is_no_corpus(tmp_path: Path) -> None:
    """An empty file would be none."""
    queue = Queue("open", "expired")
    with pytest.raises(InvalidRequest, match="no decision since 30d"):
        command.export(_arguments(file=tmp_path / "reviews.jsonl"), queue.session, queue.rows)
    assert list(tmp_path.iterdir()) == []
