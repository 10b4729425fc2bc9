"""after.asl.json on the embedded engine: every way through it, and that nothing in it touches the chat."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import moto.dynamodb
import pytest
import yaml
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock
from stepguard.aws.rows import Rows
from stepguard.aws.runtime.shadow import Shadow
from stepguard.evaluation.shadow import Candidate
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.project.folder import ANSWERS, builtin_project
from stepguard.session.embedded import AFTER_INPUT, ENDINGS
from tests.fakes.aws import client_error
from tests.fakes.tables import FakeTable
from tests.fakes.waiting import until
from tests.paths import ROOT

FILE = ROOT / "statemachine" / "after.asl.json"
DEFINITION = json.loads(FILE.read_text(encoding="utf-8"))
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
CHAT = "arn:aws:states:us-east-1:123456789012:execution:chat:chat-1"
QUIET = ["FindCandidate", "Candidate?", "Reviewed?", "Traced?", "Finished"]
"""The end of a run in which nothing is judged again and no trace is exported."""

INPUT: dict[str, Any] = {"execution": CHAT, "name": "chat-1", "redrives": 0}


PAIR = {"layer": "preprocess", "deployed": "passed", "candidate": "blocked", "change": "newly_blocked",
        "findings": [], "text_units": {}}  # fmt: skip
JUDGED = ["FindCandidate", "Candidate?", "DrawSample", "Sampled?", "JudgeShadow"]


class After:
    """The state machine with its table and its Lambda, whose answers are `answers`, one for each call."""

    def __init__(self, folder: Path) -> None:
        self.table = FakeTable()
        self.events: list[Mapping[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.after: list[dict[str, Any]] = []
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._states = StepFunctions(
            folder / "states.sqlite3", self._invoke, clock=VirtualClock(), clients=lambda name: self.table.fake.client
        )
        definition = builtin_project().after_definition(
            {name: ARN + name for name in ("notify_listener", "judge_shadow", "select_review", "export_trace")},
            "arn:aws:states:us-east-1:000000000000:stateMachine:review",
        )
        role = "arn:aws:iam::123456789012:role/test"
        made = self._states.create_state_machine({"name": "after", "definition": definition, "roleArn": role})
        self._machine = made["stateMachineArn"]
        self.close = self._states.close

    def _invoke(self, function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        name = function.rpartition(":")[2]
        self.calls.append((name, json.loads(payload)))
        if name == "notify_listener":
            self.events.append(json.loads(payload))
        answers = self.after if name != "notify_listener" else self.answers
        answer = (
            answers.pop(0) if answers else {"delivered": "sent", "shadow": [PAIR], "expires": "1800000000", "spans": 9}
        )
        error = "Unhandled" if "errorType" in answer else None
        return LambdaResult(json.dumps(answer).encode(), function_error=error)

    def add_review(self) -> Callable[[], list[str]]:
        """Make the state machine that reviews start, and return what lists its executions."""
        waits = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}
        role = "arn:aws:iam::123456789012:role/test"
        made = self._states.create_state_machine({"name": "review", "definition": json.dumps(waits), "roleArn": role})
        listed = {"stateMachineArn": made["stateMachineArn"]}
        return lambda: [item["name"] for item in self._states.list_executions(listed)["executions"]]

    def run(self, **more: str) -> tuple[str, list[str]]:
        """The status and the states of one run; `more` is what the rule adds to its input."""
        arn = self._states.start_execution({"stateMachineArn": self._machine, "input": json.dumps(INPUT | more)})
        wanted = {"executionArn": arn["executionArn"]}
        until(lambda: self._states.describe_execution(wanted)["status"] != "RUNNING")
        events = self._states.get_execution_history({**wanted, "maxResults": 1000})["events"]
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        return self._states.describe_execution(wanted)["status"], entered


@pytest.fixture(name="after")
def _after(tmp_path: Path) -> Iterator[After]:
    made = After(tmp_path)
    yield made
    made.close()


def test_a_listener_is_notified(after: After) -> None:
    """Its connection comes from the row of the chat; no text of the chat passes through."""
    after.table.table.begin("chat-1", "me", 24, listener="conn=")
    assert after.run() == ("SUCCEEDED", ["FindListener", "Listened?", "NotifyListener", *QUIET])
    assert after.events == [{"execution": CHAT, "redrives": 0, "connection": "conn="}]


@pytest.mark.parametrize("begun", [True, False])
def test_without_a_listener_nothing_is_called(after: After, begun: bool) -> None:
    """A chat of POST /chat, and one without a row."""
    if begun:
        after.table.table.begin("chat-1", "me", 24)
    assert after.run() == ("SUCCEEDED", ["FindListener", "Listened?", *QUIET])
    assert after.events == []


def test_the_newest_connection_is_the_listener(after: After) -> None:
    """A client that lost its connection asks again with the same client_token; nobody else can take the place."""
    table = after.table.table
    table.begin("chat-1", "me", 24, listener="first")
    table.begin("chat-1", "me", 24, listener="second")
    table.begin("chat-1", "other", 24, listener="stranger")
    after.run()
    assert [event["connection"] for event in after.events] == ["second"]


def test_what_a_later_attempt_cures_is_retried(after: After) -> None:
    """The end of an execution can be visible a little later than its event."""
    after.table.table.begin("chat-1", "me", 24, listener="conn")
    after.answers = [{"errorType": "ServiceUnavailable", "errorMessage": "not yet"}]
    assert after.run()[0] == "SUCCEEDED"
    assert len(after.events) == 2


def test_a_failure_is_visible_and_only_here(after: After) -> None:
    """The table or the Lambda fails for good: this execution fails, the chat has long ended."""
    after.table.table.begin("chat-1", "me", 24, listener="conn")
    after.answers = [{"errorType": "AccessDenied", "errorMessage": "no"}]
    assert after.run() == ("FAILED", ["FindListener", "Listened?", "NotifyListener", "ListenerUnreached"])
    after.table.errors = [client_error("ResourceNotFoundException", "no table")]
    assert after.run() == ("FAILED", ["FindListener", "ListenerUnreached"])


def _candidate(after: After, share: int = 1000) -> Shadow:
    shadow = Shadow(Rows(after.table.fake.client, ANSWERS))
    layers = {Layer.PREPROCESS: GuardrailRef("abc", "3")}
    assert shadow.start(Candidate("shadow-1", layers, share, "2026-11-30T10:00:00+00:00"))
    return shadow


def test_a_candidate_judges_and_its_verdicts_are_found_by_the_execution(after: After) -> None:
    """What it judges comes from the history; the state machine passes no text on."""
    shadow = _candidate(after)
    before = ["FindListener", "Listened?"]
    assert after.run() == ("SUCCEEDED", [*before, *JUDGED, "RecordVerdicts", *QUIET[2:]])
    layers = {"preprocess": {"id": "abc", "version": "3"}}
    assert after.calls == [("judge_shadow", {"execution": CHAT, "layers": layers})]
    assert [(name, [pair.change for pair in pairs]) for name, pairs in shadow.verdicts("shadow-1")] == [
        ("chat-1", ["newly_blocked"])
    ]


def test_a_share_of_the_chats_is_judged(after: After) -> None:
    """About as many as the share says."""
    _candidate(after, 300)
    judged = sum("JudgeShadow" in after.run()[1] for _ in range(60))
    assert 6 <= judged <= 32


@pytest.mark.parametrize("error", ["Throttled", "AccessDenied", "ConfigurationError"])
def test_what_fails_in_the_shadow_stops_nothing(after: After, error: str) -> None:
    """The listener has its answer before, and the trace is exported. Nothing repeats a throttled call."""
    _candidate(after)
    after.table.table.begin("chat-1", "me", 24, listener="conn")
    after.after = [{"errorType": error, "errorMessage": "no"}]
    status, path = after.run(traces="yes")
    assert (status, path[-3:]) == ("SUCCEEDED", ["Traced?", "ExportTrace", "Finished"])
    assert [name for name, _ in after.calls] == ["notify_listener", "judge_shadow", "export_trace"]


def test_an_item_that_is_no_candidate_is_left_alone(after: After) -> None:
    """Whatever is written there, the run ends."""
    Rows(after.table.fake.client, ANSWERS).put("stepguard#shadow", "-", {"share": {"S": "all"}})
    assert after.run()[1][-4:] == QUIET[1:]


def test_traces_are_exported_only_if_the_rule_says_so(after: After) -> None:
    """A collector that is down makes this execution fail, visibly, and nothing else."""
    assert after.run(traces="yes")[1][-2:] == ["ExportTrace", "Finished"]
    assert after.calls == [("export_trace", {"execution": CHAT})]
    assert "ExportTrace" not in after.run(traces="no")[1]
    after.after = [{"errorType": "ConfigurationError", "errorMessage": "no"}]
    assert after.run(traces="yes") == (
        "FAILED", ["FindListener", "Listened?", *QUIET[:-1], "ExportTrace", "TraceLost"],
    )  # fmt: skip


def test_the_definition_keeps_the_rules_of_the_others() -> None:
    """statelint finds nothing, each state says why, no name in an expression is reserved."""
    assert Linter.validate(DEFINITION, Config({ProblemType.URI})) == []
    assert all(state["Comment"].endswith(".") for state in DEFINITION["States"].values())
    reserved = Path(moto.dynamodb.__file__).parent / "parsing" / "reserved_keywords.txt"
    words = reserved.read_text(encoding="utf-8").split()
    assert DEFINITION["States"]["FindListener"]["Parameters"]["ProjectionExpression"].upper() not in words


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms as what they name."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: node.value)


def test_the_deployed_rule_is_the_embedded_one() -> None:
    """Every end, and the same input, which has no text of the chat."""
    text = (ROOT / "statemachine" / "cloudformation" / "after.yaml").read_text(encoding="utf-8")
    rule = yaml.load(text, Loader=_Loader)["Resources"]["AfterRule"]["Properties"]
    assert set(rule["EventPattern"]["detail"]["status"]) == ENDINGS
    (target,) = rule["Targets"]
    assert target["InputTransformer"]["InputPathsMap"] == {name: f"$.{place}" for name, place in AFTER_INPUT.items()}
    template, switches = target["InputTransformer"]["InputTemplate"]
    held = {name: f"<{name}>" for name in AFTER_INPUT} | {"traces": "${Traces}", "review": "${Review}"}
    assert json.loads(template.value) == held
    for (name, choice), condition in zip(switches.value, ("TracesOn", "ReviewOn"), strict=True):
        assert name.value in template.value
        assert [part.value for part in choice.value] == [condition, "yes", "no"]


SELECTED = {"selected": True, "review": {"name": "chat-1", "key": "review#2026-11-30"}, "outcome": "selected"}
REVIEWED = ["FindCandidate", "Candidate?", "Reviewed?", "SelectReview", "Selected?"]


def test_a_selected_answer_is_queued_and_nothing_waits(after: After) -> None:
    """Under the chat's name; a second event of the same chat queues nothing."""
    queue = after.add_review()
    after.after = [SELECTED, SELECTED]
    for _ in range(2):
        assert after.run(review="yes")[1][2:] == [*REVIEWED, "StartReview", "Traced?", "Finished"]
    assert after.calls == [("select_review", {"execution": CHAT})] * 2
    assert queue() == ["chat-1"]


