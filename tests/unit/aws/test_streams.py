"""ConverseStream as an answer, and guarded pieces of it for a listener."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import EventStreamError, ReadTimeoutError

from functions.invoke_model import invoke_model
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Models
from stepguard.aws.stream.answer import pieces_for
from stepguard.aws.stream.connections import Delivery
from stepguard.aws.stream.progress import Progress
from stepguard.guard.errors import ServiceUnavailable, StepguardError, Throttled, UnreadableVerdict
from stepguard.guard.request import Request
from stepguard.guard.settings import ModelSettings
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import Verdict
from tests.fakes.bedrock import REF, golden
from tests.fakes.models import GROUNDED, QUESTION
from tests.fakes.waiting import until

TEXT = "Diabetes has several causes."


class Runtime:
    """A client whose stream a test gives; its other methods answer as recorded."""

    def __init__(self, *events: Mapping[str, Any], error: Exception | None = None) -> None:
        self.events, self.error = events, error
        self.requests: list[dict[str, Any]] = []

    def converse_stream(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {"stream": self._stream()}

    def converse(self, **request: Any) -> Any:
        return golden("converse/answered")

    def invoke_model(self, **request: Any) -> Any:
        raise AssertionError

    invoke_model_with_response_stream = invoke_model

    def _stream(self) -> Iterator[Mapping[str, Any]]:
        yield from self.events
        if self.error is not None:
            raise self.error


def deltas(text: str, size: int = 5) -> list[dict[str, Any]]:
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    return [{"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": part}}} for part in parts]


def ended(name: str = "converse/answered", **more: Any) -> list[dict[str, Any]]:
    """The last events, with the proof of a recorded Converse response."""
    response = golden(name)
    metadata = {"usage": response["usage"], "metrics": {"latencyMs": 1}, "trace": response["trace"]} | more
    return [{"messageStop": {"stopReason": response["stopReason"]}}, {"metadata": metadata}]


def ask(runtime: Runtime, heard: list[str]) -> Any:
    return Models(runtime).ask(QUESTION, ModelSettings(), REF, hear=heard.append)


def test_a_stream_is_the_answer_that_converse_gives() -> None:
    """Text, stop reason, tokens and verdict; the guardrail judges before Bedrock sends (sync)."""
    heard: list[str] = []
    reasoning = {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "secret"}}}}
    runtime = Runtime({"messageStart": {"role": "assistant"}}, reasoning, *deltas(TEXT), *ended())
    completion = ask(runtime, heard)
    assert "".join(heard) == completion.verdict.text == TEXT
    assert completion == Models(Runtime()).ask(QUESTION, ModelSettings(), REF)
    assert runtime.requests[0]["guardrailConfig"]["streamProcessingMode"] == "sync"


@pytest.mark.parametrize("kept", [0, 1])
def test_a_stream_without_its_end_is_no_answer(kept: int) -> None:
    """It broke off before messageStop, or before metadata: retried."""
    with pytest.raises(ServiceUnavailable, match="broke off"):
        ask(Runtime(*deltas(TEXT), *ended()[:kept]), [])


def test_a_stream_without_a_verdict_is_no_answer() -> None:
    """The guardrail was asked for, and nothing says that it ran."""
    with pytest.raises(UnreadableVerdict):
        ask(Runtime(*deltas(TEXT), *ended(trace={})), [])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EventStreamError({"Error": {"Code": "throttlingException", "Message": "slow"}}, "ConverseStream"), Throttled),
        (
            EventStreamError({"Error": {"Code": "internalServerException", "Message": "x"}}, "ConverseStream"),
            ServiceUnavailable,
        ),
        (
            EventStreamError({"Error": {"Code": "modelStreamErrorException", "Message": "x"}}, "ConverseStream"),
            ServiceUnavailable,
        ),
        (ReadTimeoutError(endpoint_url="x"), ServiceUnavailable),
    ],
)
def test_an_exception_inside_a_stream_is_retried(error: Exception, kind: type[StepguardError]) -> None:
    """As the same exception before the stream is."""
    with pytest.raises(kind):
        ask(Runtime(*deltas(TEXT), error=error), [])


def test_with_passages_nothing_is_streamed() -> None:
    """Grounding is judged on the whole answer."""
    heard: list[str] = []
    runtime = Runtime()
    Models(runtime).ask(GROUNDED, ModelSettings(), REF, hear=heard.append)
    assert heard == []
    assert runtime.requests == []


# --- pieces ----------------------------------------------------------------------------------------------------------

LONG = "The pancreas makes insulin for the body. " * 40
EVENT = {"execution": "arn:aws:states:us-east-1:123456789012:execution:chat:turn-1", "retries": 2}


class Guard(Guardrails):
    """Passes, masks or fails."""

    def __init__(self, outcome: Outcome | Exception = Outcome.PASSED) -> None:
        self.outcome = outcome
        self.texts: list[str] = []

    def check(self, ref: Any, text: str, layer: Layer, direction: Direction, *, source: bool = False) -> Verdict:
        assert (layer, direction) == (Layer.POSTPROCESS, Direction.OUTPUT)
        self.texts.append(text)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Verdict(self.outcome, text)


class Line:
    """A client's connection."""

    def __init__(self, delivery: Delivery = Delivery.SENT) -> None:
        self.delivery = delivery
        self.frames: list[dict[str, Any]] = []
        self.free = threading.Event()
        self.free.set()

    def send(self, connection: str, frame: bytes) -> Delivery:
        self.free.wait(10)
        self.frames.append(json.loads(frame))
        return self.delivery


