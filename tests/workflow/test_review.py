"""review.asl.json on the embedded engine: every way through it, and one decision for each item."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import moto.dynamodb
import pytest
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import Clock, LambdaResult, SystemClock, VirtualClock
from embedded_aws.wire import ServiceError
from stepguard.aws.rows import Rows
from stepguard.aws.runtime.review import ReviewQueue
from stepguard.guard.errors import Conflict, UnknownExecution
from stepguard.guard.review.item import Label, ReviewItem, Standing, review_input
from stepguard.project.folder import ANSWERS, builtin_project
from tests.fakes.aws import client_error
from tests.fakes.tables import NOW, FakeTable
from tests.fakes.waiting import until
from tests.paths import ROOT

DEFINITION = json.loads((ROOT / "statemachine" / "review.asl.json").read_text(encoding="utf-8"))
STARTED = datetime.fromtimestamp(NOW, UTC)
INPUT = review_input("chat-1", NOW, "blocked", "PREPROCESS GUARDRAIL", ["outcome blocked"], NOW)


class Tasks:
    """boto3's client of Step Functions, as far as a decision needs it, on the embedded service."""

    def __init__(self, states: StepFunctions) -> None:
        self._states = states
        self.before: Callable[[], object] = lambda: None

    def send_task_success(self, **request: str) -> None:
        """A decision."""
        self.before()
        self._call(self._states.send_task_success, request)

    def send_task_heartbeat(self, **request: str) -> None:
        """A look."""
        self._call(self._states.send_task_heartbeat, request)

    def _call(self, operation: Callable[[dict[str, Any]], object], request: dict[str, str]) -> None:
        try:
            operation(request)
        except ServiceError as error:
            raise client_error(error.code, error.message) from None


class Review:
    """The state machine with its table. With a VirtualClock nobody is in time: an item expires at once."""

    def __init__(self, folder: Path, clock: Clock, definition: str | None = None) -> None:
        self.table = FakeTable()
        self.states = StepFunctions(
            folder / "states.sqlite3",
            lambda function, payload, timeout: LambdaResult(b"{}"),
            clock=clock,
            clients=lambda name: self.table.fake.client,
        )
        role = "arn:aws:iam::123456789012:role/test"
        definition = definition or builtin_project().review_definition()
        made = self.states.create_state_machine({"name": "review", "definition": definition, "roleArn": role})
        self.machine = made["stateMachineArn"]
        self.tasks = Tasks(self.states)
        self.queue = ReviewQueue(
            Rows(self.table.fake.client, ANSWERS), self.tasks, now=lambda: self.table.now, sleep=lambda seconds: None
        )
        self.arn = ""

    def start(self) -> None:
        """Queue the answer."""
        request = {"stateMachineArn": self.machine, "name": INPUT["name"], "input": json.dumps(INPUT)}
        self.arn = self.states.start_execution(request)["executionArn"]

    def item(self) -> ReviewItem | None:
        """The item as it is listed."""
        return self.queue.find("chat-1", STARTED)

    def opened(self) -> ReviewItem:
        """The item, once it waits for a person."""
        self.start()
        assert until(lambda: "TaskSubmitted" in self._types())
        item = self.item()
        assert item is not None
        return item

    def decide(self, label: Label = Label.ANSWER, by: str = "anna", note: str = "harmless") -> ReviewItem:
        """Anna's decision."""
        return self.queue.decide("chat-1", STARTED, label, by, note)

    def ended(self) -> tuple[str, list[str]]:
        """The status and the states."""
        wanted = {"executionArn": self.arn}
        assert until(lambda: self.states.describe_execution(wanted)["status"] != "RUNNING")
        entered = [
            event["stateEnteredEventDetails"]["name"] for event in self._events() if "stateEnteredEventDetails" in event
        ]
        return self.states.describe_execution(wanted)["status"], entered

    def _types(self) -> list[str]:
        return [event["type"] for event in self._events()]

    def _events(self) -> list[dict[str, Any]]:
        return list(self.states.get_execution_history({"executionArn": self.arn, "maxResults": 1000})["events"])


