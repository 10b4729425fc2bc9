"""Executions of a state machine: starts, describes and lists them, reads their histories."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import ConfigurationError, Conflict, InvalidRequest, UnknownExecution
from stepguard.guard.stream.listeners import without_listener

DESCRIBED_AT_ONCE = 8
"""Below the pool of connections of a boto3 client (10) and far below DescribeExecution's quota."""


if TYPE_CHECKING:
    from stepguard.guard.cursors import Position

PAGE = 100
"""Executions in one page of ListExecutions."""


CONVERSATION_MACHINE = "CONVERSATION_STATE_MACHINE_ARN"
"""A version or an alias of the same state machine that runs the questions of conversations."""


LOADS_TURNS = '"LoadConversation"'
"""The state of a definition that loads the turns of a conversation, as its JSON names it."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The response of DescribeExecution. `input` and `output` are the parsed documents; `error` an ASL error name."""

    arn: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None
    input: Mapping[str, Any]
    output: Mapping[str, Any] | None
    error: str | None
    cause: str | None

    @property
    def finished(self) -> bool:
        """Whether the execution has ended, successfully or not."""
        return self.status not in ("RUNNING", "PENDING_REDRIVE")

    @property
    def answered(self) -> bool:
        """Whether the execution has succeeded, with an answer."""
        return self.status == "SUCCEEDED" and self.output is not None and "answer" in self.output


@dataclass(frozen=True, slots=True)
class Listed:
    """An execution as ListExecutions returns it; `stopped` changes if a redriven execution ends again."""

    arn: str
    stopped: datetime | None


