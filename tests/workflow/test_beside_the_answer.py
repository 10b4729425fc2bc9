"""A shadow, a review, a collector or a listener that fails, hangs or is flooded: chats end before, and wait for none.

The engine, the rule and the definitions are the product's; the Lambdas are the test's, within the product's reserved
places. Nothing here measures time: what hangs is released after the chats have ended.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.events.rules import EventRules, Rule
from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaInvokeError, LambdaResult, VirtualClock
from embedded_aws.wire import Account
from stepguard.aws.rows import Rows
from stepguard.aws.runtime.shadow import Shadow
from stepguard.evaluation.shadow import Candidate
from stepguard.guard.review.item import review_input
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.project.folder import ANSWERS, builtin_project
from stepguard.session.embedded import AFTER_INPUT, ENDINGS
from tests.fakes.tables import NOW, FakeTable
from tests.fakes.waiting import until

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
BESIDE = ("judge_shadow", "select_review", "export_trace")
FLOOD = 48
"""More chats than the engine has threads: if each held one, the chats would stand still."""
SHADOW = {
    "layer": "preprocess", "deployed": "passed", "candidate": "passed", "change": "same", "findings": [],
    "text_units": {},
}  # fmt: skip
CHAT = {"StartAt": "Answer", "States": {"Answer": {"Type": "Task", "Resource": f"{ARN}answer", "End": True}}}


class Stack:
    """A chat of one Lambda, the rule, and after.asl.json, whose Lambdas do what `beside` says."""

    def __init__(self, folder: Path) -> None:
        self.table = FakeTable()
        self.released = threading.Event()
        self.beside = "answers"
        self.early: list[str] = []
        self.most: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.places = {entry.name: entry.concurrency for entry in builtin_project().lambdas()}
        self.states = StepFunctions(
            folder / "states.sqlite3", self._invoke, Account(account_id="123456789012"), clock=VirtualClock(),
            clients=lambda name: self.table.fake.client, status_changed=self._deliver,
        )  # fmt: skip
        names = ("notify_listener", *BESIDE)
        self.reviews = self._made("review", builtin_project().review_definition())
        definition = builtin_project().after_definition({name: ARN + name for name in names}, self.reviews)
        self.after, self.chat = self._made("after", definition), self._made("chat", json.dumps(CHAT))
        self.rules = EventRules(
            Account(account_id="123456789012"),
            [Rule(self.chat, ENDINGS, self.after, AFTER_INPUT, {"traces": "yes", "review": "yes"})],
            lambda machine, text: self.states.start_execution({"stateMachineArn": machine, "input": text}),
            lambda function, text: None,
        )
        Shadow(Rows(self.table.fake.client, ANSWERS)).start(
            Candidate("shadow-1", {Layer.PREPROCESS: GuardrailRef("abc", "3")}, 1000, "2026-11-30T10:00:00+00:00")
        )

    def _made(self, name: str, definition: str) -> str:
        role = "arn:aws:iam::123456789012:role/test"
        made = self.states.create_state_machine({"name": name, "definition": definition, "roleArn": role})
        return str(made["stateMachineArn"])

    def _deliver(self, event: Mapping[str, Any]) -> None:
        if event["detail"]["stateMachineArn"] == self.chat and event["detail"]["status"] in ENDINGS:
            arn = event["detail"]["executionArn"]
            if self.states.describe_execution({"executionArn": arn})["status"] == "RUNNING":
                self.early.append(arn)
        self.rules.deliver(event)

    def _invoke(self, function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        name = function.rpartition(":")[2]
        if name == "answer":
            return LambdaResult(b'{"text": "An answer."}')
        with self._lock:
            if self._running[name] == self.places[name]:
                raise LambdaInvokeError("TooManyRequestsException", "Rate Exceeded.", 429)
            self._running[name] += 1
            self.most[name] = max(self.most[name], self._running[name])
        try:
            if self.beside == "hangs":
                self.released.wait(60)
            if self.beside == "fails":
                return LambdaResult(b'{"errorType": "AccessDenied", "errorMessage": "no"}', function_error="Unhandled")
            execution = json.loads(payload)["execution"].rpartition(":")[2]
            queued = review_input(execution, NOW, "blocked", "LLM", ["outcome blocked"], NOW)
            selected = {"selected": True, "review": queued}
            known = {"shadow": [SHADOW], "expires": "1800000000", "spans": 9}
            return LambdaResult(json.dumps(known | selected).encode())
        finally:
            with self._lock:
                self._running[name] -= 1

    def ask(self, count: int) -> list[str]:
        """Start chats, and return how each ended; they must not wait for what is beside them."""
        arns = [
            self.states.start_execution({"stateMachineArn": self.chat, "name": f"chat-{number}", "input": "{}"})[
                "executionArn"
            ]
            for number in range(count)
        ]
        until(lambda: not self._running_ones(self.chat))
        return [str(self.states.describe_execution({"executionArn": arn})["status"]) for arn in arns]

    def ends_after(self, count: int) -> Counter[str]:
        """How the executions of after.asl.json ended, as soon as all have."""
        until(lambda: len(self._all(self.after)) == count and not self._running_ones(self.after))
        return Counter(str(item["status"]) for item in self._all(self.after))

    def queued(self) -> list[Mapping[str, Any]]:
        """The executions of review.asl.json."""
        return self._all(self.reviews)

    def _running_ones(self, machine: str) -> list[Mapping[str, Any]]:
        return [item for item in self._all(machine) if item["status"] == "RUNNING"]

    def _all(self, machine: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.states.list_executions({"stateMachineArn": machine, "maxResults": 1000})[
            "executions"
        ]
        return found


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path)
    yield made
    made.released.set()
    made.states.close()


def test_a_flood_that_hangs_holds_no_chat_back(stack: Stack) -> None:
    """The candidate and the collector hang; each chat has ended, in any case before after.asl.json started."""
    stack.beside = "hangs"
    assert Counter(stack.ask(FLOOD)) == {"SUCCEEDED": FLOOD}
    assert not stack.released.is_set()
    assert stack.early == []
    assert until(lambda: stack.most["judge_shadow"] == stack.places["judge_shadow"])
    stack.released.set()
    assert stack.ends_after(FLOOD) == {"SUCCEEDED": FLOOD}


@pytest.mark.parametrize(("beside", "ends"), [("answers", "SUCCEEDED"), ("fails", "FAILED")])
def test_a_failure_or_a_flood_changes_no_answer(stack: Stack, beside: str, ends: str) -> None:
    """A collector that refuses fails after.asl.json, visibly, and no chat."""
    stack.beside = beside
    assert Counter(stack.ask(FLOOD)) == {"SUCCEEDED": FLOOD}
    assert (stack.ends_after(FLOOD), stack.early) == ({ends: FLOOD}, [])


def test_a_flood_of_reviews_holds_no_chat_back(stack: Stack) -> None:
    """Each selected answer is queued once, and waits by itself."""
    assert Counter(stack.ask(FLOOD)) == {"SUCCEEDED": FLOOD}
    stack.ends_after(FLOOD)
    assert len(stack.queued()) == FLOOD


def test_what_is_beside_the_answer_has_few_places() -> None:
    """The Lambdas that an answer needs have no reserved concurrency: they share the account's."""
    places = {entry.name: entry.concurrency for entry in builtin_project().lambdas()}
    assert {name for name, count in places.items() if count is not None} == set(BESIDE)