@pytest.fixture(name="review")
def _review(tmp_path: Path) -> Iterator[Review]:
    made = Review(tmp_path, SystemClock())
    yield made
    made.states.close()


@pytest.fixture(name="late")
def _late(tmp_path: Path) -> Iterator[Review]:
    made = Review(tmp_path, VirtualClock())
    yield made
    made.states.close()


def test_an_item_waits_for_a_person(review: Review) -> None:
    """It has what people need to choose it, and no text of the chat."""
    item = review.opened()
    assert (item.standing, item.outcome, item.reasons) == (Standing.OPEN, "blocked", ("outcome blocked",))
    assert item.token
    assert "token" not in item.to_dict()
    assert review.queue.look(item)


@pytest.mark.parametrize("hours", [-12, 14])
def test_an_item_is_found_from_every_time_zone(review: Review, hours: int) -> None:
    """Items are filed by the day in UTC; boto3 gives the start of an execution in the zone of the machine."""
    item = review.opened()
    assert review.queue.find("chat-1", STARTED.astimezone(timezone(timedelta(hours=hours)))) == item


def test_a_decision_is_recorded_with_its_person(review: Review) -> None:
    """The token is gone then, and the row of a corpus says what should have happened."""
    review.opened()
    decided = review.decide()
    assert review.ended() == ("SUCCEEDED", ["QueueItem", "DecisionReadable?", "RecordDecision", "ItemDecided"])
    assert (decided.standing, decided.label, decided.by, decided.note) == (
        Standing.DECIDED,
        "answer",
        "anna",
        "harmless",
    )
    assert (decided.expected, decided.token, bool(decided.ended)) == ("passed", "", True)
    assert not review.queue.look(decided)


def test_the_first_decision_counts(review: Review) -> None:
    """A second one is refused by name, even the same again."""
    review.opened()
    review.decide()
    for by in ("bert", "anna"):
        with pytest.raises(Conflict, match="was decided as 'answer' by anna"):
            review.decide(by=by)


def test_of_two_decisions_at_once_one_counts(review: Review) -> None:
    """Bert's comes in while Anna's is under way."""
    review.opened()

    def first() -> None:
        review.tasks.before = lambda: None
        review.decide(Label.RIGHT, "bert", "")

    review.tasks.before = first
    with pytest.raises(Conflict, match="was decided as 'right' by bert"):
        review.decide()
    assert review.ended()[1].count("RecordDecision") == 1


@pytest.mark.parametrize(
    "output",
    [{}, [], {"label": "perhaps", "by": "x", "note": ""}, {"label": "right", "by": 7, "note": ""}, {"label": "right"}],
)
def test_what_is_no_decision_puts_the_item_back(review: Review, output: object) -> None:
    """Whoever may end tasks can send anything; then the item waits for the next one."""
    before = review.opened()
    review.tasks.send_task_success(taskToken=before.token, output=json.dumps(output))
    assert until(lambda: (found := review.item()) is not None and found.token != before.token)
    review.decide()
    assert review.ended()[1].count("QueueItem") == 2


def test_an_item_at_which_nobody_looks_expires(late: Review) -> None:
    """After the heartbeat's time; it stays listed, and nobody can decide it."""
    late.start()
    assert late.ended() == ("SUCCEEDED", ["QueueItem", "Unseen", "RecordExpiry", "ItemExpired"])
    item = late.item()
    assert item is not None
    assert (item.standing, item.why, item.expected) == (Standing.EXPIRED, "no person looked at it for 7 days", None)
    with pytest.raises(Conflict, match=r"expired at .* no person looked"):
        late.decide()


def test_an_item_that_nobody_decides_expires(tmp_path: Path) -> None:
    """Looks keep it for 14 days."""
    definition = json.loads(builtin_project().review_definition())
    looked = definition["States"]["QueueItem"]
    assert looked.pop("HeartbeatSeconds") < looked["TimeoutSeconds"]
    late = Review(tmp_path, VirtualClock(), json.dumps(definition))
    late.start()
    assert late.ended() == ("SUCCEEDED", ["QueueItem", "Undecided", "RecordExpiry", "ItemExpired"])
    item = late.item()
    assert item is not None
    assert item.why == "no person decided within 14 days"
    late.states.close()


