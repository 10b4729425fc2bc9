"""Feedback on answers: whose it is, that it counts once, and what is kept of a reason."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.feedback_api import FeedbackApi
from functions.routes import Reply, started
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.talk.feedback import FeedbackTable
from stepguard.guard.callers import Caller
from stepguard.guard.conversation import ConversationSettings
from stepguard.guard.talk.feedback import REASON_CHARACTERS
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.bedrock import ALL_LAYERS, blocked, guard, masked, passed, pii, with_layers
from tests.fakes.tables import NOW
from tests.unit.functions.test_conversations import ME, OTHER, Talk

SETTINGS = replace(with_layers(*ALL_LAYERS), conversation=ConversationSettings(on=True))
CANARY = "zebra-4711-secret"
FINDING = {"policy": "content", "name": "INSULTS", "action": "BLOCKED"}
SEEN = {"policy": "topic", "name": "Medical", "action": "NONE"}


class Asked(Talk):
    """A question with its answer, and the API of feedback."""

    def __init__(self, *verdicts: Any) -> None:
        super().__init__(SETTINGS)
        self.guards, self.runtime = guard(*verdicts)
        chat = self.chat
        self.api = FeedbackApi(self.table.table, lambda: SETTINGS, chat._own, self.guards)
        self.reply = self.post()
        self.name = self.reply[1]["execution"].rpartition(":")[2]

    def rate(self, thumb: object = "up", caller: Caller = ME, execution: str | None = None, **body: Any) -> Reply:
        """POST /chat/{execution}/feedback."""
        text = json.dumps({"thumb": thumb} | body).encode()
        return started(lambda: self.api.post(execution or self.name, text, caller), caller, CallerQuota())

    def kept(self) -> list[dict[str, Any]]:
        """All feedback of the days around the question."""
        day = datetime.fromtimestamp(NOW, UTC).date()
        table = FeedbackTable(self.table.table.rows, lambda: self.table.now)
        return [item.to_dict() for item in table.between(day - timedelta(days=1), day)]


def test_a_thumb_is_kept_and_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    """By outcome, source and policy; the same again is a success that counts nothing."""
    asked = Asked()
    asked.answer(asked.reply)
    assert asked.rate() == (200, {"execution": asked.name, "thumb": "up", "reason_kept": False}, {})
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["Feedback"], line["Thumb"], line["Outcome"], line["Source"]) == (1, "up", "answered", "LLM")
    assert asked.rate()[0] == 200
    assert capsys.readouterr().out == ""
    assert [(item["execution"], item["thumb"]) for item in asked.kept()] == [(asked.name, "up")]


def test_the_first_thumb_counts() -> None:
    """Another one is a conflict, and nothing changes."""
    asked = Asked()
    asked.answer(asked.reply)
    asked.rate("up")
    assert (asked.rate("down")[0], asked.rate("down")[1]["error"]["code"]) == (409, "Conflict")
    assert [item["thumb"] for item in asked.kept()] == ["up"]


def test_a_reason_can_follow_the_thumb_once() -> None:
    """A page sends the thumb first and asks for the reason then; a second reason is a conflict."""
    asked = Asked(passed(), passed(), passed())
    asked.answer(asked.reply)
    asked.rate("down")
    assert asked.rate("down", reason="It is wrong.")[1]["reason_kept"]
    assert asked.rate("down", reason=" It is wrong. ")[0] == 200
    assert asked.rate("down", reason="It is long.")[0] == 409
    assert [item["reason"] for item in asked.kept()] == ["It is wrong."]


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(masked("I am {NAME}.", pii("NAME")), "I am {NAME}."), (blocked(), None)],
    ids=["masked", "blocked"],
)
def test_a_reason_is_kept_as_the_input_layer_leaves_it(
    verdict: Any, reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Masked, or not at all; what was written is in no item, no line of the log and no reply."""
    asked = Asked(verdict)
    asked.answer(asked.reply)
    status, body, _ = asked.rate("down", reason=f"I am {CANARY}.")
    assert (status, body["reason_kept"]) == (200, reason is not None)
    (call,) = asked.runtime.bodies("apply_guardrail")
    assert (call["source"], CANARY in json.dumps(call)) == ("INPUT", True)
    assert [item["reason"] for item in asked.kept()] == [reason]
    assert CANARY not in json.dumps([asked.table.all(), body]) + capsys.readouterr().out


def test_without_a_verdict_on_the_reason_nothing_is_kept() -> None:
    """The request fails and can be repeated."""
    asked = Asked(client_error("InternalServerException"))
    asked.answer(asked.reply)
    assert asked.rate("down", reason="It is wrong.")[0] == 503
    assert asked.kept() == []


