"""How a state fails. Error names: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""

from __future__ import annotations

from embedded_aws.states.language.json_text import dump

ALL = "States.ALL"
DATA_LIMIT = "States.DataLimitExceeded"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
INTRINSIC = "States.IntrinsicFailure"
ITEM_READER = "States.ItemReaderFailed"
NO_CHOICE = "States.NoChoiceMatched"
QUERY = "States.QueryEvaluationError"
RESULT_PATH = "States.ResultPathMatchFailure"
RESULT_WRITER = "States.ResultWriterFailed"
RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
TOLERANCE = "States.ExceedToleratedFailureThreshold"


class StateError(Exception):
    """A state failed with an error name that Retry and Catch may match; `error` and `cause` may both be absent.

    `heartbeat` marks a States.Timeout that came from a missing heartbeat: States.HeartbeatTimeout matches it, too.
    """

    def __init__(self, error: str | None, cause: str | None = None, *, heartbeat: bool = False) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause
        self.heartbeat = heartbeat

    @property
    def catchable(self) -> bool:
        """States.Runtime always fails the execution: no Retry or Catch matches it."""
        return self.error != RUNTIME


class FaultError(StateError):
    """An error in the data handling of a definition. AWS puts the state and its event in front of the cause.

    `location` names the field for EvaluationFailed events (JSONata only); `late` says that the field itself was
    evaluated well and its value could not be used: AWS links that event to the state's own.
    """

    def __init__(self, message: str, error: str = RUNTIME, location: str | None = None, *, late: bool = False) -> None:
        super().__init__(error, message)
        self.location = location
        self.late = late
        self.message = message


class PathError(Exception):
    """A JSONPath found nothing, or cannot be applied to this value; the text is the library's of AWS (Jayway)."""


class DefinitionError(ValueError):
    """A definition cannot be compiled: `code`, `message` and `location` (a JSON pointer) for a diagnostic."""

    def __init__(self, message: str, location: str, code: str = "SCHEMA_VALIDATION_FAILED") -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.code = code


def data_limit(name: str) -> StateError:
    """The result of state or task `name` has more bytes than Step Functions carries between states."""
    return StateError(
        DATA_LIMIT,
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit.",
    )


def unusable(arguments: object, faults: str) -> FaultError:
    """A task whose parameters its service cannot take; `faults` are AWS's words for each."""
    return FaultError(f"The Parameters '{dump(arguments)}' could not be used to start the Task: [{faults}]")


MISSING = "The field '{}' is required but was missing"