def test_an_erased_item_is_no_failure(review: Review) -> None:
    """Whoever deletes the item ends its review."""
    item = review.opened()
    Rows(review.table.fake.client, ANSWERS).delete(INPUT["key"], "chat-1")
    output = json.dumps({"label": "right", "by": "anna", "note": ""})
    review.tasks.send_task_success(taskToken=item.token, output=output)
    assert review.ended()[1][-2:] == ["RecordDecision", "ItemErased"]
    with pytest.raises(UnknownExecution, match="stepguard review list"):
        review.decide()


def test_a_review_that_the_table_lost_goes_on_after_a_redrive(review: Review) -> None:
    """The execution fails, visibly: when the item cannot be written, and when the decision cannot. Nobody decides
    again."""
    gone = client_error("ResourceNotFoundException", "no table")
    review.table.errors = [gone]
    review.start()
    assert review.ended() == ("FAILED", ["QueueItem"])
    review.states.redrive_execution({"executionArn": review.arn})
    assert until(lambda: review.item() is not None)

    def fail() -> None:
        review.table.errors = [gone]

    review.tasks.before = fail
    item = review.item()
    assert item is not None
    output = json.dumps({"label": "right", "by": "anna", "note": ""})
    review.tasks.send_task_success(taskToken=item.token, output=output)
    assert review.ended() == ("FAILED", ["QueueItem", "DecisionReadable?", "RecordDecision"])
    review.states.redrive_execution({"executionArn": review.arn})
    assert until(lambda: (found := review.item()) is not None and found.by == "anna")
    assert review.ended()[0] == "SUCCEEDED"


def test_an_answer_is_queued_once(review: Review) -> None:
    """The execution's name is its key."""
    review.opened()
    again = {"stateMachineArn": review.machine, "name": "chat-1", "input": json.dumps(INPUT | {"outcome": "masked"})}
    with pytest.raises(ServiceError) as refused:
        review.states.start_execution(again)
    assert refused.value.code == "ExecutionAlreadyExists"


def test_the_list_is_in_the_order_of_questions(review: Review) -> None:
    """The newest first; an unreadable item and one past its time to live are left out."""
    rows = Rows(review.table.fake.client, ANSWERS)
    plain = {"standing", "asked", "queued", "outcome", "source", "reasons"}
    for number, seconds in enumerate((3_600, 10, 86_400, 60)):
        made = review_input(f"chat-{number}", NOW - seconds, "blocked", "LLM", ["outcome blocked"], NOW)
        item = {name: {"S": value} for name, value in (made | {"standing": "open"}).items() if name in plain}
        rows.put(made["key"], made["name"], {**item, "expires": {"N": made["expires"]}})
    rows.put(INPUT["key"], "chat-x", {"standing": {"S": "maybe"}, "expires": {"N": INPUT["expires"]}})
    rows.put(INPUT["key"], "chat-y", {**item, "expires": {"N": "1"}})
    day = STARTED.date()
    found = [item.execution for item in review.queue.between(day.replace(day=day.day - 2), day)]
    assert found == ["chat-1", "chat-3", "chat-0", "chat-2"]


def test_the_definition_keeps_the_rules_of_the_others() -> None:
    """statelint finds nothing, each state says why, and no expression has a reserved name."""
    assert Linter.validate(DEFINITION, Config({ProblemType.URI})) == []
    assert all(state["Comment"].endswith(".") for state in DEFINITION["States"].values())
    reserved = Path(moto.dynamodb.__file__).parent / "parsing" / "reserved_keywords.txt"
    words = set(reserved.read_text(encoding="utf-8").split())
    for state in DEFINITION["States"].values():
        expression = state.get("Parameters", {}).get("UpdateExpression", "")
        used = expression.replace(",", " ").replace("=", " ").split()
        names = {word for word in used if word[0] not in "#:"} - {"SET", "REMOVE"}
        assert not {name.upper() for name in names} & words
