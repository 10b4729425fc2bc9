"""An execution as something to keep, and the conversation that it is a turn of.

`GET /executions/{execution}/page`, `GET /executions/{execution}/conversation`, `POST /executions/{execution}/record`.
They are for operators, also among IAM principals.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from functions.executions_api import ExecutionsApi, name_of
from functions.routes import DENIED, Query, Reply, Work, check_operator, guarded
from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.executions import Execution
from stepguard.aws.talk.conversations import Conversations
from stepguard.aws.traces import document_of
from stepguard.guard.callers import Caller, owner_of
from stepguard.guard.errors import Conflict, InvalidRequest, OperatorsOnly, UnknownConversation
from stepguard.guard.turns import Turn
from stepguard.trace import read_history
from stepguard.trace.exports.case import Draft, draft, masked_values
from stepguard.trace.exports.page import page
from stepguard.trace.redact import redact

WAIT_SECONDS = 20.0
PAUSE_SECONDS = 0.25


class ExportsApi:
    """The routes, on the executions of the executions API. `clock` and `sleep` are in seconds."""

    def __init__(
        self,
        executions: ExecutionsApi,
        table: AnswerTable | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._api = executions
        self._table = table or AnswerTable()
        self._clock = clock
        self._sleep = sleep
        self._environment = environment

    def page(self, name: str, query: Query, caller: Caller) -> Reply:
        """`{name, page}`: a file name and the text of one HTML file that needs no server and no script.

        `redact=true` leaves out every text of people and models, as for documents that the operator may not read.
        """

        def reply() -> Reply:
            execution = self._find(name, caller)
            document = document_of(self._api.executions, execution.arn)
            if query.get("redact") == "true" or not self._api.may_read_sources(execution, caller):
                document = redact(document)
            return 200, {"name": f"{execution.name}.html", "page": page(document)}, {}

        return guarded(reply, denied=DENIED)

    def conversation(self, name: str, caller: Caller) -> Reply:
        """`{id, title, turns}`: the turns of the conversation that the execution is in, as its caller has them.

        Answers that cite a document that the operator may not read are left out: their turns are `withheld`.
        """

        def reply() -> Reply:
            execution = self._find(name, caller)
            request = execution.input.get("request") or {}
            held = request.get("conversation") if isinstance(request, Mapping) else None
            owner = owner_of(request)
            if not isinstance(held, Mapping) or "id" not in held or owner is None:
                raise UnknownConversation("This execution is no turn of a conversation.")
            if not self._table.deployed:
                raise InvalidRequest("This deployment has no table for conversations.")
            conversations = Conversations(self._table.rows, self._table.now)
            try:
                title, turns = conversations.read(owner, str(held["id"]))
            except UnknownConversation:
                raise UnknownConversation("Its caller has deleted this conversation, or it has expired.") from None
            shown = [_shown(turn, caller) for turn in turns]
            return 200, {"id": str(held["id"]), "title": title, "turns": shown}, {}

        return guarded(reply, denied=DENIED)

    def record(self, name: str, caller: Caller) -> Work:
        """The execution as a regression test: 200 with `{name, files, replaced}`.

        What guardrails masked is replaced. Then the changed request runs once more, because the model may answer it
        differently: 202 with that execution while it runs; the same request again gives the files.
        Raises StepguardError.
        """
        execution = self._find(name, caller)
        if not execution.finished:
            raise Conflict("The execution is still running; record it when it has ended.")
        if not self._api.may_read_sources(execution, caller):
            raise OperatorsOnly("The execution contains texts of documents that you may not read.")
        trace = read_history(self._api.executions.history(execution.arn))
        case = draft(execution.input, trace, masked_values(trace))
        again = _again(execution)
        return Work(lambda: self._record(case, again), again)

    def _record(self, case: Draft, again: str) -> Reply:
        if not case.asked_again:
            return _files(case, case.files(self._environment))
        executions = self._api.executions
        arn = executions.start(again, case.request)
        until = self._clock() + WAIT_SECONDS
        while not executions.describe(arn).finished:
            if self._clock() >= until:
                return 202, {"execution": arn, "status": "RUNNING"}, {"Retry-After": "1"}
            self._sleep(PAUSE_SECONDS)
        return _files(case, case.files(self._environment, read_history(executions.history(arn))))

    def _find(self, name: str, caller: Caller) -> Execution:
        check_operator(caller, self._api.operators())
        return self._api.find(name, caller)


def _files(case: Draft, files: Mapping[str, str]) -> Reply:
    return 200, {"name": case.name, "files": dict(files), "replaced": len(case.replace)}, {}


def _again(execution: Execution) -> str:
    """The name of the execution with replaced personal data: the same for the same history."""
    ended = "" if execution.stopped is None else execution.stopped.isoformat()
    return "record-" + hashlib.sha256(f"{execution.arn} {ended}".encode()).hexdigest()[:32]


def _shown(turn: Turn, caller: Caller) -> dict[str, Any]:
    shown = turn.to_dict() | {"execution": name_of(turn.execution)}
    return shown if turn.readable(caller.groups) else shown | {"answer": None, "withheld": True}