def test_only_the_caller_who_asked_may_rate() -> None:
    """Others get the reply for an execution that does not exist, operators too."""
    asked = Asked()
    asked.answer(asked.reply)
    unknown = asked.rate(execution="chat-unknown")
    assert unknown[0] == 404
    assert asked.rate(caller=OTHER) == unknown
    asked.chat._operators = lambda: frozenset({"other"})
    assert asked.rate(caller=OTHER) == unknown
    assert asked.kept() == []


def test_an_answer_that_is_not_there_yet_cannot_be_rated() -> None:
    """409, so that the client may try again."""
    asked = Asked()
    assert asked.rate()[0] == 409
    assert asked.kept() == []


@pytest.mark.parametrize(
    "body",
    [
        {"thumb": "sideways"},
        {"thumb": None},
        {"thumb": ["up"]},
        {"thumb": {}},
        {"reason": 7},
        {"reason": "a" * (REASON_CHARACTERS + 1)},
        {"reason": "\ud800"},
        {"more": 1},
    ],
    ids=lambda body: json.dumps(body)[:30],
)
def test_wrong_bodies_are_refused(body: dict[str, Any]) -> None:
    """400, before anything is called."""
    asked = Asked()
    asked.answer(asked.reply)
    assert asked.rate(**({"thumb": "up"} | body))[0] == 400
    assert (asked.kept(), asked.runtime.requests) == ([], [])


def test_feedback_goes_with_its_conversation() -> None:
    """A deleted conversation leaves no reason behind."""
    asked = Asked(passed())
    asked.answer(asked.reply)
    asked.rate("down", reason=CANARY)
    assert CANARY in json.dumps(asked.table.all())
    assert asked.chat.conversations.delete(asked.reply[1]["conversation"], ME)[0] == 200
    assert asked.kept() == []
    assert CANARY not in json.dumps(asked.table.all())


REVIEWED = replace(SETTINGS, review='{"feedback": "reason"}')
REVIEWS = "arn:aws:states:us-east-1:123456789012:stateMachine:review"


def _reviewing(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, *replies: Any, review: str = REVIEWED.review
) -> FakeClient:
    asked.api = FeedbackApi(asked.table.table, lambda: replace(SETTINGS, review=review), asked.chat._own, asked.guards)
    states = FakeClient("stepfunctions", start_execution=list(replies))
    monkeypatch.setenv("REVIEW_STATE_MACHINE_ARN", REVIEWS)
    monkeypatch.setattr("stepguard.aws.runtime.review.client", lambda service: states)
    return states


STARTED = {"executionArn": f"{REVIEWS.replace('stateMachine', 'execution')}:chat", "startDate": datetime.now(UTC)}


def test_a_thumb_down_with_a_reason_queues_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, under the execution's name, and without a text."""
    asked = Asked(passed(), passed())
    asked.answer(asked.reply)
    again = client_error("ExecutionAlreadyExists", "Execution Already Exists")
    states = _reviewing(asked, monkeypatch, STARTED, again)
    assert asked.rate("down")[0] == 200
    assert states.requests == []
    assert asked.rate("down", reason=f"It is {CANARY}.")[0] == 200
    assert asked.rate("down", reason=f"It is {CANARY}.")[0] == 200
    first, second = states.bodies("start_execution")
    assert (first["stateMachineArn"], first["name"]) == (REVIEWS, asked.name)
    assert second["name"] == asked.name
    queued = json.loads(first["input"])
    assert json.loads(queued["reasons"]) == ["feedback down, with a reason"]
    assert (queued["outcome"], queued["source"]) == ("answered", "LLM")
    assert CANARY not in first["input"]


@pytest.mark.parametrize("review", ["", "{}", '{"outcomes": ["answered"]}', '{"feedback": "none"}'])
def test_feedback_queues_nothing_unless_the_rule_says_so(review: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a thumb up never does."""
    asked = Asked(passed())
    asked.answer(asked.reply)
    states = _reviewing(asked, monkeypatch, review=review)
    assert asked.rate("down", reason="It is wrong.")[0] == 200
    assert states.requests == []


@pytest.mark.parametrize(
    ("fault", "review"),
    [
        (client_error("ExecutionLimitExceeded"), REVIEWED.review),
        (client_error("ThrottlingException"), REVIEWED.review),
        (client_error("AccessDeniedException"), REVIEWED.review),
        (None, "{"),
    ],
)
def test_what_fails_in_the_review_changes_no_feedback(
    fault: Exception | None, review: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reply is the same and the feedback is kept; a line of the log names the error."""
    asked = Asked(passed())
    asked.answer(asked.reply)
    _reviewing(asked, monkeypatch, *([fault] if fault else []), review=review)
    assert asked.rate("down", reason="It is wrong.")[0] == 200
    assert [item["reason"] for item in asked.kept()] == ["It is wrong."]
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [line["level"] for line in lines if line["message"] == "review"] == ["WARNING"]
