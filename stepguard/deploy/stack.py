"""One CloudFormation stack: preview what a package would change, change it, remove it.

A change set is what CloudFormation itself says it would do
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html): it is shown
before anything happens, and executed as shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from stepguard.deploy.aws import Aws, AwsError

NAME_CHARACTERS = 38
"""Bedrock's limit of 50 for a guardrail's name, less "-postprocess"."""

WAIT_SECONDS = 1800.0
_NOTHING = ("didn't contain changes", "no updates are to be performed", "no changes")


class StackError(Exception):
    """The stack could not be changed; the message says why, in CloudFormation's words where it has some."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a preview. `replacement` is True, False or Conditional, as CloudFormation says, or ""."""

    action: str
    resource: str
    type: str
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What CloudFormation would do; no changes mean that there is nothing to do."""

    arn: str
    create: bool
    changes: tuple[Change, ...]


class Stack:
    """A stack by its name. `clock` and `sleep` are in seconds."""

    def __init__(
        self,
        name: str,
        aws: Aws,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._aws = aws
        self._clock = clock
        self._sleep = sleep

    def describe(self) -> Mapping[str, Any] | None:
        """The stack as DescribeStacks tells it, or None when there is none. Raises AwsError."""
        try:
            found = self._aws("cloudformation", "describe-stacks", "--stack-name", self.name)["Stacks"]
        except AwsError as error:
            if error.code == "ValidationError" and "does not exist" in error.message:
                return None
            raise
        return next((item for item in found if item["StackStatus"] != "DELETE_COMPLETE"), None)

    def preview(self, template_url: str, parameters: Mapping[str, str], declared: Sequence[str]) -> ChangeSet:
        """Make a change set. A parameter that is not given keeps its value, or takes its default at first.

        `declared` are the template's parameters. Raises StackError, AwsError.
        """
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise StackError(
                f"The template has no parameter {', '.join(unknown)}; docs/operate/packaging.md lists them."
            )
        existing = self.describe()
        if existing is not None and existing["StackStatus"] == "ROLLBACK_COMPLETE":
            raise StackError(f"{self.name} failed when it was first made: remove it (make destroy) and deploy again.")
        create = existing is None or existing["StackStatus"] == "REVIEW_IN_PROGRESS"
        kept = {} if create or existing is None else {item["ParameterKey"] for item in existing.get("Parameters", ())}
        values: list[dict[str, Any]] = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ]
        values += [
            {"ParameterKey": name, "UsePreviousValue": True}
            for name in declared
            if name in kept and name not in parameters
        ]
        made = self._aws(
            "cloudformation",
            "create-change-set",
            *(
                "--stack-name",
                self.name,
                "--change-set-name",
                f"stepguard-{uuid4().hex}",
                "--template-url",
                template_url,
            ),
            *("--change-set-type", "CREATE" if create else "UPDATE"),
            *("--parameters", json.dumps(values), "--tags", json.dumps([{"Key": "stepguard", "Value": self.name}])),
            *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        )
        return self._read(str(made["Id"]), create=create)

    def _read(self, arn: str, *, create: bool) -> ChangeSet:
        deadline = self._clock() + WAIT_SECONDS
        while True:
            found = self._aws("cloudformation", "describe-change-set", "--change-set-name", arn)
            status, reason = found["Status"], str(found.get("StatusReason") or "")
            if status == "CREATE_COMPLETE":
                return ChangeSet(arn, create, tuple(_change(item) for item in found.get("Changes", ())))
            if status == "FAILED":
                self.discard(arn)
                if any(words in reason.lower() for words in _NOTHING):
                    return ChangeSet(arn, create, ())
                raise StackError(f"CloudFormation refuses the change: {reason}")
            if self._clock() > deadline:
                raise StackError(f"The change set of {self.name} was still {status} after {WAIT_SECONDS:g} s.")
            self._sleep(1.0)

    def discard(self, arn: str) -> None:
        """Forget a change set that is not to be executed. Raises AwsError."""
        self._aws("cloudformation", "delete-change-set", "--change-set-name", arn)

    def execute(self, change_set: ChangeSet) -> None:
        """Do what the preview showed, and wait for the end.

        Raises StackError with the reason when CloudFormation rolled back: the version before then still serves.
        """
        self._aws("cloudformation", "execute-change-set", "--change-set-name", change_set.arn)
        status = self._settled()
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise StackError(f"{self.name} is {status}. {self._reasons()}".strip())

    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name. Raises StackError when there is no such stack."""
        found = self.describe()
        if found is None:
            raise StackError(f"There is no stack {self.name}.")
        return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}

    def resources(self) -> list[tuple[str, str, str]]:
        """(logical id, type, physical id) of all that the stack holds. Raises AwsError."""
        found = self._aws("cloudformation", "list-stack-resources", "--stack-name", self.name)
        return [
            (item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
            for item in found["StackResourceSummaries"]
            if item["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def delete(self) -> None:
        """Remove the stack and wait. Raises StackError, e.g. while a bucket is not empty."""
        self._aws("cloudformation", "delete-stack", "--stack-name", self.name)
        status = self._settled()
        if status not in ("", "DELETE_COMPLETE"):
            raise StackError(f"{self.name} is {status}. {self._reasons()}".strip())

    def _settled(self) -> str:
        deadline = self._clock() + WAIT_SECONDS
        while True:
            found = self.describe()
            status = "" if found is None else str(found["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            if self._clock() > deadline:
                raise StackError(f"{self.name} was still {status} after {WAIT_SECONDS:g} s; look at its events.")
            self._sleep(2.0)

    def _reasons(self) -> str:
        try:
            events = self._aws("cloudformation", "describe-stack-events", "--stack-name", self.name)["StackEvents"]
        except AwsError:
            return ""
        failed = [
            f"{item['LogicalResourceId']}: {item['ResourceStatusReason']}"
            for item in events
            if "FAILED" in item["ResourceStatus"] and item.get("ResourceStatusReason")
        ]
        return "\n  ".join(["Why:", *failed[:5]]) if failed else ""


def _change(item: Mapping[str, Any]) -> Change:
    found = item["ResourceChange"]
    return Change(
        found["Action"], found["LogicalResourceId"], found["ResourceType"], str(found.get("Replacement") or "")
    )
