"""Runs the EXPRESS variant of the chat state machine and waits for its end: StartSyncExecution.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html: 200 also when the execution
failed; no execution to look up afterwards; the same name may run twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.executions import Execution


class ExpressExecutions:
    """Executions of EXPRESS_STATE_MACHINE_ARN; without it the deployment has no EXPRESS variant."""

    def __init__(self, state_machine_arn: str | None = None, states: Any = None) -> None:
        self._arn = state_machine_arn
        self._client = states

    @property
    def deployed(self) -> bool:
        """Whether there is an EXPRESS state machine."""
        return bool(self._state_machine)

    @property
    def _state_machine(self) -> str:
        return self._arn or os.environ.get("EXPRESS_STATE_MACHINE_ARN", "")

    def name_of(self, arn: str) -> str | None:
        """The name in the ARN of an execution of this state machine: `...:express:MACHINE:NAME:ID`."""
        if not self.deployed:
            return None
        prefix = self._state_machine.replace(":stateMachine:", ":express:") + ":"
        return arn.removeprefix(prefix).rpartition(":")[0] or None if arn.startswith(prefix) else None

    def run(self, name: str, document: Mapping[str, Any]) -> Execution:
        """The ended execution. Raises StepguardError, ServiceUnavailable if it takes longer than the client's
        timeout."""
        with aws_errors("StartSyncExecution"):
            response = (self._client or client("stepfunctions")).start_sync_execution(
                stateMachineArn=self._state_machine, name=name, input=json.dumps(document, ensure_ascii=False)
            )
        output = response.get("output")
        return Execution(
            arn=response["executionArn"],
            name=name,
            status=response["status"],
            started=response["startDate"],
            stopped=response.get("stopDate"),
            input=document,
            output=None if output is None else json.loads(output),
            error=response.get("error"),
            cause=response.get("cause"),
        )
