"""app.py on services in memory, called with the proxy events of API Gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

import app
from functions.chat_api import ChatApi
from functions.conversations_api import ConversationsApi
from functions.evaluations_api import EvaluationsApi
from functions.executions_api import ExecutionsApi
from functions.feedback_api import FeedbackApi
from functions.operators.actions import ActionsApi
from functions.operators.exports import ExportsApi
from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.evaluations import Evaluations
from stepguard.aws.executions import Executions
from stepguard.aws.objects import Objects
from stepguard.guard.callers import Caller
from stepguard.guard.errors import Throttled
from stepguard.guard.settings import read_settings
from tests.fakes.aws import FakeClient, Request
from tests.fakes.s3 import S3
from tests.fakes.states import BEGIN, MACHINE
from tests.fakes.tables import FakeTable

ANN = "arn:aws:iam::123456789012:user/ann"
RUN_OF_ANN = {"id": "r", "caller": ANN, "corpus": {"bucket": "bucket", "key": "c"}, "work": {"bucket": "b", "key": "w"}}
FOUND = {"request": {"kind": "prompt", "text": "Why?", "caller": ANN}, "run": RUN_OF_ANN}
"""The input of every execution that the services have: Ann started it, as a question and as an evaluation."""


@dataclass
class Application:
    """The application; `done` is what its routes did, in order: `count` and the names of calls that start work.

    `talks` is the table of conversations.
    """

    monkeypatch: pytest.MonkeyPatch
    exhausted: bool = False
    operators: frozenset[str] = frozenset()
    done: list[str] = field(default_factory=list)
    talks: FakeTable = field(default_factory=FakeTable)

    def __post_init__(self) -> None:
        self._found = "SUCCEEDED"
        states = FakeClient(
            "stepfunctions",
            start_execution=lambda request: self._start("StartExecution", request),
            start_sync_execution=lambda request: self._start("StartSyncExecution", request),
            redrive_execution=self._redrive,
            stop_execution=self._stop,
            describe_execution=self._describe,
            list_executions=lambda _: {"executions": []},
            list_map_runs=lambda _: {"mapRuns": []},
            get_execution_history=lambda _: {"events": []},
            describe_state_machine_for_execution=lambda _: {
                "stateMachineArn": MACHINE, "name": "chat", "definition": "{}", "roleArn": "r", "updateDate": BEGIN,
            },
        ).client  # fmt: skip
        executions = Executions(MACHINE, states)
        evaluations = Evaluations(MACHINE, "bucket", states, Objects(S3()))
        settings = read_settings({})
        chat = ChatApi(executions, lambda: settings, operators=lambda: self.operators)
        table = FakeTable()
        table.before = lambda: self.done.append("Feedback")
        vars(chat)["feedback"] = FeedbackApi(table.table, lambda: settings, chat._own)
        vars(chat)["conversations"] = ConversationsApi(self.talks.table, lambda: settings)
        api = ExecutionsApi(executions, lambda: self.operators)
        parts = {
            "chat": chat,
            "executions": lambda: api,
            "actions": lambda: ActionsApi(api),
            "exports": lambda: ExportsApi(api, self.talks.table),
            "evaluations": lambda: EvaluationsApi(evaluations, lambda: self.operators),
            "operators": lambda: self.operators,
            "quota": _Counted(self),
        }
        for name, part in parts.items():
            self.monkeypatch.setattr(app, name, part)

    def _redrive(self, request: Request) -> Mapping[str, Any]:
        self.done.append("RedriveExecution")
        return {"redriveDate": BEGIN}

    def _stop(self, request: Request) -> Mapping[str, Any]:
        self.done.append("StopExecution")
        return {"stopDate": BEGIN}

    def _describe(self, request: Request) -> Mapping[str, Any]:
        """An execution in the status that lets the route work."""
        status = self._found
        ended = {} if status == "RUNNING" else {"stopDate": BEGIN}
        output = {"output": json.dumps(FOUND)} if status == "SUCCEEDED" else {}
        return {
            "executionArn": request["executionArn"], "stateMachineArn": MACHINE, "name": "x", "status": status,
            "startDate": BEGIN, "input": json.dumps(FOUND), **ended, **output,
        }  # fmt: skip

    def _start(self, call: str, request: Request) -> Mapping[str, Any]:
        self.done.append(call)
        return {"executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:{request['name']}", "startDate": BEGIN}

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        claims: Mapping[str, str] | None = None,
        arn: str = ANN,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Status and document of a request: of a user of a pool with these claims, else of this IAM principal."""
        self._found = {"stop": "RUNNING", "redrive": "FAILED"}.get(path.rpartition("/")[2], "SUCCEEDED")
        parameters = {name: "x" for name in ("execution", "run", "conversation") if f"{{{name}}}" in path}
        parameters |= {"number": "1"} if "{number}" in path else {}
        authorizer = {} if claims is None else {"authorizer": {"claims": dict(claims)}}
        identity = {"userArn": arn} if claims is None else {}
        context = {"httpMethod": method, "resourcePath": path, "identity": identity, **authorizer}
        headers = {"Content-Type": "application/json"}
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": context,
            "body": body if isinstance(body, str) else None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        response = app.app(event, None)
        return response["statusCode"], json.loads(response["body"])


class _Counted(CallerQuota):
    def __init__(self, application: Application) -> None:
        super().__init__()
        self._application = application

    def take(self, caller: str, questions: int = 1, name: str | None = None) -> None:
        self._application.done.append("count")
        if self._application.exhausted:
            raise Throttled("wait")


BODIES: dict[str, object] = {
    "POST /chat": {"question": "Why?"},
    "POST /chat/{execution}/feedback": {"thumb": "up"},
    "PUT /conversations/{conversation}": {"title": "Insulin"},
    "POST /executions/{execution}/replay": None,
    "POST /executions/{execution}/rerun": {"text": "What else?"},
    "POST /executions/{execution}/redrive": None,
    "POST /executions/{execution}/stop": None,
    "POST /executions/{execution}/record": None,
    "POST /evaluations": {"corpus": f"s3://bucket/corpora/{Caller(ANN).owner}/c.jsonl"},
}
"""A valid request of Ann for each route that starts work. A new route needs an entry, or the tests of quotas fail."""

ROUTES = sorted((method, path) for path, methods in app.app.routes.items() for method in methods)
