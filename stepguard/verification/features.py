"""Steps that use the optional parts of a stage: conversations, streaming, broken settings at run time."""

from __future__ import annotations

import json
import time
from typing import Any

from stepguard.admin.runtime_settings import SettingsAdmin
from stepguard.deploy.api import Reply
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import GUARD_INPUT
from stepguard.session import chat
from stepguard.verification.changes import QUESTION
from stepguard.verification.place import NotPossible, Place, StepFailed, expect, text_of

WAIT_SECONDS = 300.0
POLL_SECONDS = 5.0
ROLLBACK_SECONDS = 900.0
MOST_QUESTIONS = int(WAIT_SECONDS / POLL_SECONDS)
TURNS = ("What is insulin?", "Is it a hormone?")
NO_SETTING = b'{"UNGUARDED": "yes"}'
BROKEN = b'{"LLM_QA_NO_HITS_REGEX": "("}'
"""Settings that satisfy the JSON schema, and that GuardInput refuses."""


def conversations(place: Place) -> str:
    """A conversation has two turns, is read back, and is gone when it was deleted."""
    api, conversation = place.api, "new"
    for text in TURNS:
        reply = api.post({"question": text, "conversation": conversation, "wait_seconds": 0})
        if reply.status == 400:
            raise NotPossible(f"The stage has no conversations: {text_of(reply.body)}")
        reply = _whole(place, reply)
        conversation = str(reply.body["conversation"])
    path = f"/conversations/{conversation}"
    read = api.get(path)
    expect(read.status == 200, f"{path} is {read.status}: {text_of(read.body)}")
    expect(len(read.body["turns"]) == len(TURNS), f"The conversation has {len(read.body['turns'])} turns.")
    deleted, gone = api.delete(path), api.get(path)
    expect(deleted.status in (200, 204), f"DELETE {path} is {deleted.status}: {text_of(deleted.body)}")
    expect(gone.status == 404, f"The deleted conversation is {gone.status}: {text_of(gone.body)}")
    return f"{len(TURNS)} turns, read back, deleted."


def streaming(place: Place) -> str:
    """A ticket opens a WebSocket, the stages come, and the last frame has the answer that the API returns."""
    try:
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect
    except ModuleNotFoundError:
        raise NotPossible("The package websockets is missing: install stepguard[local].") from None
    ticket = place.api.post(b"{}", path="/stream")
    if ticket.status in (403, 404):
        raise NotPossible(f"The stage has no WebSocket API: deploy with Streaming=yes ({ticket.status}).")
    expect(ticket.status in (200, 201), f"POST /stream is {ticket.status}: {text_of(ticket.body)}")
    frames: list[dict[str, Any]] = []
    try:
        with connect(f"{ticket.body['url']}?ticket={ticket.body['ticket']}", open_timeout=60, proxy=None) as socket:
            socket.send(json.dumps({"action": "chat", "question": QUESTION}))
            while not frames or frames[-1]["type"] not in ("final", "error"):
                frames.append(json.loads(socket.recv(timeout=WAIT_SECONDS)))
    except (OSError, WebSocketException) as error:
        raise StepFailed(f"The WebSocket failed with {type(error).__name__}, after {len(frames)} frames.") from None
    last = frames[-1]
    expect(last["type"] == "final", f"The last frame is {text_of(last)}")
    answer = _whole(place, place.api.get(f"/chat/{last['turn']}")).body["answer"]
    expect(last["answer"] == answer, "The answer of the last frame is not the one that the API returns.")
    stages = [frame["stage"] for frame in frames if frame["type"] == "status"]
    expect(GUARD_INPUT.state in stages, f"The stages that came: {', '.join(stages)}")
    return f"{len(frames)} frames, {len(stages)} of them stages."


def settings_alarm(place: Place) -> str:
    """Settings that pass the schema and that GuardInput refuses are rolled back by the alarm; chats are answered."""
    place.physical("SettingsRefusedAlarm")
    admin = SettingsAdmin(place.stack.outputs()["RuntimeSettingsPlace"], place.aws("appconfig"))
    _refused_by_appconfig(admin)
    number = admin.deploy(admin.store_unchecked(BROKEN)).number
    deadline, answered = time.monotonic() + ROLLBACK_SECONDS, 0
    while (state := next(item.state for item in admin.deployments() if item.number == number)) not in (
        "ROLLED_BACK", "COMPLETE",
    ):  # fmt: skip
        expect(time.monotonic() < deadline, f"The deployment is {state} after {ROLLBACK_SECONDS:g} s.")
        expect(_blocked(place) != "", "A chat had no answer while the settings were broken.")
        answered += 1
        time.sleep(POLL_SECONDS)
    expect(state == "ROLLED_BACK", f"The deployment of broken settings is {state}.")
    return f"Rolled back; {answered} chats meanwhile, all answered."


def _whole(place: Place, reply: Reply) -> Reply:
    """The reply of a chat as soon as it has its answer. Raises StepFailed."""
    deadline = time.monotonic() + WAIT_SECONDS
    while reply.status == 202 and time.monotonic() < deadline:
        time.sleep(1.0)
        reply = place.api.get(f"/chat/{str(reply.body['execution']).rpartition(':')[2]}")
    expect(reply.status == 200, f"A chat is {reply.status}: {text_of(reply.body)}")
    return reply


def _refused_by_appconfig(admin: SettingsAdmin) -> None:
    """Raise StepFailed if AppConfig deploys settings that break the schema."""
    try:
        admin.deploy(admin.store_unchecked(NO_SETTING), at_once=True)
    except InvalidRequest as error:
        expect("BadRequestException" in str(error), f"Broken settings were refused otherwise: {error}")
        return
    raise StepFailed("AppConfig deployed settings that break the schema.")


def _blocked(place: Place) -> str:
    """The answer to a question that the input layer blocks."""
    return chat.ask(place.executions, QUESTION, timeout=WAIT_SECONDS).answer.text
