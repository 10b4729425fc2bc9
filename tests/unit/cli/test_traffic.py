"""`stepguard evaluate --from-history`: recorded chats as a corpus, without their personal data."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from embedded_aws.bedrock.detectors import pii
from stepguard.aws.executions import Execution, Listed
from stepguard.cli.evaluate import comparison, traffic
from stepguard.evaluation.items import id_of, item_of
from stepguard.guard.bedrock_names import PII_TYPES
from stepguard.guard.cursors import Position
from stepguard.guard.errors import AccessDenied, InvalidRequest
from stepguard.recording.traffic import recorded
from stepguard.trace.exports.placeholders import Replacements
from tests.unit.evaluation.test_scorecard import finding

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:chat"
START = datetime(2026, 11, 1, tzinfo=UTC)
SECRETS = ("ann.lee@corp.example.net", "4111 1111 1111 1111", "Fatima Miller", "secret-4711")
EMAIL = finding("sensitive_information", "EMAIL", "ANONYMIZED")


def chat(number: int, request: Mapping[str, Any], outcome: str = "answered", **more: Any) -> Execution:
    """A recorded chat; its guards, answer and cause quote the question."""
    text = str(request.get("text"))
    guard = {"outcome": "passed", "blocked": False, "findings": [], "text": text, "text_units": {}, "record": [text]}
    output = {"request": request, "input_guard": guard, "model": {**guard, "said": text}}
    output["answer"] = {"text": text, "outcome": outcome, "source": "LLM", "got_hits": 1}
    given: dict[str, Any] = {
        "arn": f"{MACHINE.replace('stateMachine', 'execution')}:chat-{number}", "name": f"chat-{number}",
        "status": "SUCCEEDED", "started": START - timedelta(hours=number), "stopped": START,
        "input": {"request": {"caller": SECRETS[2], "listener": SECRETS[3], **request}}, "output": output,
        "error": None, "cause": None,
    }  # fmt: skip
    return Execution(**given | more)


QUESTION = {"kind": "prompt", "text": f"I am {SECRETS[2]}, {SECRETS[0]}, card {SECRETS[1]}. What is insulin?"}


def test_personal_data_is_replaced_everywhere() -> None:
    """In every text, by values of the same form; caller, listener, answers and causes are left out."""
    request = {
        "kind": "response", "text": "", "query": f"Mail {SECRETS[0]}?", "completion": f"Yes, {SECRETS[2]}.",
        "passages": [{"id": "1", "text": f"Fatima Miller has the card {SECRETS[1]}."}],
    }  # fmt: skip
    for execution in (
        chat(1, QUESTION),
        chat(2, request),
        chat(3, QUESTION, status="FAILED", output=None, error="Boom", cause=f"no {QUESTION['text']}"),
    ):
        found = recorded(execution, 0)
        written = json.dumps([found.row, found.result])
        assert not any(secret in written for secret in SECRETS)
        assert "@example.com" in found.row.get("text", "") + found.row.get("query", "")
        assert found.replaced >= 3
        item_of(found.row, 1)


def test_what_the_guardrail_masked_is_replaced_too() -> None:
    """Its regular expressions know data that no detector knows."""
    pattern = finding("sensitive_information", "Badge", "ANONYMIZED")
    execution = chat(1, {"kind": "prompt", "text": f"My badge is {SECRETS[3]}, open the door"})
    guard = {"outcome": "masked", "findings": [pattern], "text": "My badge is {Badge}, open the door", "blocked": False,
             "text_units": {}}  # fmt: skip
    found = recorded(chat(1, execution.input["request"], output={**(execution.output or {}), "input_guard": guard}), 0)
    assert SECRETS[3] not in json.dumps([found.row, found.result])
    assert found.row["text"].startswith("My badge is ")
    assert found.row["text"].endswith(", open the door")
    assert found.result["action"] == "masked"


@pytest.mark.parametrize("kind", ["PASSWORD", "AWS_SECRET_KEY", "CREDIT_DEBIT_CARD_NUMBER", "Badge"])
def test_a_placeholder_says_nothing_about_the_value(kind: str) -> None:
    """Two values of one form have the same placeholder, and it is neither of them."""
    first, second = (
        Replacements([(value, kind)]).text(value) for value in ("4111 1111 1111 1111", "5555 5555 5555 4444")
    )
    assert first == second
    assert first not in ("4111 1111 1111 1111", "5555 5555 5555 4444")
    assert [len(part) for part in first.split()] == [4, 4, 4, 4]


def test_a_replaced_card_is_found_as_a_card() -> None:
    """Its check digit is valid, so that the guardrails decide on it as on the original."""
    for number in range(1, 20):
        known = Replacements((f"{value:016d}", "CREDIT_DEBIT_CARD_NUMBER") for value in range(number))
        text = known.text(f"my credit card is {number - 1:016d}")
        assert [span.label for span in pii.find(text, PII_TYPES)] == ["CREDIT_DEBIT_CARD_NUMBER"], text


def test_unmasked_texts_are_the_recorded_ones() -> None:
    """Only on request."""
    found = recorded(chat(1, QUESTION), 0, masked=False)
    assert (found.row["text"], found.replaced) == (QUESTION["text"], 0)


def test_a_row_has_no_label_but_those_of_the_function() -> None:
    """What was recorded may be wrong: it is the category, not the expectation."""
    row = recorded(chat(1, QUESTION, "blocked"), 0).row
    assert (row["category"], "expected" in row) == ("blocked", False)
    assert recorded(chat(1, QUESTION), 0, labels=lambda _: {"expected": "passed"}).row["expected"] == "passed"


def test_recorded_verdicts_compare_with_a_run() -> None:
    """The digests are those of the rows, so that a run of the rows has the same items."""
    found = recorded(chat(1, QUESTION), 0)
    assert found.result["digest"] == id_of(item_of(found.row, 1).request)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"kind": "prompt", "text": "x", "guardrails": {"model": {}}}, "other guardrails"),
        ({"kind": "song", "text": SECRETS[0]}, "'kind' must be one of"),
        ({"kind": "prompt", "text": " "}, "no text"),
        ({}, "no text"),
    ],
)
def test_what_is_no_chat_is_left_out(request_: dict[str, Any], reason: str) -> None:
    """The reason quotes no text."""
    with pytest.raises(InvalidRequest, match=reason) as caught:
        recorded(chat(1, request_), 0)
    assert SECRETS[0] not in str(caught.value)


class Recordings:
    """A chat state machine with these executions."""

    machine_arn = state_machine_arn = MACHINE

    def __init__(self, *executions: Execution) -> None:
        self._held = {execution.arn: execution for execution in executions}

    def listed(
        self, after: Position | None, since: datetime | None, until: datetime | None
    ) -> Iterator[tuple[Listed | None, Position]]:
        """In the order of the list."""
        for execution in list(self._held.values()):
            if after is not None:
                after = None if execution.arn == after.arn else after
                continue
            if since is not None and execution.started < since:
                return
            late = until is not None and execution.started > until
            place = Position(execution.arn, execution.started.isoformat(), None)
            yield None if late else Listed(execution.arn, execution.stopped), place

    def describe_all(self, arns: list[str]) -> list[Execution | None]:
        """All of them exist."""
        return [self._held[arn] for arn in arns]


def options(**given: Any) -> argparse.Namespace:
    """The options of the command."""
    some: dict[str, Any] = dict.fromkeys(("since", "until", "outcome", "limit", "corpus", "resume"))
    return argparse.Namespace(**some | {"from_history": True, "unmasked": False, "json": False} | given)


def rows_of(executions: Recordings, **given: Any) -> tuple[list[str], traffic.Traffic, Path]:
    """The ids of the rows, what was read, and the folder, which is gone."""
    session: Any = SimpleNamespace(executions=executions)
    with traffic.corpus_of(options(**given), session) as found:
        assert found is not None
        ids = [json.loads(line)["id"] for line in found.corpus.read_text().splitlines()]
        assert len(comparison.read(found.folder / traffic.RECORDED)) == len(ids)
        assert found.folder.stat().st_mode & 0o077 == 0
    assert not found.folder.exists()
    return ids, found, found.folder


MANY = [
    chat(number, {"text": f"question {number}"}, "blocked" if number % 3 == 0 else "answered") for number in range(450)
]


@pytest.mark.parametrize(
    ("given", "count", "more"),
    [
        ({}, 450, False),
        ({"limit": 450}, 450, False),
        ({"limit": 250}, 250, True),
        ({"outcome": "blocked"}, 150, False),
        ({"outcome": "blocked", "limit": 10}, 10, True),
        ({"since": (START - timedelta(hours=99)).isoformat()}, 100, False),
        ({"until": (START - timedelta(hours=440)).isoformat()}, 10, False),
    ],
)
def test_the_newest_chats_that_match_are_read(given: dict[str, Any], count: int, more: bool) -> None:
    """Page by page, each once; what was not read is reported."""
    ids, found, _ = rows_of(Recordings(*MANY), **given)
    assert (len(ids), len(set(ids)), found.more) == (count, count, more)


def test_what_is_left_out_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Running executions and replays."""
    running = chat(1, {"text": "x"}, status="RUNNING", stopped=None, output=None)
    replay = chat(2, {"text": "x", "guardrails": {"model": {}}})
    rows_of(Recordings(chat(0, QUESTION), running, replay))
    lines = capsys.readouterr().err
    assert "1 recorded chats" in lines
    assert "3 values of personal data replaced in 1 chats" in lines
    assert "1 left out: still running" in lines
    with pytest.raises(InvalidRequest, match=r"No recorded chat .*1 left out: still running"):
        rows_of(Recordings(running))


def test_unmasked_texts_are_announced(capsys: pytest.CaptureFixture[str]) -> None:
    """Also with --json."""
    rows_of(Recordings(chat(0, QUESTION)), unmasked=True, json=True)
    assert "NOT masked" in capsys.readouterr().err


def test_callers_who_may_not_list_chats_get_none() -> None:
    """Credentials without states:ListExecutions or states:DescribeExecution."""
    denied = Recordings(chat(0, QUESTION))
    denied.describe_all = lambda _: (_ for _ in ()).throw(AccessDenied("not authorized"))  # type: ignore[method-assign,assignment]
    with pytest.raises(AccessDenied, match="for operators"):
        rows_of(denied)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"corpus": "a.jsonl"}, "a.jsonl"),
        ({"resume": "run"}, "--resume"),
        ({"map": "text=a"}, "--map"),
        ({"from_history": False, "since": "7d"}, "--since"),
        ({"from_history": False, "unmasked": True}, "--unmasked"),
    ],
)
def test_options_that_do_not_fit_are_refused(given: dict[str, Any], name: str) -> None:
    """Nothing is ignored silently."""
    with pytest.raises(InvalidRequest, match=name):
        traffic.check(options(**given))
