"""The executions API: list, trace, events, replay; who may see what, and every refusal in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions import executions_api
from functions.executions_api import ExecutionsApi
from functions.routes import DENIED, Reply, started
from stepguard.aws import listing
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.executions import Executions
from stepguard.guard.callers import ANONYMOUS, Caller
from stepguard.guard.errors import Throttled, UnknownExecution
from tests.fakes.aws import FakeClient, Request, client_error

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:chat"
RUN = MACHINE.replace(":stateMachine:", ":execution:")
BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
ME, YOU, BOSS = Caller("me"), Caller("you"), Caller("boss", frozenset({"operators"}))
FINDING = {"policy": "topic", "name": "Stocks", "action": "BLOCKED", "layer": "preprocess", "direction": "INPUT"}
DEFINITION = {"StartAt": "GuardInput", "States": {"GuardInput": {"Type": "Task", "End": True}}}


def execution(name: str, caller: str, outcome: str = "answered", minutes: int = 0) -> dict[str, Any]:
    """An execution as DescribeExecution returns it."""
    document = {"request": {"kind": "prompt", "text": f"Question of {caller}?", "caller": caller}}
    guard = {"outcome": "blocked" if outcome == "blocked" else "passed", "findings": [FINDING] * (outcome == "blocked")}
    output = {**document, "input_guard": guard, "answer": {"text": f"To {name}.", "outcome": outcome, "source": "LLM"}}
    started = BEGIN - timedelta(minutes=minutes)
    return {
        "executionArn": f"{RUN}:{name}", "stateMachineArn": MACHINE, "name": name, "status": "SUCCEEDED",
        "startDate": started, "stopDate": started + timedelta(seconds=1),
        "input": json.dumps(document), "output": json.dumps(output),
    }  # fmt: skip


def history(described: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its four events."""
    steps: list[tuple[str, dict[str, Any]]] = [
        ("ExecutionStarted", {"executionStartedEventDetails": {"input": described["input"]}}),
        ("TaskStateEntered", {"stateEnteredEventDetails": {"name": "GuardInput", "input": described["input"]}}),
        ("TaskStateExited", {"stateExitedEventDetails": {"name": "GuardInput", "output": described["output"]}}),
        ("ExecutionSucceeded", {"executionSucceededEventDetails": {"output": described["output"]}}),
    ]
    return [
        {"id": number, "previousEventId": max(0, number - 1), "type": kind, "timestamp": BEGIN, **details}
        for number, (kind, details) in enumerate(steps, 1)
    ]


class Place:
    """A state machine with executions of two people; `api` is the API in front of it."""

    def __init__(self, *executions: dict[str, Any], operators: frozenset[str] = frozenset({"operators"})) -> None:
        self.executions = {item["executionArn"]: item for item in executions}
        self.error: Exception | None = None
        self.vanished: set[str] = set()
        self.fake = FakeClient(
            "stepfunctions", list_executions=self._list, describe_execution=self._describe,
            get_execution_history=self._history, describe_state_machine_for_execution=self._definition,
            start_execution=self._start,
        )  # fmt: skip
        self.api = ExecutionsApi(Executions(MACHINE, self.fake.client), lambda: operators)

    def _list(self, request: Request) -> Mapping[str, Any]:
        if self.error:
            raise self.error
        keys = ("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate")
        names = sorted(self.executions.values(), key=lambda item: item["startDate"], reverse=True)
        skip = int(request.get("nextToken", "0"))
        page = [{key: item[key] for key in keys} for item in names[skip : skip + 2]]
        more = {"nextToken": str(skip + 2)} if len(names) > skip + 2 else {}
        return {"executions": page, **more}

    def _found(self, request: Request) -> dict[str, Any]:
        if self.error:
            raise self.error
        if request["executionArn"] in self.vanished or request["executionArn"] not in self.executions:
            raise client_error("ExecutionDoesNotExist", "Execution Does Not Exist")
        return self.executions[request["executionArn"]]

    def _describe(self, request: Request) -> Mapping[str, Any]:
        return self._found(request)

    def _history(self, request: Request) -> Mapping[str, Any]:
        return {"events": history(self._found(request))}

    def _definition(self, request: Request) -> Mapping[str, Any]:
        self._found(request)
        text = json.dumps(DEFINITION)
        return {"stateMachineArn": MACHINE, "name": "chat", "definition": text, "roleArn": "r", "updateDate": BEGIN}

    def _start(self, request: Request) -> Mapping[str, Any]:
        return {"executionArn": f"{RUN}:{request['name']}", "startDate": BEGIN}


