"""Steps for what is beside the answer: settings at run time, a candidate guardrail, reviews."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from stepguard.admin.runtime_settings import SettingsAdmin
from stepguard.aws.executions import Execution
from stepguard.aws.rows import Rows
from stepguard.aws.runtime.review import ReviewQueue
from stepguard.aws.runtime.shadow import Shadow
from stepguard.evaluation.shadow import Candidate, Change
from stepguard.guard.errors import Conflict
from stepguard.guard.review.item import Label
from stepguard.guard.settings import read_guardrails
from stepguard.guard.stages import GUARD_INPUT, Layer
from stepguard.session import chat
from stepguard.verification.place import NotPossible, Place, StepFailed, expect

PARAMETERS = {
    "Assistant": "yes", "RuntimeSettings": "yes", "Shadow": "yes", "Streaming": "yes", "AfterConcurrency": "0",
    "ReviewRule": '{"policies": ["topic"]}',
}  # fmt: skip
"""What a stage needs for the steps of optional parts; its own parameters override it. Without a reserved concurrency,
which an account with a quota of ten concurrent Lambdas does not permit."""

BLOCKED = "You stupid idiot."
"""The input layer blocks it: an answer without a call of the model."""
TOPIC = "Which medicine should I take against my headache, and how much of it?"
"""A denied topic, which the rule selects; no other step asks one after the questions of the demo."""

CHATS = 3
WAIT_SECONDS = 300.0
PAUSE_SECONDS = 10.0
"""Each look at the settings is a chat."""


def settings(place: Place) -> str:
    """A setting goes live without a deployment, and back in one command; executions name its version."""
    held = place.stack.outputs().get("RuntimeSettingsPlace")
    if held is None:
        raise NotPossible("The stage has no settings at run time: its parameter RuntimeSettings is no.")
    admin = SettingsAdmin(held, place.aws("appconfig"))
    before, in_use = _version(place), admin.in_use()
    values = {} if in_use is None else dict(in_use.values)
    version = admin.store(values | {"EMPTYMESSAGE": f"Verification {uuid4().hex[:8]}."})
    admin.deploy(version.number, at_once=True)
    live = _until(lambda: _version(place) == version.label, "The setting did not go live", PAUSE_SECONDS)
    admin.roll_back()
    back = _until(lambda: _version(place) == before, "The setting did not go back", PAUSE_SECONDS)
    admin.remove(version.number)
    return f"Live after {live:.0f} s, back after {back:.0f} s."


def shadow(place: Place) -> str:
    """A candidate judges answered chats again, and both verdicts are found by the execution."""
    place.physical("AfterStateMachine")
    function = place.aws("lambda").get_function_configuration(FunctionName=place.physical(GUARD_INPUT.state))
    ref = read_guardrails(function["Environment"]["Variables"]).get(Layer.PREPROCESS)
    if ref is None:
        raise NotPossible("The stage has no input layer, whose guardrail could judge again.")
    run = f"shadow-verify-{uuid4().hex[:8]}"
    found = Shadow(_rows(place))
    candidate = Candidate(run, {Layer.PREPROCESS: ref}, 1000, datetime.now(UTC).isoformat(timespec="seconds"))
    expect(found.start(candidate), "Another candidate judges already: stepguard shadow stop.")
    try:
        asked = {_ask(place, BLOCKED).name for _ in range(CHATS)}
        _until(lambda: asked <= {name for name, _ in found.verdicts(run)}, "Not every chat was judged again")
    finally:
        found.stop()
    pairs = [pair for name, judged in found.verdicts(run) if name in asked for pair in judged]
    expect(all(pair.change is Change.SAME for pair in pairs), "A guardrail disagrees with itself.")
    return f"{len(pairs)} chats judged again, each as before."


def review(place: Place) -> str:
    """An answer that the rule selects waits for a person; one verdict is recorded, a second one is refused."""
    if "ReviewStateMachineArn" not in place.stack.outputs():
        raise NotPossible("The stage has no reviews: its parameter ReviewRule is empty.")
    queue = ReviewQueue(_rows(place), place.aws("stepfunctions"))
    asked = _ask(place, TOPIC)
    name, started = asked.name, asked.started.astimezone(UTC)
    queued = _until(lambda: queue.find(name, started) is not None, "The answer was not queued")
    item = queue.find(name, started)
    expect(item is not None and queue.look(item), "The review does not wait for a person.")
    decided = queue.decide(name, started, Label.RIGHT, "stepguard verify-aws", "")
    try:
        queue.decide(name, started, Label.ANSWER, "stepguard verify-aws", "")
    except Conflict:
        return f"Queued after {queued:.0f} s ({', '.join(decided.reasons)}), decided once."
    raise StepFailed("A second decision was taken.")


def _ask(place: Place, question: str) -> Execution:
    found = chat.ask(place.executions, question, timeout=WAIT_SECONDS)
    return place.executions.describe(found.execution)


def _version(place: Place) -> str | None:
    """The version of the settings that a chat uses now."""
    guard: Mapping[str, Any] = (_ask(place, BLOCKED).output or {}).get(GUARD_INPUT.key) or {}
    version = (guard.get("settings") or {}).get("version")
    return None if version is None else str(version)


def _rows(place: Place) -> Rows:
    return Rows(place.aws("dynamodb"), place.stack.outputs()["AnswerTableName"])


def _until(holds: Callable[[], bool], otherwise: str, pause: float = 0.5) -> float:
    """Wait, and return the seconds that it took. Raises StepFailed."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > WAIT_SECONDS:
            raise StepFailed(f"{otherwise} within {WAIT_SECONDS:g} s.")
        time.sleep(pause)
    return time.monotonic() - began
