"""The chat API with its table, Step Functions in memory, and the time that passes for all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from functions.chat_api import ChatApi
from functions.routes import Reply
from stepguard.aws.express import ExpressExecutions
from stepguard.guard.callers import Caller
from tests.fakes.chat import DEFAULTS, posted
from tests.fakes.states import ANSWER, Clock, FakeStates
from tests.fakes.tables import FakeTable

ME, OTHER = Caller("me"), Caller("other")
PASSED = {"state": "GuardInput", "outcome": "passed", "findings": []}
MODEL = {"state": "InvokeModel", "outcome": "passed", "findings": []}
FINDING = {"policy": "words", "name": "x", "action": "BLOCKED", "layer": "preprocess", "direction": "INPUT"}
BLOCKED = {"state": "GuardInput", "outcome": "blocked", "findings": [FINDING]}
REFUSAL = {"text": "No.", "outcome": "blocked", "source": "PREPROCESS GUARDRAIL", "got_hits": 0}
EXPRESS = "arn:aws:states:us-east-1:123456789012:stateMachine:stepguard-express"


class Chats:
    """The API, its table, Step Functions, and the time that passes for all of them.

    After `seconds` a started execution does what `end` does with its name.
    """

    def __init__(self, end: Callable[[Chats, str], None] | None = None, seconds: float = 0.03, **states: Any) -> None:
        self.table = FakeTable()
        self.begin = self.table.now
        self.states = FakeStates(**states)
        self.clock = Clock()
        self._seconds, self._end = seconds, end
        self.table.before = self.meanwhile
        self.chat = ChatApi(
            self.states.executions,
            lambda: DEFAULTS,
            self.clock,
            self.clock.sleep,
            lambda: frozenset({"operators"}),
            ExpressExecutions(""),
            table=self.table.table,
        )

    def meanwhile(self) -> None:
        """What the state machine has done by now."""
        self.table.now = self.begin + self.clock.now
        if self._end is not None and self.states.inputs and self.clock.now >= self._seconds:
            self._end(self, self.name)
            self._end = None

    @property
    def name(self) -> str:
        """The name of the only execution."""
        (arn,) = self.states.inputs
        return arn.rpartition(":")[2]

    def post(self, caller: Caller = ME, **body: Any) -> Reply:
        """POST /chat."""
        return posted(self.chat, json.dumps({"question": "Why?"} | body).encode(), caller)

    def get(self, caller: Caller = ME, name: str | None = None) -> Reply:
        """GET /chat/{execution}."""
        return self.chat.get_chat(self.name if name is None else name, caller)

    @property
    def calls(self) -> dict[str, int]:
        """How often each operation of AWS was called."""
        return dict(Counter(operation for operation, _ in [*self.states.fake.requests, *self.table.fake.requests]))


def recorded(answer: Mapping[str, Any], *verdicts: Mapping[str, Any]) -> Callable[[Chats, str], None]:
    """The state machine's RecordAnswer or RecordDontKnow."""
    return lambda chats, name: chats.table.record(name, answer, *verdicts)


def failed(chats: Chats, name: str) -> None:
    """The state machine's RecordFailure."""
    chats.table.write(name, status={"S": "FAILED"})


ANSWERED = recorded(ANSWER, MODEL, PASSED)
MASKED = recorded(ANSWER | {"outcome": "masked"}, PASSED | {"outcome": "masked"}, MODEL)
SLOW = 10.0
