"""Where the steps of a verification run: a stage's stack, its clients, and what they find there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.executions import Executions
from stepguard.aws.objects import Objects
from stepguard.deploy import stage
from stepguard.deploy.api import Api
from stepguard.deploy.aws import Aws
from stepguard.deploy.stack import Stack
from stepguard.deploy.stage import Say
from stepguard.project.folder import Project
from stepguard.verification.recorder import Recorder


class StepFailed(Exception):
    """A step's promise does not hold; the message says what was found instead."""


class NotPossible(Exception):
    """The step cannot run in this place; the message says why. On an AWS account this is a failure."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stage of a project. `parameters` are those of its deployment; `endpoint` is None on an AWS account."""

    stack: Stack
    aws: Aws
    project: Project
    parameters: Mapping[str, str]
    endpoint: str | None
    say: Say
    recorder: Recorder

    @property
    def executions(self) -> Executions:
        """The chat state machine's executions. Raises StackError without a stack."""
        return Executions(self.stack.outputs()["ChatStateMachineArn"], self.aws("stepfunctions"))

    @property
    def evaluations(self) -> Evaluations:
        """The evaluations of the stage."""
        found = self.stack.outputs()
        return Evaluations(
            found["EvaluateStateMachineArn"],
            found["ResultsBucketName"],
            self.aws("stepfunctions"),
            Objects(self.aws("s3")),
        )

    @property
    def api(self) -> Api:
        """The chat API of the stage."""
        return Api.of_stack(self.stack.outputs(), self.endpoint)

    def deploy(self, parameters: Mapping[str, str], say: Say | None = None) -> None:
        """Deploy the stage with these parameters; the user has confirmed the plan as a whole."""
        stage.deploy(self.stack, self.aws, self.project, parameters, lambda question: True, say or self.say)

    def physical(self, logical: str) -> str:
        """The physical id of one of the stack's resources. Raises NotPossible if this stage does not have it."""
        found = next((physical for name, _, physical in self.stack.resources() if name == logical), None)
        if found is None:
            raise NotPossible(f"The stack has no {logical}: a parameter leaves it out.")
        return found


Run = Callable[[Place], str]
"""A step: returns one sentence about what it found. Raises StepFailed, NotPossible."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise StepFailed with the text unless the promise holds."""
    if not holds:
        raise StepFailed(otherwise)


def text_of(value: Any, characters: int = 300) -> str:
    """The beginning of a value, for a message."""
    text = str(value)
    return text if len(text) <= characters else f"{text[:characters]}…"
