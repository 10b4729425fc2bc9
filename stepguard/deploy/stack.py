"""One CloudFormation stack: preview what a package would change, change it, remove it.

A change set is CloudFormation's own list of changes. It is printed before any change, and executed as printed:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botocore.exceptions import WaiterError

from stepguard.deploy.aws import AwsError, aws_call

NAME_CHARACTERS = 38
"""Bedrock's limit of 50 for a guardrail's name, less "-postprocess"."""

WAIT_SECONDS = 1800
PAUSE_SECONDS = 2
_NOTHING = ("didn't contain changes", "no updates are to be performed", "no changes")
"""CloudFormation has no code for an empty change set, only these reasons."""


class StackError(Exception):
    """The stack could not be changed; the message contains the reason, CloudFormation's own if there is one."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a preview. `replacement` is True, False or Conditional, as in CloudFormation, or ""."""

    action: str
    resource: str
    type: str
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """The changes that CloudFormation would make; empty if the stack is up to date."""

    arn: str
    create: bool
    changes: tuple[Change, ...]


class Stack:
    """A stack by its name, through a CloudFormation client. `pause` is the time between two requests, in seconds."""

    def __init__(self, name: str, cloudformation: Any, pause: float = PAUSE_SECONDS) -> None:
        self.name = name
        self._client = cloudformation
        self._pause = pause

    def describe(self) -> Mapping[str, Any] | None:
        """The stack as DescribeStacks returns it, or None if it does not exist. Raises AwsError."""
        try:
            with aws_call():
                found = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except AwsError as error:
            # CloudFormation has no separate error class for a missing stack.
            if error.code == "ValidationError" and "does not exist" in error.message:
                return None
            raise
        return next((item for item in found if item["StackStatus"] != "DELETE_COMPLETE"), None)

    def preview(self, template_url: str, parameters: Mapping[str, str], declared: Sequence[str]) -> ChangeSet:
        """Make a change set. A missing parameter keeps its value, or gets its default in a new stack.

        `declared` are the template's parameters. Raises StackError, AwsError.
        """
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise StackError(
                f"The template has no parameter {', '.join(unknown)}; docs/operate/packaging.md lists them."
            )
        existing = self.describe()
        if existing is not None and existing["StackStatus"] == "ROLLBACK_COMPLETE":
            raise StackError(f"{self.name} failed when it was created: remove it (stepguard destroy) and deploy again.")
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
        with aws_call():
            made = self._client.create_change_set(
                StackName=self.name,
                ChangeSetName=f"stepguard-{uuid4().hex}",
                TemplateURL=template_url,
                ChangeSetType="CREATE" if create else "UPDATE",
                Parameters=values,
                Tags=[{"Key": "stepguard", "Value": self.name}],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        return self._read(str(made["Id"]), create=create)

    def _read(self, arn: str, *, create: bool) -> ChangeSet:
        last = self._wait("change_set_create_complete", ChangeSetName=arn)
        if last is not None:
            status, reason = last.get("Status", ""), str(last.get("StatusReason") or "")
            if status != "FAILED":
                raise StackError(f"The change set of {self.name} was still {status} after {WAIT_SECONDS} s.")
            self.discard(arn)
            if any(words in reason.lower() for words in _NOTHING):
                return ChangeSet(arn, create, ())
            raise StackError(f"CloudFormation refuses the change: {reason}")
        with aws_call():
            pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=arn)
            return ChangeSet(arn, create, tuple(_change(item) for page in pages for item in page.get("Changes", ())))

    def discard(self, arn: str) -> None:
        """Delete a change set without executing it. Raises AwsError."""
        with aws_call():
            self._client.delete_change_set(ChangeSetName=arn)

    def execute(self, change_set: ChangeSet) -> None:
        """Execute the change set, and wait for its end.

        Raises StackError with the reason when CloudFormation rolled back: the previous version is still in use.
        """
        with aws_call():
            self._client.execute_change_set(ChangeSetName=change_set.arn)
        self._wait(f"stack_{'create' if change_set.create else 'update'}_complete", StackName=self.name)
        self._expect("CREATE_COMPLETE", "UPDATE_COMPLETE")

    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name. Raises StackError if it does not exist."""
        found = self.describe()
        if found is None:
            raise StackError(f"There is no stack {self.name}.")
        return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}

    def resources(self) -> list[tuple[str, str, str]]:
        """(logical id, type, physical id) of all resources of the stack. Raises AwsError."""
        with aws_call():
            pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
            return [
                (item["LogicalResourceId"], item["ResourceType"], item.get("PhysicalResourceId", ""))
                for page in pages
                for item in page["StackResourceSummaries"]
                if item["ResourceStatus"] != "DELETE_COMPLETE"
            ]

    def delete(self) -> None:
        """Remove the stack and wait. Raises StackError, e.g. while a bucket is not empty."""
        with aws_call():
            self._client.delete_stack(StackName=self.name)
        self._wait("stack_delete_complete", StackName=self.name)
        self._expect("")

    def _wait(self, waiter: str, **request: str) -> Mapping[str, Any] | None:
        """Wait with botocore's waiter: None if it succeeded, else the last response. Raises AwsError."""
        config = {"Delay": self._pause, "MaxAttempts": int(WAIT_SECONDS / (self._pause or 1))}
        with aws_call():
            try:
                self._client.get_waiter(waiter).wait(**request, WaiterConfig=config)
            except WaiterError as error:
                last: Mapping[str, Any] = error.last_response
                if "Error" in last:
                    raise AwsError(str(last["Error"]["Code"]), str(last["Error"]["Message"])) from None
                return last
        return None

    def _expect(self, *statuses: str) -> None:
        found = self.describe()
        status = "" if found is None else str(found["StackStatus"])
        if status.endswith("_IN_PROGRESS"):
            raise StackError(f"{self.name} was still {status} after {WAIT_SECONDS} s; check its events.")
        if status not in statuses:
            raise StackError(f"{self.name} is {status or 'gone'}. {self._reasons()}".strip())

    def _reasons(self) -> str:
        try:
            with aws_call():
                pages = self._client.get_paginator("describe_stack_events").paginate(StackName=self.name)
                events = [item for page in pages for item in page["StackEvents"]]
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
