"""Runs a recorded case again; called by the test modules that `stepguard record` writes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult, VirtualClock
from stepguard.aws.clients import client
from stepguard.project.folder import find_project
from stepguard.session.chat import wait
from stepguard.session.embedded import embedded
from stepguard.trace import read_history
from stepguard.trace.exports.placeholders import Replacements
from stepguard.trace.exports.testcase import differences, expectation

SECONDS = 120.0


class Recorded:
    """One case: `NAME.json`, with `NAME.mocks.json` next to it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._case = json.loads(file.read_text(encoding="utf-8"))

    def with_mocks(self, folder: Path) -> list[str]:
        """The differences between the recording and the current definition, with each task's recorded answer."""
        mocks = self._file.with_suffix(".mocks.json")
        (machine_name,) = json.loads(mocks.read_text(encoding="utf-8"))["StateMachines"]
        names = [entry.name for entry in find_project().lambdas()]
        arns = {name: f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in names}
        states = StepFunctions(
            folder / "states.sqlite3",
            _no_lambda,
            clock=VirtualClock(),
            mock_config=mocks,
        )
        try:
            machine = states.create_state_machine(
                {
                    "name": machine_name,
                    "definition": find_project().chat_definition(arns),
                    "roleArn": "arn:aws:iam::000000000000:role/test",
                }
            )["stateMachineArn"]
            started = states.start_execution(
                {"stateMachineArn": f"{machine}#{self._case['name']}", "input": json.dumps(self._case["input"])}
            )["executionArn"]
            deadline = time.monotonic() + SECONDS
            while states.describe_execution({"executionArn": started})["status"] == "RUNNING":
                if time.monotonic() > deadline:
                    return [f"It did not end within {SECONDS:g} s."]
                time.sleep(0.005)
            events = states.get_execution_history({"executionArn": started, "maxResults": 1000})["events"]
        finally:
            states.close()
        return self._differences(events)

    def in_the_embedded_cloud(self, folder: Path) -> list[str]:
        """The differences between the recording and the embedded AWS with the project's current guardrails and
        model."""
        with environment_with(self._case["settings"]), embedded(folder / "home") as place:
            arn = place.executions.start(f"recorded-{uuid4().hex}", self._case["input"])
            wait(place.executions, arn, SECONDS)
            return self._differences(list(place.executions.history(arn)))

    def _differences(self, events: list[Mapping[str, Any]]) -> list[str]:
        return differences(self._case["expected"], expectation(read_history(events), Replacements()))


def _no_lambda(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
    error = {"errorType": "NotRecorded", "errorMessage": f"The definition calls {function}, which was not recorded."}
    return LambdaResult(json.dumps(error).encode(), function_error="Unhandled")


@contextmanager
def environment_with(settings: Mapping[str, str]) -> Iterator[None]:
    """Apply the recorded model settings; restore the environment afterwards, since a session changes it."""
    before = dict(os.environ)
    os.environ.update(settings)
    client.cache_clear()  # a client keeps the endpoint that it was made for
    try:
        yield
    finally:
        client.cache_clear()
        os.environ.clear()
        os.environ.update(before)
