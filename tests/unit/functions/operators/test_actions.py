"""What operators do with an execution: run it with other texts, redrive it, stop it; and every refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.executions_api import ExecutionsApi
from functions.operators.actions import STOPPED, ActionsApi
from functions.routes import DENIED, Reply, started
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.executions import Executions
from stepguard.guard.callers import Caller
from tests.fakes.aws import FakeClient, Request, client_error

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:chat"
RUN = MACHINE.replace(":stateMachine:", ":execution:")
BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
BOSS = Caller("boss", frozenset({"operators", "ward"}), tenant="t1")
ME = Caller("me")
PLACE = {"id": "conv-1", "turn": "2026-11-22T00:00:00.000Z#x", "first": True}
REQUEST = {
    "kind": "prompt", "text": "Why?", "caller": {"id": "me", "groups": ["board"], "tenant": None},
    "conversation": PLACE, "listener": {"connection": "c"}, "guardrails": {"model": {"id": "g", "version": "1"}},
    "passages": [{"id": "1", "text": "Because."}],
}  # fmt: skip


class Place:
    """One execution with this status, and the actions on it."""

    def __init__(self, status: str = "SUCCEEDED", request: Mapping[str, Any] = REQUEST) -> None:
        self.status, self.request = status, request
        self.refusal: Exception | None = None
        self.fake = FakeClient(
            "stepfunctions", describe_execution=self._describe, start_execution=self._start,
            redrive_execution=lambda _: self._done({"redriveDate": BEGIN}),
            stop_execution=lambda _: self._done({"stopDate": BEGIN}),
        )  # fmt: skip
        self.api = ActionsApi(ExecutionsApi(Executions(MACHINE, self.fake.client), lambda: frozenset({"operators"})))

    def do(self, action: str, body: object = None, caller: Caller = BOSS, name: str = "x") -> Reply:
        """POST /executions/NAME/ACTION, as app.py runs it."""
        text = json.dumps(body).encode()
        work = {
            "rerun": lambda: self.api.rerun(name, text, caller),
            "redrive": lambda: self.api.redrive(name, caller),
            "stop": lambda: self.api.stop(name, caller),
        }
        return started(work[action], caller, CallerQuota(), denied=DENIED)

    @property
    def input(self) -> dict[str, Any]:
        """The request of the execution that was started."""
        (start,) = self.fake.bodies("start_execution")
        return dict(json.loads(start["input"])["request"])

    def _done(self, reply: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.refusal:
            raise self.refusal
        return reply

    def _describe(self, request: Request) -> Mapping[str, Any]:
        if request["executionArn"] != f"{RUN}:x":
            raise client_error("ExecutionDoesNotExist", "Execution Does Not Exist")
        return {
            "executionArn": f"{RUN}:x", "stateMachineArn": MACHINE, "name": "x", "status": self.status,
            "startDate": BEGIN, "input": json.dumps({"request": self.request}),
            **({} if self.status == "RUNNING" else {"stopDate": BEGIN}),
        }  # fmt: skip

    def _start(self, request: Request) -> Mapping[str, Any]:
        self._done({})
        return {"executionArn": f"{RUN}:{request['name']}", "startDate": BEGIN}


def test_an_edited_request_is_a_new_execution_of_the_operator() -> None:
    """With its own groups and the deployed guardrails, outside of every conversation and without a listener."""
    place = Place()
    status, body, headers = place.do("rerun", {"text": "What else?"})

    assert (status, body["rerun_of"], body["guardrails"]) == (202, f"{RUN}:x", "deployed")
    assert body["execution"] != f"{RUN}:x"
    assert headers["Location"] == f"/executions/{body['execution'].rpartition(':')[2]}"
    assert place.input == {
        "kind": "prompt", "text": "What else?", "passages": [{"id": "1", "text": "Because."}],
        "caller": {"id": "boss", "groups": ["operators", "ward"], "tenant": "t1"},
    }  # fmt: skip


def test_null_removes_a_member() -> None:
    """The question again, now without its passages; as a document it needs none of the others."""
    place = Place()
    assert place.do("rerun", {"passages": None, "kind": "document"})[0] == 202
    assert (place.input["kind"], place.input["text"], "passages" in place.input) == ("document", "Why?", False)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        {"caller": "me"},
        {"guardrails": {"model": {"id": "mine", "version": "1"}}},
        {"text": "x", "conversation": PLACE},
        {"text": "x", "listener": {"connection": "c"}},
        {"text": ""},
        {"text": 5},
        {"kind": "other"},
        {"kind": "response"},
        {"passages": [{"text": " "}]},
        {"text": "x" * 300_000},
        {"request": {"text": "x"}},
    ],
)
def test_a_wrong_edit_starts_nothing(body: object) -> None:
    """400: nothing that only the route may say, nothing that no request may have."""
    place = Place()
    status, reply, _ = place.do("rerun", body)
    assert (status, reply["error"]["code"]) == (400, "InvalidRequest")
    assert place.fake.bodies("start_execution") == []


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_what_did_not_succeed_is_redriven(status: str) -> None:
    """202 with the same execution, which runs again."""
    place = Place(status)
    reply = place.do("redrive")
    assert reply == (202, {"execution": f"{RUN}:x", "status": "RUNNING"}, {"Location": "/executions/x"})
    assert place.fake.bodies("redrive_execution") == [{"executionArn": f"{RUN}:x"}]


@pytest.mark.parametrize("status", ["SUCCEEDED", "RUNNING", "PENDING_REDRIVE"])
def test_what_succeeded_or_runs_is_not_redriven(status: str) -> None:
    """409 in words, and no call."""
    place = Place(status)
    code, body, _ = place.do("redrive")
    assert (code, body["error"]["code"]) == (409, "Conflict")
    assert status.lower().replace("_", " ") in body["error"]["message"]
    assert place.fake.bodies("redrive_execution") == []


def test_a_refusal_of_aws_has_its_reason() -> None:
    """After 14 days, or with a history that is full."""
    place = Place("FAILED")
    place.refusal = client_error("ExecutionNotRedrivable", "Execution exceeded the redrivable period")
    status, body, _ = place.do("redrive")
    assert (status, body["error"]["code"]) == (409, "Conflict")
    assert body["error"]["message"].endswith(": Execution exceeded the redrivable period.")


def test_a_running_execution_is_stopped() -> None:
    """With a cause that says by whom, not with a name."""
    place = Place("RUNNING")
    assert place.do("stop") == (200, {"execution": f"{RUN}:x", "status": "ABORTED"}, {})
    assert place.fake.bodies("stop_execution") == [{"executionArn": f"{RUN}:x", "cause": STOPPED}]


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_what_has_ended_is_not_stopped(status: str) -> None:
    """409, and no call."""
    place = Place(status)
    assert place.do("stop")[0] == 409
    assert place.fake.bodies("stop_execution") == []


@pytest.mark.parametrize("action", ["rerun", "redrive", "stop"])
@pytest.mark.parametrize("error", ["AccessDeniedException", "ThrottlingException"])
def test_an_error_of_aws_is_a_reply(action: str, error: str) -> None:
    """Words in place of a traceback: of a missing permission that it is one."""
    place = Place({"stop": "RUNNING", "redrive": "FAILED"}.get(action, "SUCCEEDED"))
    place.refusal = client_error(error, "x")
    status, body, _ = place.do(action, {"text": "x"})
    assert (status, body["error"]["code"]) == {
        "AccessDeniedException": (500, "AccessDenied"), "ThrottlingException": (429, "Throttled"),
    }[error]  # fmt: skip


@pytest.mark.parametrize("action", ["rerun", "redrive", "stop"])
@pytest.mark.parametrize("name", ["nosuch", f"{RUN}s:x", "a:b", ""])
def test_an_unknown_execution_is_a_404(action: str, name: str) -> None:
    """Also one of another state machine."""
    assert Place("RUNNING").do(action, {"text": "x"}, name=name)[0] == 404


@pytest.mark.parametrize("action", ["rerun", "redrive", "stop"])
def test_the_own_execution_is_for_operators_too(action: str) -> None:
    """403 before anything is looked up, so nobody learns whether a name exists."""
    place = Place("RUNNING")
    for name in ("x", "nosuch"):
        status, body, _ = place.do(action, {"text": "x"}, ME, name)
        assert (status, body["error"]["code"]) == (403, "OperatorsOnly")
    assert place.fake.requests == []


@pytest.mark.parametrize("held", [[1], "text", None, {"request": [1]}, {"request": None}])
def test_an_input_without_a_request_is_refused_in_words(held: object) -> None:
    """Whoever may start executions may give any JSON."""
    place = Place()
    describe = place._describe
    place.fake._replies["describe_execution"] = lambda request: {**describe(request), "input": json.dumps(held)}
    status, body, _ = place.do("rerun", {"text": "Why?"})
    assert (status, "no request" in body["error"]["message"]) == (400, True)