@pytest.fixture(name="place")
def _place() -> Place:
    return Place(
        execution("mine", "me"), execution("theirs", "you", "blocked", minutes=5), execution("old", "me", minutes=90)
    )


def replay(api: ExecutionsApi, name: str, caller: Caller) -> Reply:
    """POST /executions/NAME/replay, as app.py runs it."""
    return started(lambda: api.replay(name, caller), caller, CallerQuota(), denied=DENIED)


def names(reply: tuple[int, dict[str, Any], dict[str, str]]) -> list[str]:
    """The names of a list's executions."""
    assert reply[0] == 200
    return [item["name"] for item in reply[1]["executions"]]


def test_a_caller_sees_its_own_executions_and_an_operator_all(place: Place) -> None:
    """Newest first; with the number of those searched."""
    assert names(place.api.search({}, ME)) == ["mine", "old"]
    assert names(place.api.search({}, BOSS)) == ["mine", "theirs", "old"]
    assert place.api.search({}, ME)[1]["searched"] == 3


def test_an_execution_that_has_ended_is_described_once(place: Place) -> None:
    """A page asks every few seconds, and DescribeExecution has a quota; a redriven one is looked at again."""
    for _ in range(3):
        assert names(place.api.search({}, BOSS)) == ["mine", "theirs", "old"]
    assert len(place.fake.bodies("describe_execution")) == 3
    place.executions[f"{RUN}:mine"]["stopDate"] = BEGIN + timedelta(hours=1)
    assert names(place.api.search({}, BOSS)) == ["mine", "theirs", "old"]
    assert len(place.fake.bodies("describe_execution")) == 4


def test_what_is_kept_of_the_list_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest summaries go first."""
    monkeypatch.setattr(listing, "KNOWN", 1)
    monkeypatch.setattr(listing, "AT_ONCE", 1)
    assert names(place.api.search({}, BOSS)) == names(place.api.search({}, BOSS)) == ["mine", "theirs", "old"]


def test_an_execution_that_is_gone_is_left_out(place: Place) -> None:
    """Between the list and the look its history may expire."""
    gone = place.executions[f"{RUN}:theirs"]
    place.vanished = {gone["executionArn"]}
    assert names(place.api.search({}, BOSS)) == ["mine", "old"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"outcome": "blocked"}, ["theirs"]),
        ({"policy": "topic", "stage": "GuardInput"}, ["theirs"]),
        ({"policy": "word"}, []),
        ({"policy": "topic/Stocks"}, ["theirs"]),
        ({"policy": "Topic/stocks"}, ["theirs"]),
        ({"policy": "topic/Bonds"}, []),
        ({"policy": "Stocks"}, ["theirs"]),
        ({"policy": "INSULTS"}, []),
        ({"policy": "content/insults"}, []),
        ({"policy": "sensitive information/EMAIL"}, []),
        ({"stage": "input"}, ["theirs"]),
        ({"stage": "preprocess"}, ["theirs"]),
        ({"until": "2026-11-21T23:57:00+00:00"}, ["theirs", "old"]),
        ({"since": "2026-11-21T23:00:00Z", "until": "2026-11-21T23:57:00Z"}, ["theirs"]),
        ({"since": "2026-11-21T23:50:00+00:00"}, ["mine", "theirs"]),
        ({"text": "of YOU"}, ["theirs"]),
        ({"limit": "1"}, ["mine"]),
    ],
)
def test_a_list_is_filtered(place: Place, query: dict[str, str], expected: list[str]) -> None:
    """By outcome, stage, policy, time, text; a limit says that there are more."""
    reply = place.api.search(query, BOSS)

    assert names(reply) == expected
    assert reply[1]["more"] == ("limit" in query)


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "bad"},
        {"since": "yesterday"},
        {"until": "soon"},
        {"since": "1h", "until": "2h"},
        {"limit": "-1"},
        {"limit": "0"},
        {"limit": "1000"},
        {"other": "x"},
        {"limit": "x"},
        {"stage": "GuardOutput"},
        {"policy": "INSULTZ"},
        {"policy": "content/INSULTZ"},
        {"policy": "contents"},
        {"policy": "topic/"},
        {"policy": " "},
        {"cursor": "x"},
        {"cursor": "W10"},
        {"cursor": "\u00e9"},
    ],
)
def test_a_wrong_filter_is_a_400(place: Place, query: dict[str, str]) -> None:
    """The message names the filter."""
    status, body, _ = place.api.search(query, BOSS)
    assert (status, body["error"]["code"]) == (400, "InvalidRequest")


def test_an_unknown_name_lists_the_known_ones(place: Place) -> None:
    """Policies, filters and stages."""
    for query, known in (({"policy": "INSULTZ"}, ("content", "INSULTS", "EMAIL")), ({"stage": "x"}, ("GuardInput",))):
        message = place.api.search(query, BOSS)[1]["error"]["message"]
        assert all(name in message for name in known)


def test_a_name_that_another_caller_has_is_unknown() -> None:
    """The names of another's findings cannot be found out."""
    place = Place(execution("theirs", "you", "blocked"))
    assert place.api.search({"policy": "Stocks"}, YOU)[0] == 200
    assert place.api.search({"policy": "Stocks"}, ME)[0] == 400