def test_most_answers_are_not_queued(after: After) -> None:
    """Neither without a selection, nor where the stage has no reviews."""
    queue = after.add_review()
    after.after = [{"selected": False, "review": {}, "outcome": "skipped"}]
    assert after.run(review="yes")[1][2:] == [*REVIEWED, "Traced?", "Finished"]
    assert after.run(review="no")[1][2:] == QUIET
    assert queue() == []


@pytest.mark.parametrize("error", ["Throttled", "AccessDenied", "ConfigurationError"])
def test_what_fails_in_the_selection_stops_nothing(after: After, error: str) -> None:
    """The listener has its answer before, and the trace is exported. Nothing repeats a throttled call."""
    after.table.table.begin("chat-1", "me", 24, listener="conn")
    after.after = [{"errorType": error, "errorMessage": "no"}]
    status, path = after.run(review="yes", traces="yes")
    assert (status, path[-4:]) == ("SUCCEEDED", ["SelectReview", "Traced?", "ExportTrace", "Finished"])
    assert [name for name, _ in after.calls] == ["notify_listener", "select_review", "export_trace"]


def test_a_review_that_cannot_start_stops_nothing(after: After) -> None:
    """There is no state machine of reviews, or the account's quota of executions is used up."""
    after.after = [SELECTED]
    status, path = after.run(review="yes")
    assert (status, path[-3:]) == ("SUCCEEDED", ["StartReview", "Traced?", "Finished"])
