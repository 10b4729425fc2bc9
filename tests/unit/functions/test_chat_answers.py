"""The chat API with its table: how often each AWS service is called, and what happens when one fails."""

from __future__ import annotations

import json

import pytest

from functions.chat_answers import LOOKS
from stepguard.guard.waiting import FIRST_PAUSE, LONGEST_PAUSE, reads
from tests.fakes.aws import client_error
from tests.fakes.chat import api, posted
from tests.fakes.chats import (
    ANSWERED,
    BLOCKED,
    MASKED,
    ME,
    REFUSAL,
    SLOW,
    Chats,
    failed,
    recorded,
)
from tests.fakes.states import ANSWER, FakeStates
from tests.paths import ROOT

# --- how often AWS is called ---------------------------------------------------------------------------------------

STARTED = {"put_item": 1, "start_execution": 1}
COUNTS: dict[str, tuple[Chats, int, dict[str, int]]] = {
    "answered": (Chats(ANSWERED), 200, STARTED | {"get_item": 7}),
    "masked": (Chats(MASKED), 200, STARTED | {"get_item": 7}),
    "blocked": (Chats(recorded(REFUSAL, BLOCKED)), 200, STARTED | {"get_item": 7}),
    "answered in 1 s": (Chats(ANSWERED, 1), 200, STARTED | {"get_item": 27}),
    "answered in 10 s": (Chats(ANSWERED, SLOW), 200, STARTED | {"get_item": 41}),
    "failed": (Chats(failed), 503, STARTED | {"get_item": 7}),
    "timed out": (
        Chats(status="TIMED_OUT"),
        503,
        STARTED | {"get_item": 56, "describe_execution": 1, "update_item": 2},
    ),
    "still running": (
        Chats(looks=100),
        202,
        STARTED | {"get_item": 56, "describe_execution": 1, "update_item": 1},
    ),
}
"""What happens, the status code, and the calls of one chat. The state machine itself makes one UpdateItem more."""


@pytest.mark.parametrize("case", COUNTS)
def test_a_chat_calls_aws_no_more_than_this(case: str) -> None:
    """A count that grows costs money, or a quota: DescribeExecution refills at 15 a second for the whole account."""
    chats, status, calls = COUNTS[case]
    assert chats.post()[0] == status
    assert chats.calls == calls


@pytest.mark.parametrize("seconds", [0.03, 1, SLOW])
def test_the_reads_are_those_of_the_cost_page(seconds: float) -> None:
    """The same number as the API makes."""
    chats = Chats(ANSWERED, seconds)
    chats.post()
    assert chats.calls["get_item"] == reads(seconds)


@pytest.mark.parametrize("case", ["answered", "failed"])
def test_looking_again_costs_one_read(case: str) -> None:
    """GET of an execution that has ended reads one row."""
    end = {"answered": ANSWERED, "failed": failed}[case]
    chats = Chats(end)
    first = chats.post()
    before = chats.calls
    assert chats.get() == first
    assert chats.calls == before | {"get_item": before["get_item"] + 1}


def test_a_running_chat_is_asked_about_four_times_at_most() -> None:
    """However often its caller looks again, and for however long."""
    chats = Chats(looks=10_000)
    assert chats.post(wait_seconds=0)[0] == 202
    statuses = set()
    for age in range(0, 4_000, 7):
        chats.clock.now = age
        statuses.add(chats.get()[0])
    assert statuses == {202}
    assert chats.calls["describe_execution"] == len(LOOKS) == 4


