"""`stepguard history ITEM` finds an item of an evaluation by its id or execution."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepguard.cli import history
from stepguard.cli.history_items import item_in
from stepguard.evaluation.results import result_of
from stepguard.guard.errors import InvalidRequest, UnknownExecution
from tests.unit.cli.test_evaluate_report import HOSTILE, folder
from tests.unit.evaluation.test_scorecard import VIOLENCE, record


class NoChats:
    """A chat state machine without executions."""

    machine_arn = state_machine_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:chat"

    def arn_of(self, name: str) -> str:
        """No execution has this name."""
        raise UnknownExecution(f"There is no execution {name}.")


class NoRuns:
    """An account without evaluations."""

    listing = SimpleNamespace(search=lambda *_, **__: SimpleNamespace(found=[]))


SESSION: Any = SimpleNamespace(executions=NoChats(), evaluations=NoRuns())


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A state folder with two runs, the second one newer."""
    (tmp_path / "evaluations").mkdir()
    for age, (run, text) in enumerate((("old", "old text"), ("new", HOSTILE))):
        results = folder(tmp_path / "evaluations" / run, record(1, text, {"expected": "passed"}, [VIOLENCE]))
        os.utime(results / "results.jsonl", (age, age))
    return tmp_path


def found(home: Path, name: str | None, capsys: pytest.CaptureFixture[str], **options: Any) -> Mapping[str, Any]:
    """The document that the command prints."""
    given: dict[str, Any] = {"of_run": None, "json": True, "redact": False, "html": None, "events": False}
    given |= {
        "otlp": None,
        "with_text": False,
        "follow": False,
        "diff": None,
        "state_machine": None,
        "home": str(home),
        "execution": name,
    }
    assert history.run(argparse.Namespace(**given | options), SESSION) == 0
    output = capsys.readouterr().out
    return dict(json.loads(output)) if options.get("json", True) else {"text": output}


@pytest.mark.parametrize("name", ["item-1", "arn:1:0"])
def test_an_item_is_found_by_its_id_and_execution(home: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """In the newest run, or in the one that is named, also by its folder."""
    assert found(home, name, capsys)["item"]["run"] == "new"
    for run in ("old", str(home / "evaluations" / "old")):
        assert found(home, name, capsys, of_run=run)["item"]["excerpt"] == "old text"


def test_the_trace_says_what_the_item_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run, verdict and expectation; hostile text cannot drive the terminal."""
    text = found(home, "item-1", capsys, json=False)["text"]
    assert "item item-1 of the run new: blocked, expected passed" in text
    assert "VIOLENCE BLOCKED" in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "None" not in text


def test_a_redacted_item_has_no_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only its length."""
    assert found(home, "item-1", capsys, redact=True, of_run="old")["item"]["excerpt"] == "‹8 characters›"


@pytest.mark.parametrize("run", [None, "old"])
def test_an_unknown_item_is_an_error(home: Path, capsys: pytest.CaptureFixture[str], run: str | None) -> None:
    """Neither an execution nor an item: the message says both."""
    with pytest.raises(UnknownExecution, match="item"):
        found(home, "item", capsys, of_run=run)


@pytest.mark.parametrize("options", [{"events": True}, {"follow": True}])
def test_an_item_has_no_events(home: Path, capsys: pytest.CaptureFixture[str], options: dict[str, bool]) -> None:
    """Nothing is ignored silently."""
    with pytest.raises(InvalidRequest, match="EXPRESS"):
        found(home, "item-1", capsys, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"with_text": True}, "--with-text needs --otlp"),
        ({"otlp": "spans.json", "html": Path("page.html")}, "leave --html out"),
        ({"otlp": "spans.json", "events": True}, "leave --events out"),
        ({"otlp": "spans.json", "diff": ["a", "b"]}, "leave --diff out"),
    ],
)
def test_an_export_ignores_no_option(options: dict[str, Any], words: str) -> None:
    """Of an execution as of a file."""
    given: dict[str, Any] = {"with_text": False, "otlp": None, "html": None, "events": False, "diff": None}
    with pytest.raises(InvalidRequest, match=words):
        history._run(argparse.Namespace(**given | options))


def test_a_text_that_quotes_an_id_is_not_the_item() -> None:
    """Only the members that name an item count."""
    line = json.dumps(result_of(record(1, 'say "item-2"'))[0].to_dict())
    assert item_in([line], "item-2", "run") is None
    assert item_in([line], "item-1", "run") is not None