def pages(place: Place, query: dict[str, str], caller: Caller = BOSS) -> list[list[str]]:
    """The names on every page."""
    found, cursor = [], ""
    while True:
        reply = place.api.search(query | {"cursor": cursor}, caller)
        found.append(names(reply))
        assert reply[1]["more"] == (reply[1]["cursor"] is not None)
        if not reply[1]["more"]:
            return found
        cursor = reply[1]["cursor"]


def joined(found: list[list[str]]) -> list[str]:
    """The pages as one list."""
    return [name for page in found for name in page]


def many(count: int) -> Place:
    """Executions of every minute, every third one blocked, every second one mine."""
    return Place(
        *(execution(f"e{n}", ("me", "you")[n % 2], ("blocked", *["answered"] * 2)[n % 3], n) for n in range(count))
    )


@pytest.mark.parametrize("limit", ["1", "3", "4", "50"])
def test_pages_have_everything_once(limit: str) -> None:
    """In order, whatever the pages of ListExecutions are; a filter and a caller leave out the rest."""
    place = many(23)
    whole = [f"e{n}" for n in range(23)]
    assert joined(pages(place, {"limit": limit})) == whole
    assert joined(pages(place, {"limit": limit, "outcome": "blocked"})) == whole[::3]
    assert joined(pages(place, {"limit": limit}, ME)) == whole[::2]
    until = {"until": "2026-11-21T23:54:30Z", "since": "2026-11-21T23:45:30Z"}
    assert joined(pages(place, {"limit": limit, **until})) == whole[6:15]


def test_a_page_searches_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a match there is a cursor, too, until the end."""
    monkeypatch.setattr(executions_api, "SEARCHED", 5)
    monkeypatch.setattr(listing, "LOOKED", 8)
    found = pages(many(23), {"outcome": "masked"})
    assert found == [[]] * 5
    assert joined(pages(many(23), {"until": "2026-11-21T23:44:30Z"})) == [f"e{n}" for n in range(16, 23)]


def test_new_executions_do_not_move_a_page() -> None:
    """Neither twice nor left out, although the first page of ListExecutions has others now."""
    place = many(9)
    first = place.api.search({"limit": "3"}, BOSS)
    for number in range(1, 6):
        new = execution(f"new{number}", "me", minutes=-number)
        place.executions[new["executionArn"]] = new
    second = place.api.search({"limit": "3", "cursor": first[1]["cursor"]}, BOSS)
    assert names(first) + names(second) == [f"e{n}" for n in range(6)]


def test_a_cursor_is_of_its_caller_and_filters() -> None:
    """Another caller's, another filter's and a changed one are refused; an expired one says so."""
    place = many(9)
    cursor = place.api.search({"limit": "1"}, ME)[1]["cursor"]
    assert place.api.search({"cursor": cursor, "limit": "2"}, ME)[0] == 200
    for query, caller in (({}, YOU), ({}, BOSS), ({"outcome": "blocked"}, ME)):
        status, body, _ = place.api.search({"cursor": cursor, **query}, caller)
        assert (status, "cursor" in body["error"]["message"]) == (400, True)
    assert place.api.search({"cursor": f"A{cursor[1:]}"}, ME)[0] == 400
    place.error = client_error("InvalidToken", "Invalid Token: 'x'")
    assert "expired" in place.api.search({"cursor": cursor}, ME)[1]["error"]["message"]


def test_an_execution_is_reported_with_its_graph(place: Place) -> None:
    """The trace and the definition that it ran."""
    status, body, _ = place.api.get("theirs", {}, YOU)
    assert (status, body["outcome"], body["path"]) == (200, "blocked", ["GuardInput"])
    assert body["reason"] == "Blocked before the model by denied topic Stocks."
    assert "GuardInput" in [node["id"] for node in body["graph"]["nodes"]]
    assert '"definition"' not in json.dumps(body)
    assert place.api.get("theirs", {}, BOSS)[1]["definition"] == DEFINITION


def test_a_trace_and_its_events_describe_an_execution_once(place: Place) -> None:
    """Also for an operator, whose groups are compared with those of its documents."""
    assert [call("mine", {}, BOSS)[0] for call in (place.api.get, place.api.events)] == [200, 200]
    assert len(place.fake.bodies("describe_execution")) == 2


def test_two_executions_are_compared_only_if_both_may_be_read(place: Place) -> None:
    """An operator compares anything; others what is theirs."""
    assert place.api.get("mine", {"compare": "old"}, ME)[1]["comparison"]["outcome"] == ["answered", "answered"]
    assert place.api.get("mine", {"compare": "theirs"}, ME)[0] == 404


def test_a_redacted_trace_holds_no_question(place: Place) -> None:
    """Also in the comparison."""
    body = place.api.get("mine", {"compare": "old", "redact": "true"}, ME)[1]

    assert "Question of" not in json.dumps(body)
    assert body["redacted"] is True


@pytest.mark.parametrize("name", ["nosuch", "theirs", f"{RUN}:theirs", f"{RUN}x:y", "a:b", ""])
def test_what_is_not_the_callers_does_not_exist(place: Place, name: str) -> None:
    """Another's execution, an unknown one and a foreign state machine's get the same reply."""
    replies = [
        place.api.get(name, {}, ME), place.api.events(name, {}, ME), replay(place.api, name, ME),
    ]  # fmt: skip
    assert [reply[0] for reply in replies] == [404, 404, 404]
    assert {reply[1]["error"]["message"] for reply in replies} == {
        "No execution of this name belongs to the chat state machine."
    }


def test_events_come_in_pages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """`next` is the next page's `after`; a page ends by number or by size."""
    status, body, _ = place.api.events("mine", {"limit": "3"}, ME)
    assert (status, len(body["events"]), body["next"]) == (200, 3, 3)
    assert body["events"][0]["timestamp"] == "2026-11-22T00:00:00+00:00"

    rest = place.api.events("mine", {"after": "3"}, ME)[1]
    assert ([event["id"] for event in rest["events"]], rest["next"]) == ([4], None)

    monkeypatch.setattr(executions_api, "EVENT_BYTES", 10)
    assert place.api.events("mine", {}, ME)[1]["next"] == 1


