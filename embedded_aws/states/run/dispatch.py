"""Dispatches Tasks: to a mock, Lambda, this service (startExecution), another AWS service, or a worker.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from embedded_aws.states.interpret.aws_task import call_service
from embedded_aws.states.interpret.effects import Call, Done, Started, StartMapRun, Submission, Submit, TaskTimeoutError
from embedded_aws.states.interpret.lambda_task import call_lambda
from embedded_aws.states.interpret.ports import AwsClients, InvokeLambda, Mocked, TaskMocks
from embedded_aws.states.language.errors import RUNTIME, TASK_FAILED, FaultError, StateError
from embedded_aws.states.language.json_text import Json, dump, load
from embedded_aws.states.run.execution import Execution
from embedded_aws.states.run.mailbox import TaskMailbox

# The latest tokens are kept after their tasks have ended, to distinguish a late response from an invalid token.
_MAX_TOKENS = 100_000


class ServiceOperations(Protocol):
    """The operations of the service that the dispatcher needs."""

    def start_nested(self, arguments: Json) -> dict[str, Json]:
        """Start an execution for states:startExecution; the SDK's response."""
        ...

    def when_nested_ended(self, arn: str, callback: Callable[[dict[str, Json]], None]) -> None:
        """Call `callback` with the child's description once it has ended."""
        ...

    def offer_activity(self, arn: str, token: str, text: str) -> bool:
        """Queue a task for an activity's workers; False if the activity does not exist."""
        ...

    def start_map_run(self, execution: Execution, effect: StartMapRun, mailbox: TaskMailbox) -> str:
        """Start or resume a Map Run and return its ARN; `mailbox` receives a message when it ends."""
        ...


class Dispatcher:
    """Runs the tasks of all executions. Thread-safe."""

    def __init__(
        self,
        invoke: InvokeLambda,
        clients: AwsClients | None,
        mocks: TaskMocks | None,
        operations: ServiceOperations,
    ) -> None:
        self._invoke = invoke
        self._clients = clients
        self._mocks = mocks
        self._operations = operations
        self._tokens: dict[str, TaskMailbox] = {}
        self._lock = threading.Lock()

    def __call__(self, execution: Execution, effect: Call | Submit | StartMapRun) -> Any:
        """Answer the effect; a failure is a StateError or TaskTimeoutError."""
        if isinstance(effect, StartMapRun):
            mailbox = TaskMailbox(execution)
            return Submission(self._operations.start_map_run(execution, effect, mailbox), mailbox)
        call = effect if isinstance(effect, Call) else effect.call
        mocked = None
        if self._mocks is not None:
            mocked = self._mocks(execution.arn, call.state, call.iteration, call.attempt, call.arguments)
        if isinstance(effect, Submit):
            mailbox = TaskMailbox(execution)
            if mocked is not None:
                return _mocked_submission(mocked, mailbox, activity=call.resource.kind == "activity")
            return self._submit(effect, mailbox)
        return self._call(call) if mocked is None else _mocked_result(mocked)

    def mailbox(self, token: str) -> TaskMailbox | None:
        """The mailbox of a task token, if this process issued the token."""
        with self._lock:
            return self._tokens.get(token)

    def _call(self, call: Call) -> Json:
        resource = call.resource
        if resource.kind == "lambda" or (resource.service, resource.action) == ("lambda", "invoke"):
            return call_lambda(self._invoke, call)
        if (resource.service, resource.action) == ("states", "startExecution"):
            return self._operations.start_nested(call.arguments)
        if self._clients is None:
            raise StateError(RUNTIME, f"No AWS client is configured for {resource.arn}.")
        return call_service(self._clients, call)

    def _submit(self, effect: Submit, mailbox: TaskMailbox) -> Submission:
        call = effect.call
        resource = call.resource
        if resource.kind == "activity" or resource.pattern == "waitForTaskToken":
            with self._lock:
                self._tokens[effect.token] = mailbox
                if len(self._tokens) > _MAX_TOKENS:
                    del self._tokens[next(iter(self._tokens))]
        if resource.kind == "activity":
            if not self._operations.offer_activity(resource.arn, effect.token, dump(call.arguments)):
                raise FaultError(f"The activity {resource.arn} does not exist.")
            return Submission(None, mailbox)
        if resource.pattern == "waitForTaskToken":
            return Submission(self._call(call), mailbox)
        if (resource.service, resource.action) != ("states", "startExecution"):
            raise StateError(RUNTIME, f"The embedded Step Functions does not implement {resource.arn}.")
        started = self._operations.start_nested(call.arguments)
        parsed = resource.pattern == "sync:2"
        self._operations.when_nested_ended(
            started["ExecutionArn"], lambda described: _tell_end(mailbox, described, parsed=parsed)
        )
        return Submission(started, mailbox)


def _tell_end(mailbox: TaskMailbox, described: dict[str, Json], *, parsed: bool) -> None:
    """.sync returns the output as text, .sync:2 as JSON; the task fails if the child did not succeed."""
    if parsed:
        described = {key: load(value) if key in ("Input", "Output") else value for key, value in described.items()}
    if described["Status"] == "SUCCEEDED":
        mailbox.put(Done(described))
    else:
        mailbox.put(Done(failure=StateError(TASK_FAILED, dump(described))))


def _mocked_result(mocked: Mocked) -> Json:
    if mocked.silent:
        raise TaskTimeoutError
    if mocked.failed:
        raise StateError(mocked.error, mocked.cause)
    return mocked.result


def _mocked_submission(mocked: Mocked, mailbox: TaskMailbox, *, activity: bool) -> Submission:
    if activity:
        mailbox.put(Started(mocked.worker))
    if mocked.failed:
        mailbox.put(Done(failure=StateError(mocked.error, mocked.cause)))
    elif not mocked.silent:
        mailbox.put(Done(mocked.result))
    return Submission(mocked.submitted, mailbox)