def test_the_last_look_is_after_every_execution_has_ended() -> None:
    """Later than the state machine's own time-out."""
    definition = json.loads((ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8"))
    assert LOOKS[-1] > definition["TimeoutSeconds"]
    assert sorted(LOOKS) == list(LOOKS)


@pytest.mark.parametrize(("status", "code"), [("TIMED_OUT", 503), ("ABORTED", 503), ("SUCCEEDED", 200)])
def test_a_look_that_finds_the_end_is_the_last(status: str, code: int) -> None:
    """The row is completed, so that the next GET asks nobody: also for an answer that could not be recorded."""
    stage = {"outcome": "passed", "findings": []}
    chats = Chats(status=status, output={"input_guard": stage, "answer": ANSWER})
    chats.post(wait_seconds=0)
    assert chats.get()[0] == 202
    chats.clock.now = LOOKS[0] + 1
    first = chats.get()
    assert (first[0], first[1]["status"]) == (code, status)
    assert chats.get() == first
    assert chats.calls["describe_execution"] == 1


def test_two_callers_at_once_ask_once() -> None:
    """The look is counted before it is made, under a condition."""
    chats = Chats(looks=10_000)
    chats.post(wait_seconds=0)
    chats.clock.now = LOOKS[0] + 1
    chats.meanwhile()
    table = chats.table.table
    row = table.read(chats.name)
    assert row is not None
    assert [table.look(row), table.look(row)] == [True, False]


# --- waiting -------------------------------------------------------------------------------------------------------


def test_the_first_waits_are_short() -> None:
    """5 ms, then a fifth of the time that has passed, a second at most."""
    chats = Chats(ANSWERED, SLOW)
    chats.post()
    assert chats.clock.sleeps[:5] == pytest.approx([FIRST_PAUSE] * 5)
    assert max(chats.clock.sleeps) == LONGEST_PAUSE
    assert chats.clock.now <= SLOW + LONGEST_PAUSE


@pytest.mark.parametrize("seconds", [0, 0.5, 3, 25])
def test_a_wait_ends_in_time(seconds: float) -> None:
    """202 with the place to look again, which then has the answer."""
    chats = Chats(ANSWERED, 30, looks=100)
    status, body, headers = chats.post(wait_seconds=seconds)
    assert (status, body["status"], headers["Location"]) == (202, "RUNNING", f"/chat/{chats.name}")
    assert chats.clock.now == pytest.approx(seconds)
    chats.clock.now = 31
    assert chats.get()[0] == 200


def test_the_answer_of_the_table_is_that_of_the_history() -> None:
    """The same body, verdicts in the order of the stages, whatever the order in the row."""
    stage = {"outcome": "passed", "findings": []}
    states = FakeStates(output={"input_guard": stage, "model": stage, "answer": ANSWER})
    chats = Chats(ANSWERED)
    from_history = posted(api(states), b'{"question": "Why?"}', ME)[1]
    from_table = chats.post()[1]
    for body in (from_history, from_table):
        for holder in (body, body["answer"]):
            holder["execution"] = ""
    assert from_table == from_history
    assert [verdict["state"] for verdict in from_table["answer"]["verdicts"]] == ["GuardInput", "InvokeModel"]


def test_a_row_without_a_readable_answer_is_no_answer() -> None:
    """Nothing is delivered from it; Step Functions is asked."""
    chats = Chats(lambda chats, name: chats.table.write(name, status={"S": "SUCCEEDED"}), status="FAILED")
    assert chats.post()[0] == 503
    assert chats.calls["describe_execution"] == 1


# --- when the table fails ------------------------------------------------------------------------------------------

FAILURES = ["ProvisionedThroughputExceededException", "InternalServerError", "AccessDeniedException"]
FAILURES += ["ResourceNotFoundException"]


@pytest.mark.parametrize("code", FAILURES)
def test_an_answer_does_not_depend_on_the_table(code: str, caplog: pytest.LogCaptureFixture) -> None:
    """Four calls of DescribeExecution at most; the log has the reason."""
    chats = Chats(looks=2)
    chats.table.errors = [client_error(code)] * 1_000
    assert chats.post()[0] == 200
    assert chats.calls["describe_execution"] == 3
    assert "The table of answers failed" in caplog.text


def test_a_table_that_fails_leaves_four_looks() -> None:
    """For an execution that does not end."""
    chats = Chats(looks=100)
    chats.table.errors = [client_error("InternalServerError")] * 1_000
    assert chats.post()[0] == 202
    assert chats.calls["describe_execution"] == 4
    assert chats.clock.now == pytest.approx(25)


def test_a_row_that_was_not_written_is_written_by_the_answer() -> None:
    """RecordAnswer needs no row: the answer is found as soon as it is there."""
    chats = Chats(ANSWERED)
    chats.table.errors = [client_error("InternalServerError")]
    assert chats.post()[0] == 200
    assert "describe_execution" not in chats.calls


def test_a_look_that_is_forbidden_is_an_error() -> None:
    """The deployment's permissions are wrong, and waiting does not help."""
    chats = Chats()
    chats.states.look_errors = [client_error("AccessDeniedException")]
    assert chats.post()[0] == 500


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailable", "ExecutionDoesNotExist"])
def test_a_look_that_fails_is_no_end(code: str) -> None:
    """The caller can look again."""
    chats = Chats()
    chats.states.look_errors = [client_error(code)]
    assert chats.post()[0] == 202


def test_an_end_that_cannot_be_written_is_reported_all_the_same() -> None:
    """The second update fails."""
    chats = Chats(status="ABORTED")
    chats.post(wait_seconds=0)
    chats.clock.now = LOOKS[0] + 1

    def fail_second() -> None:
        chats.meanwhile()
        if chats.table.calls[-1:] == ["update_item"] and chats.table.calls.count("update_item") == 2:
            raise client_error("InternalServerError")

    chats.table.before = fail_second
    assert chats.get()[0] == 503
