"""`stepguard report unanswered`, on recorded chats."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stepguard.cli import report
from stepguard.cli.evaluate.traffic import CORPUS, RECORDED, Traffic
from stepguard.evaluation.results import result_of
from tests.unit.evaluation.test_scorecard import finding, record

BLOCKED = [finding("topic", "Medical advice")]
CHATS: list[tuple[str, str, str, list[dict[str, Any]]]] = [
    ("chat-1", "How much insulin should I take?", "blocked", BLOCKED),
    ("chat-2", "What are the visiting hours?", "answered", []),
    ("chat-3", "how much insulin should I take", "blocked", BLOCKED),
    ("chat-4", "Who won the cup?", "dont_know", []),
]


@pytest.fixture(name="parser")
def _parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    @contextmanager
    def chats(arguments: argparse.Namespace, session: object) -> Iterator[Traffic]:
        rows = [{"id": name, "kind": "prompt", "text": text, "category": outcome} for name, text, outcome, _ in CHATS]
        (tmp_path / CORPUS).write_text("".join(json.dumps(row) + "\n" for row in rows))
        results = [
            result_of(record(number, text, findings=findings))[0].to_dict()
            for number, (_, text, _, findings) in enumerate(CHATS)
        ]
        (tmp_path / RECORDED).write_text("".join(json.dumps(result) + "\n" for result in results))
        yield Traffic(tmp_path, {"unmasked": False}, more=True, left_out=Counter({"still running": 2}))

    monkeypatch.setattr(report, "recorded_chats", chats)
    monkeypatch.setattr(report, "in_session", lambda run: lambda arguments: run(arguments, None))
    parser = argparse.ArgumentParser()
    report.add_parser(parser.add_subparsers())
    return parser


def _run(parser: argparse.ArgumentParser, *words: str) -> int:
    arguments = parser.parse_args(["report", "unanswered", *words])
    code: int = arguments.run(arguments)
    return code


def test_questions_without_an_answer_are_grouped_with_their_reasons(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answered ones are counted, not listed."""
    assert _run(parser, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["since"], document["chats"], document["unanswered"]) == ("7d", 4, 3)
    assert (document["more"], document["left_out"]) == (True, {"still running": 2})
    first, second = document["groups"]
    assert (first["count"], first["outcomes"], first["reasons"]) == (2, {"blocked": 2}, {"topic/Medical advice": 2})
    assert first["executions"] == ["chat-1", "chat-3"]
    assert (second["question"], second["reasons"]) == ("Who won the cup?", {"the answer is not known": 1})


def test_the_terminal_shows_the_command_that_explains(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    """The largest group first."""
    assert _run(parser) == 0
    out = capsys.readouterr().out
    assert "3 of 4 chats got no answer, 2 different questions" in out
    assert out.index("insulin") < out.index("cup")
    assert "topic/Medical advice 2; newest: stepguard history chat-1" in out