class Executions:
    """The executions of one STANDARD state machine."""

    def __init__(
        self, state_machine_arn: str | None = None, states: Any = None, conversations: str | None = None
    ) -> None:
        self._arn = state_machine_arn
        self._client = states
        self._conversations = conversations

    @property
    def state_machine_arn(self) -> str:
        """From the constructor, or STATE_MACHINE_ARN: a state machine or its alias. Raises ConfigurationError."""
        arn = self._arn or os.environ.get("STATE_MACHINE_ARN", "")
        if not arn:
            raise ConfigurationError("STATE_MACHINE_ARN is not set: it names the chat state machine.")
        return arn

    @property
    def conversation_arn(self) -> str:
        """The version or alias that runs the questions of conversations; the state machine itself if none is set."""
        return self._conversations or os.environ.get(CONVERSATION_MACHINE) or self.state_machine_arn

    def loads_turns(self) -> bool:
        """Whether the questions of conversations run a definition that loads their turns. Raises StepguardError."""
        machine = self.conversation_arn
        with aws_errors("DescribeStateMachine", self._about):
            try:
                if machine != self.machine_arn and not machine.rpartition(":")[2].isdigit():
                    routes = self._states.describe_state_machine_alias(stateMachineAliasArn=machine)
                    machine = routes["routingConfiguration"][0]["stateMachineVersionArn"]
                definition = self._states.describe_state_machine(stateMachineArn=machine)["definition"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("ResourceNotFound", "StateMachineDoesNotExist"):
                    raise
                return False
        return LOADS_TURNS in definition

    @property
    def machine_arn(self) -> str:
        """The state machine's own ARN, without the alias or version that executions are started with.

        Executions are listed and named by it: an alias lists only its own, and no execution's ARN has an alias.
        """
        return ":".join(self.state_machine_arn.split(":")[:7])

    @property
    def _about(self) -> str:
        """The state machine for errors, and what names it."""
        return f"It concerns {self.state_machine_arn}, from STATE_MACHINE_ARN or --state-machine."

    @property
    def _states(self) -> Any:
        return self._client or client("stepfunctions")

    def machine_status(self) -> str:
        """ACTIVE, when the state machine can be reached. Raises StepguardError."""
        with aws_errors("DescribeStateMachine", self._about):
            return str(self._states.describe_state_machine(stateMachineArn=self.state_machine_arn)["status"])

    def machine_definition(self) -> Mapping[str, Any]:
        """The state machine's current definition. Raises StepguardError."""
        with aws_errors("DescribeStateMachine", self._about):
            response = self._states.describe_state_machine(stateMachineArn=self.state_machine_arn)
        definition = json.loads(response["definition"])
        return definition if isinstance(definition, dict) else {}

    def machine_role(self) -> str:
        """The ARN of the state machine's role. Raises StepguardError."""
        with aws_errors("DescribeStateMachine", self._about):
            return str(self._states.describe_state_machine(stateMachineArn=self.state_machine_arn)["roleArn"])

    def start(self, name: str, document: Mapping[str, Any]) -> str:
        """Start an execution and return its ARN. The same name with the same document is the same execution.

        Raises Conflict if the name was used for another document, and StepguardError.
        """
        started = self.start_or_find(name, document)
        return started if isinstance(started, str) else started.arn

    def start_or_find(self, name: str, document: Mapping[str, Any]) -> str | Execution:
        """The ARN of the execution that this call started, or the execution that an earlier call started and ended.

        Raises Conflict if the name was used for another document, and StepguardError.
        """
        in_conversation = (document.get("request") or {}).get("conversation") is not None
        machine = self.conversation_arn if in_conversation else self.state_machine_arn
        with aws_errors("StartExecution", self._about):
            try:
                response = self._states.start_execution(
                    stateMachineArn=machine, name=name, input=json.dumps(document, ensure_ascii=False)
                )
                return str(response["executionArn"])
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
        existing = self.describe(self.arn_of(name))
        if without_listener(existing.input) != without_listener(document):
            raise Conflict("This client_token was used for another request.")
        return existing

    def arn_of(self, execution: str) -> str:
        """The ARN of an execution named by itself or by its ARN.

        Raises UnknownExecution for an ARN of another state machine, so that foreign executions stay unreadable.
        """
        prefix = self.machine_arn.replace(":stateMachine:", ":execution:")
        # The children of its Distributed Maps have separate ARNs: ...:execution:MACHINE/LABEL:NAME.
        if execution.startswith((f"{prefix}:", f"{prefix}/")):
            return execution
        if ":" in execution or not 0 < len(execution) <= 80:
            raise UnknownExecution("No execution of this name belongs to the chat state machine.")
        return f"{prefix}:{execution}"

    def describe(self, arn: str) -> Execution:
        """The execution's current state. Raises UnknownExecution, StepguardError."""
        with aws_errors("DescribeExecution"):
            try:
                response = self._states.describe_execution(executionArn=arn)
            except ClientError as error:
                if error.response["Error"]["Code"] not in (
                    "ExecutionDoesNotExist",
                    "InvalidArn",
                    "ValidationException",
                ):
                    raise
                raise UnknownExecution("No execution of this name belongs to the chat state machine.") from None
        output = response.get("output")
        return Execution(
            arn=response["executionArn"],
            name=response["name"],
            status=response["status"],
            started=response["startDate"],
            stopped=response.get("stopDate"),
            input=_document(response.get("input") or "{}"),
            output=None if output is None else _document(output),
            error=response.get("error"),
            cause=response.get("cause"),
        )

    def running_state(self, arn: str) -> str | None:
        """The Task that the execution entered last; None if it has entered none. Raises StepguardError."""
        with aws_errors("GetExecutionHistory"):
            page = self._states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=20)
        entered = (item["stateEnteredEventDetails"] for item in page["events"] if item["type"] == "TaskStateEntered")
        return next((str(details["name"]) for details in entered), None)

    def stop(self, arn: str, cause: str = "Stopped by the user.") -> None:
        """End an execution, which then has the status ABORTED. Raises UnknownExecution, StepguardError."""
        with aws_errors("StopExecution"):
            try:
                self._states.stop_execution(executionArn=arn, cause=cause)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                    raise
                raise UnknownExecution("No execution of this name belongs to the chat state machine.") from None

    def redrive(self, arn: str) -> None:
        """Continue an execution from the state that failed.

        Raises Conflict with AWS's reason if it cannot be continued, UnknownExecution, StepguardError.
        """
        with aws_errors("RedriveExecution"):
            try:
                self._states.redrive_execution(executionArn=arn)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "ExecutionNotRedrivable":
                    reason = error.response["Error"].get("Message", "").rstrip(".")
                    raise Conflict(f"AWS does not redrive this execution: {reason}.") from None
                if code != "ExecutionDoesNotExist":
                    raise
                raise UnknownExecution("No execution of this name belongs to the chat state machine.") from None

    def listed(
        self, after: Position | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[tuple[Listed | None, Position]]:
        """The executions after a position, the newest first, none that started before `since`.

        None instead of one that started after `until`: the list cannot begin there. Raises InvalidRequest for a
        position that has expired (after 24 hours), StepguardError.
        """
        from stepguard.guard.cursors import Position  # a chat's cold start does not need it

        token, last = (None, None) if after is None else (after.token, after)
        while True:
            page = self._page(token)
            for entry in page["executions"]:
                arn, started = str(entry["executionArn"]), entry["startDate"]
                if last is not None and started >= datetime.fromisoformat(last.started):
                    # Newer executions move the first page: what the page before had is left out by its name and time.
                    last = None if arn == last.arn else last
                    continue
                last = None
                if since is not None and started < since:
                    return
                position = Position(arn, started.isoformat(), token)
                later = until is not None and started > until
                yield None if later else Listed(arn, entry.get("stopDate")), position
            token = page.get("nextToken")
            if token is None:
                return

    def _page(self, token: str | None) -> Mapping[str, Any]:
        place = {} if token is None else {"nextToken": token}
        with aws_errors("ListExecutions"):
            try:
                page: Mapping[str, Any] = self._states.list_executions(
                    stateMachineArn=self.machine_arn, maxResults=PAGE, **place
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "InvalidToken":
                    raise
                raise InvalidRequest("The cursor has expired; start without a cursor.") from None
        return page

    def describe_all(self, arns: Sequence[str]) -> list[Execution | None]:
        """Several executions at once, in their order; None for an execution that no longer exists. Raises
        StepguardError."""
        with ThreadPoolExecutor(DESCRIBED_AT_ONCE) as pool:
            return list(pool.map(self._described, arns))

    def _described(self, arn: str) -> Execution | None:
        try:
            return self.describe(arn)
        except UnknownExecution:
            return None

    def definition(self, arn: str) -> Mapping[str, Any]:
        """The definition that an execution runs, which may be older than the current one. Raises StepguardError."""
        with aws_errors("DescribeStateMachineForExecution"):
            try:
                response = self._states.describe_state_machine_for_execution(executionArn=arn)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("ExecutionDoesNotExist", "InvalidArn"):
                    raise
                raise UnknownExecution("No execution of this name belongs to the chat state machine.") from None
        definition = json.loads(response["definition"])
        return definition if isinstance(definition, dict) else {}

    def history(self, arn: str) -> Iterator[Mapping[str, Any]]:
        """All events of an execution in order, page by page. Raises UnknownExecution, StepguardError."""
        paginator = self._states.get_paginator("get_execution_history")
        with aws_errors("GetExecutionHistory"):
            try:
                for page in paginator.paginate(executionArn=arn, PaginationConfig={"PageSize": 1000}):
                    yield from page["events"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("ExecutionDoesNotExist", "InvalidArn"):
                    raise
                raise UnknownExecution("No execution of this name belongs to the chat state machine.") from None


def _document(text: str) -> Mapping[str, Any]:
    """An input or output; one that is no object, which another starter may give, has no members."""
    value = json.loads(text)
    return value if isinstance(value, dict) else {}
