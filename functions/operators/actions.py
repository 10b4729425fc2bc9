"""The actions on an execution: run it again with another request, redrive it, stop it.

`POST /executions/{execution}/rerun`, `.../redrive`, `.../stop`. They are for operators, also among IAM principals, and
each counts as a question of the operator's quota.
"""

from __future__ import annotations

import re
from uuid import uuid4

from functions.executions_api import ExecutionsApi, name_of
from functions.routes import Reply, Work, check_operator, read_body
from stepguard.aws.executions import Execution
from stepguard.guard.callers import Caller
from stepguard.guard.errors import Conflict, InvalidRequest
from stepguard.trace.replay import EDITED, edited

REDRIVABLE = ("FAILED", "TIMED_OUT", "ABORTED")
"""https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""

STOPPED = "Stopped by an operator."


class ActionsApi:
    """The routes, on the executions of the executions API."""

    def __init__(self, executions: ExecutionsApi) -> None:
        self._api = executions

    def rerun(self, name: str, body: bytes, caller: Caller) -> Work:
        """The request with other texts, as a new execution: 202 with it.

        The new one runs the deployed definition with the deployed guardrails, for the operator and with its groups,
        and is no turn of a conversation. Raises StepguardError.
        """
        execution = self._find(name, caller)
        changes = read_body(body, '{"text": "Why?"}', EDITED)
        if not changes:
            raise InvalidRequest(f"The body has no member; known are {', '.join(sorted(EDITED))}.")
        document = edited(execution.input, changes, caller)

        def start() -> Reply:
            arn = self._api.executions.start(f"rerun-{uuid4().hex}", document)
            body = {"execution": arn, "rerun_of": execution.arn, "guardrails": "deployed"}
            return 202, body, {"Location": f"/executions/{name_of(arn)}"}

        return Work(start)

    def redrive(self, name: str, caller: Caller) -> Work:
        """Continue an execution that failed, timed out or was stopped, from the state that did not succeed: 202.

        AWS's further rules apply: it ended at most 14 days ago, and its history has room. Raises StepguardError.
        """
        execution = self._find(name, caller)
        if execution.status not in REDRIVABLE:
            raise Conflict(
                f"Only an execution that failed, timed out or was stopped can be redriven; this one is "
                f"{_words(execution.status)}."
            )

        def start() -> Reply:
            self._api.executions.redrive(execution.arn)
            location = {"Location": f"/executions/{name_of(execution.arn)}"}
            return 202, {"execution": execution.arn, "status": "RUNNING"}, location

        return Work(start)

    def stop(self, name: str, caller: Caller) -> Work:
        """End an execution that runs: 200. Raises StepguardError."""
        execution = self._find(name, caller)
        if execution.status != "RUNNING":
            raise Conflict(f"Only a running execution can be stopped; this one is {_words(execution.status)}.")

        def start() -> Reply:
            self._api.executions.stop(execution.arn, STOPPED)
            return 200, {"execution": execution.arn, "status": "ABORTED"}, {}

        return Work(start)

    def _find(self, name: str, caller: Caller) -> Execution:
        check_operator(caller, self._api.operators())
        return self._api.find(name, caller)


def _words(status: str) -> str:
    return re.sub("_", " ", status).lower()