def test_a_replay_starts_the_same_request_in_the_callers_name(place: Place) -> None:
    """202 with the place to look; who asked first is not who asks now."""
    status, body, headers = replay(place.api, "theirs", BOSS)

    assert status == 202
    assert body["replay_of"] == f"{RUN}:theirs"
    assert headers["Location"] == "/executions/" + body["execution"].rpartition(":")[2]
    (started,) = place.fake.bodies("start_execution")
    assert json.loads(started["input"])["request"] == {"kind": "prompt", "text": "Question of you?", "caller": "boss"}


def test_a_foreign_input_cannot_be_replayed() -> None:
    """400, in words."""
    foreign = {**execution("foreign", "me"), "input": "{}"}
    assert replay(Place(foreign).api, "foreign", BOSS)[0] == 400


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (client_error("AccessDeniedException", status=403), 500, "lack the permission"),
        (client_error("ThrottlingException", status=429), 429, "Throttling"),
        (client_error("InternalServerException", status=500), 503, "Try again later"),
        (client_error("StateMachineDoesNotExist"), 500, "Try again later"),
    ],
)
def test_what_aws_refuses_is_reported_in_words(place: Place, error: Exception, status: int, words: str) -> None:
    """A missing permission is called that; other causes are for the log."""
    place.error = error
    reply = place.api.search({}, BOSS)

    assert reply[0] == status
    assert words in reply[1]["error"]["message"]


def test_nobody_is_an_operator_only_where_the_embedded_cloud_says_so() -> None:
    """The anonymous caller sees everything with CHAT_OPERATORS=anonymous, and nothing otherwise."""
    nobody = Caller(ANONYMOUS)
    assert names(Place(execution("a", "me")).api.search({}, nobody)) == []
    assert names(Place(execution("a", "me"), operators=frozenset({ANONYMOUS})).api.search({}, nobody)) == ["a"]


def test_an_execution_that_ends_while_it_is_read_is_a_404(place: Place) -> None:
    """Described, and gone before its definition is read."""
    place.api.get("mine", {}, ME)
    executions = Executions(MACHINE, place.fake.client)
    place.vanished = set(place.executions)
    with pytest.raises(UnknownExecution):
        executions.definition(f"{RUN}:mine")
    place.error = client_error("ThrottlingException", status=429)
    with pytest.raises(Throttled):
        executions.definition(f"{RUN}:mine")
