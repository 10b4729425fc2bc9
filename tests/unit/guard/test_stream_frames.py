"""The frames of a streamed answer."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.request import Request, from_document
from stepguard.guard.stages import ALL
from stepguard.guard.stream.frames import FRAME_BYTES, STARTED, attempt_of, delta_frame, last_frame, status_frame
from stepguard.guard.stream.listeners import Mode, listener_of, read_mode, without_listener
from stepguard.trace.replay import replayed


def read(frame: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(frame)
    return document


def test_frames_sort_by_attempt_and_seq() -> None:
    """In whatever order they arrive: the start, the stages, the pieces of one, the next stage, the end."""
    stages = [stage.state for stage in ALL]
    sent = [status_frame("t", STARTED), *(status_frame("t", name) for name in stages)]
    place = 1 + stages.index("InvokeModel") + 1
    sent[place:place] = [delta_frame("t", 1, number, "x", "InvokeModel") for number in range(1, 999)]
    sent.append(last_frame("t", {"execution": "e"}, answered=True))
    frames = [read(frame) for frame in sent]
    shuffled = random.Random(1).sample(frames, len(frames))
    assert sorted(shuffled, key=lambda frame: (frame["attempt"], frame["seq"])) == frames
    assert {frame["turn"] for frame in frames} == {"t"}


def test_a_redrive_comes_after_all_attempts_before() -> None:
    """Also after the error that ended the first run."""
    failed = read(last_frame("t", {}, answered=False))
    again = read(status_frame("t", "InvokeModel", attempt_of({"redrives": 1, "retries": 0})))
    assert failed["type"] == "error"
    assert attempt_of({}) == 1
    assert attempt_of({"retries": 60}) < failed["attempt"] < again["attempt"]
    assert again["attempt"] < read(last_frame("t", {}, answered=True, redrives=1))["attempt"]


def test_the_last_frame_has_the_body() -> None:
    """That of GET /chat/{execution}, beside the frame's own members."""
    body = {"execution": "arn:x", "status": "SUCCEEDED", "answer": {"text": "Ünï"}}
    assert read(last_frame("t", body, answered=True)) == {"turn": "t", "attempt": 100, "seq": 0, "type": "final"} | body


@given(st.text(max_size=40).map(lambda text: text * 1000))
def test_no_frame_is_too_large(text: str) -> None:
    """A body that does not fit is left out, and the frame says where to read it."""
    body = {"execution": "arn:x", "conversation": "c", "status": "SUCCEEDED", "answer": {"text": text}}
    frame = last_frame("t", body, answered=True)
    assert len(frame) <= FRAME_BYTES
    held = read(frame)
    assert held.get("truncated") or held["answer"]["text"] == text.encode(errors="replace").decode()
    assert (held["execution"], held["conversation"]) == ("arn:x", "c")


def test_the_mode_is_one_of_three() -> None:
    """`final` by default."""
    assert [read_mode(text) for text in ("", " FINAL ", "off", "pieces")] == [
        Mode.FINAL, Mode.FINAL, Mode.OFF, Mode.PIECES,
    ]  # fmt: skip
    with pytest.raises(ConfigurationError, match="LLM_STREAMING_ENABLED is 'on'"):
        read_mode("on")


def test_the_listener_is_in_the_request_and_leaves_with_it() -> None:
    """A replay has no listener, and the same question over another connection is the same input."""
    document = {"request": Request("Why?", "me", listener="c1").to_document()}
    assert listener_of(document) == listener_of({"document": document}) == "c1"
    assert from_document(document["request"]).listener == "c1"
    other = {"request": Request("Why?", "me", listener="c2").to_document()}
    plain = {"request": Request("Why?", "me").to_document()}
    assert without_listener(document) == without_listener(other) == plain
    assert replayed(document, "op") == replayed(plain, "op")


@pytest.mark.parametrize("listener", [None, {}, {"connection": 7}, {"connection": ""}, "c1", []])
def test_anything_else_is_no_listener(listener: object) -> None:
    """A malformed one is nobody."""
    assert listener_of({"request": {"listener": listener}}) is None