def hear(guard: Guard, line: Line, text: str = LONG) -> None:
    pieces = pieces_for(EVENT, "c1=", REF, guard, line.send, lambda: 0.0)
    assert pieces is not None
    for character in text:
        pieces(character)


def test_pieces_are_frames_in_order() -> None:
    """With the turn, the attempt of the state, and a seq that counts."""
    guard, line = Guard(), Line()
    hear(guard, line)
    until(lambda: len(line.frames) == len(guard.texts))
    assert LONG.startswith("".join(frame["text"] for frame in line.frames))
    assert {(frame["turn"], frame["attempt"], frame["type"]) for frame in line.frames} == {("turn-1", 3, "delta")}
    seqs = [frame["seq"] for frame in line.frames]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


@pytest.mark.parametrize("outcome", [Outcome.MASKED, Outcome.BLOCKED, Throttled("slow"), ServiceUnavailable("down")])
def test_what_is_not_passed_is_not_sent(outcome: Outcome | Exception) -> None:
    """Nor does it fail the stage: GuardAnswer judges the whole answer."""
    guard, line = Guard(outcome), Line()
    hear(guard, line)
    assert len(guard.texts) == 1
    assert line.frames == []


def test_without_a_guardrail_of_the_answer_there_are_no_pieces() -> None:
    """Nothing would have judged them."""
    assert pieces_for(EVENT, "c1=", None, Guard()) is None


@pytest.mark.parametrize("delivery", [Delivery.GONE, Delivery.LOST])
def test_a_client_that_has_left_costs_no_more_guard_calls(delivery: Delivery) -> None:
    """The first frame that does not arrive is the last."""
    guard, line = Guard(), Line(delivery)
    pieces = pieces_for(EVENT, "c1=", REF, guard, line.send, lambda: 0.0)
    assert pieces is not None
    pieces(LONG)
    until(lambda: len(line.frames) == 1)
    until(lambda: not any(thread.name == "pieces" for thread in threading.enumerate()))
    for _ in range(5):
        pieces(LONG)
    assert (len(line.frames), len(guard.texts)) == (1, 1)


def test_a_client_that_hangs_does_not_hold_up_the_answer() -> None:
    """Frames wait in a queue beside the stage."""
    guard, line = Guard(), Line()
    line.free.clear()
    hear(guard, line)
    assert len(guard.texts) > 1
    line.free.set()


@pytest.mark.parametrize(("mode", "streams"), [("pieces", True), ("final", False), ("off", False)])
def test_only_pieces_for_a_listener_are_streamed(monkeypatch: pytest.MonkeyPatch, mode: str, streams: bool) -> None:
    """The stage's result is the same in every mode."""
    from stepguard.guard.settings import read_settings

    monkeypatch.delenv("STREAM_ENDPOINT", raising=False)
    settings = read_settings(
        {
            "BEDROCK_GUARDRAIL_IDENTIFIER": REF.id,
            "BEDROCK_GUARDRAIL_VERSION": "1",
            "POSTPROCESS_GUARDRAIL_IDENTIFIER": REF.id,
            "POSTPROCESS_GUARDRAIL_VERSION": "1",
            "LLM_STREAMING_ENABLED": mode,
        }
    )
    request = Request("What causes diabetes?", "me", listener="c1=").to_document()
    document = {"request": request, "input_guard": {"text": request["text"], "outcome": "passed"}}
    runtime = Runtime(*deltas(TEXT), *ended())
    result = invoke_model({**EVENT, "document": document}, settings, Models(runtime), Guard())
    assert bool(runtime.requests) is streams
    assert result["text"] == TEXT


def test_progress_waits_for_nothing() -> None:
    """While one frame hangs the next is left out; a client that has left gets none any more."""
    line = Line(Delivery.GONE)
    line.free.clear()
    progress = Progress(line.send)
    assert progress.announce("c1=", b"{}")
    assert not progress.announce("c2=", b"{}")
    line.free.set()
    until(lambda: progress.announce("c2=", b"{}"))
    until(lambda: len(line.frames) == 2)
    assert not progress.announce("c1=", b"{}")
