"""The stream of the command line's chat: stages, pieces, the end, and a connection that breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stepguard.aws.stream.connections import Connections
from stepguard.cli.chat.terminal import Provisional
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable, StepguardError, Throttled
from stepguard.guard.stream.listeners import Mode
from stepguard.session.chat import CALLER, Interrupted
from stepguard.session.stream import Heard, Stream, open_stream
from stepguard.session.talk import Talk
from tests.fakes.chat import DEFAULTS
from tests.fakes.tables import FakeTable
from tests.unit.session.test_talk import _States

TURN = "chat-1"
STAFF = Caller(CALLER, frozenset({"staff"}))


class Line:
    """A connection: `answer` gives the frames to a question; an exception among them is raised."""

    def __init__(self, answer: Callable[[dict[str, Any]], list[Any]]) -> None:
        self.answer = answer
        self.waiting: list[Any] = []
        self.sent: list[dict[str, Any]] = []
        self.open = True

    def send(self, message: str) -> None:
        self.sent.append(json.loads(message))
        self.waiting += self.answer(self.sent[-1])

    def recv(self, timeout: float) -> str:
        if not self.waiting:
            raise TimeoutError
        frame = self.waiting.pop(0)
        if isinstance(frame, BaseException):
            raise frame
        return json.dumps(frame)

    def close(self) -> None:
        self.open = False


def frame(kind: str, seq: int = 0, attempt: int = 1, turn: str | None = TURN, **more: Any) -> dict[str, Any]:
    return {"turn": turn, "attempt": attempt, "seq": seq, "type": kind, **more}


def started(message: dict[str, Any], arn: str = "arn:chat-1") -> dict[str, Any]:
    return frame("status", stage="Started", execution=arn, conversation="conv-1", client_token=message["client_token"])


FINAL = frame("final", attempt=100)


class Place:
    """A talk over lines that a test gives; each is one connection. `stages` and `texts` are what a person saw."""

    def __init__(self, *answers: Callable[[dict[str, Any]], list[Any]] | Exception) -> None:
        self.answers = list(answers)
        self.lines: list[Line] = []
        self.states = _States()
        self.table = FakeTable()
        self.stages: list[str | None] = []
        self.texts: list[str] = []
        connections = Connections(self.table.table.rows, lambda: self.table.now)
        stream = Stream("ws://x/live", connections, STAFF, self.connect)
        self.talk = Talk(self.states.executions, None, stream=stream)

    def connect(self, url: str) -> Line:
        assert url.startswith("ws://x/live?ticket=")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.lines.append(Line(answer))
        return self.lines[-1]

    def ask(self, text: str = "Why?") -> Any:
        return self.talk.ask(text, 60, Heard(self.stages.append, self.texts.append))

    def arn(self) -> str:
        """An execution that has ended."""
        return self.states.executions.start(TURN, {"request": {"text": "Why?"}})


def test_a_person_sees_stages_and_pieces_until_the_answer() -> None:
    """In order, each once, whatever the order of the frames; the pieces are cleared at the end."""
    place = Place(
        lambda message: [
            frame("status", 1000, stage="GuardInput"),
            started(message, place.arn()),
            frame("status", 7000, stage="InvokeModel"),
            frame("status", 3000, stage="RewriteQuestion"),
            frame("delta", 7002, text="two "),
            frame("delta", 7001, text="one "),
            frame("delta", 7001, text="one "),
            frame("delta", 7001, attempt=2, text="again "),
            frame("delta", 7003, text="old "),
            frame("final", attempt=100, turn="another"),
            frame("status", 8000, stage="GuardAnswer"),
            FINAL,
        ]
    )
    result = place.ask()
    assert result.answer.text
    assert place.stages == ["InvokeModel", "GuardAnswer", None]
    assert place.texts == ["two ", "one two ", "one two ", "again ", "again ", ""]
    (line,) = place.lines
    assert line.open
    (message,) = line.sent
    assert (message["action"], message["question"], "conversation" in message) == ("chat", "Why?", False)
    assert [json.loads(item["caller"]["S"])["groups"] for item in place.table.all() if "caller" in item] == [["staff"]]


@pytest.mark.parametrize(
    ("code", "kind"), [("InvalidRequest", InvalidRequest), ("Throttled", Throttled), ("QuotaExceeded", Throttled)]
)
def test_a_refusal_is_an_error_of_the_question(code: str, kind: type[StepguardError]) -> None:
    """With its words; the connection stays for the next question."""
    refused = frame("error", turn=None, error={"code": code, "message": "Not that."})
    place = Place(lambda _: [refused])
    with pytest.raises(kind, match="Not that"):
        place.ask()
    assert place.lines[0].open
    with pytest.raises(InvalidRequest, match="empty"):
        place.ask(" ")


def test_a_last_frame_that_never_comes_is_not_waited_for() -> None:
    """Delivery is best effort: after a silence the execution is looked at, and the connection stays."""
    place = Place(lambda message: [started(message, place.arn())])
    assert place.ask().answer.text
    assert place.lines[0].open


def test_a_stream_that_breaks_leaves_the_answer() -> None:
    """The execution is looked at, as without a stream; the next question makes a new connection."""
    place = Place(
        lambda message: [started(message, place.arn()), ConnectionError()],
        lambda message: [started(message, place.arn()), FINAL],
    )
    assert place.ask().answer.text
    assert not place.lines[0].open
    assert place.ask().answer.text
    assert len(place.lines) == 2


def test_a_question_that_was_sent_is_not_asked_twice() -> None:
    """The same token over a new connection: the execution is the same, also if it has ended meanwhile."""
    place = Place(lambda _: [ConnectionError()], lambda _: [FINAL | {"execution": place.arn()}])
    assert place.ask().answer.text
    assert len({line.sent[0]["client_token"] for line in place.lines}) == 1
    lost = Place(lambda _: [ConnectionError()], lambda _: [ConnectionError()])
    with pytest.raises(ServiceUnavailable, match="Ask again"):
        lost.ask()


def test_without_a_connection_the_question_is_asked_as_before() -> None:
    """Nothing was sent, so nothing is asked twice; the next questions do not try again."""
    place = Place(OSError("refused"))
    assert place.ask().answer.text
    assert place.ask().answer.text
    assert place.lines == []
    assert len(place.states.inputs) == 2


def test_ctrl_c_ends_the_answer_and_stops_its_execution() -> None:
    """Before it has begun there is nothing to stop."""
    place = Place(lambda message: [started(message, place.arn()), KeyboardInterrupt()], lambda _: [KeyboardInterrupt()])
    with pytest.raises(Interrupted, match="was stopped"):
        place.ask()
    with pytest.raises(Interrupted, match="before the answer began"):
        place.ask()
    assert len(place.states.fake.bodies("stop_execution")) == 1


def test_where_there_is_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table, no address, or switched off; on AWS the address is the stack's."""
    monkeypatch.delenv("STREAM_ENDPOINT", raising=False)
    assert open_stream("http://h:1", "", CALLER, (), aws=False) is None
    assert open_stream(None, "t", CALLER, (), aws=True) is None
    monkeypatch.setenv("STREAM_ENDPOINT", "https://abc.example.com/live")
    stream = open_stream(None, "t", CALLER, (), aws=True)
    assert stream is not None
    assert stream.url == "wss://abc.example.com/live"
    local = open_stream("http://127.0.0.1:4566", "t", CALLER, (), aws=False)
    assert local is not None
    assert local.url == "ws://127.0.0.1:4566/live"
    monkeypatch.setattr("stepguard.session.stream.settings", lambda: replace(DEFAULTS, streaming=Mode.OFF))
    assert open_stream("http://127.0.0.1:4566", "t", CALLER, (), aws=False) is None


def test_pieces_replace_each_other_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """What was shown is cleared before the answer; only as many lines as the terminal has."""
    shown = Provisional()
    shown.show("")
    shown.show("one two")
    shown.show("one two three\n\nfour")
    shown.show("\n".join("x" * 30 for _ in range(200)))
    shown.show("")
    text = capsys.readouterr().err
    assert text.startswith("\r\x1b[J\x1b[2mone two\x1b[0m\n\r\x1b[1A\x1b[J")
    assert "\r\x1b[3A\x1b[J" in text
    lines = text.count("x" * 30)
    assert lines < 60
    assert text.endswith(f"\r\x1b[{lines}A\x1b[J")
