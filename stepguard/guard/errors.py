"""The error classes of stepguard.

A class's name is the `errorType` that Lambda reports and that the state machine's Retry names.

No message contains text of a user, of a document or of a model.
"""

from __future__ import annotations


class StepguardError(Exception):
    """The base class of all errors that stepguard reports."""

    retry_after: int | None = None
    """Seconds after which the same request may succeed."""


class ConfigurationError(StepguardError):
    """A setting is missing, incomplete or malformed; the message names the variable."""


class UnguardedRefused(ConfigurationError):
    """No guard layer is on, and UNGUARDED=yes is not set. Never retried."""


class InvalidRequest(StepguardError):
    """The caller, or AWS on our behalf, refused the request as malformed. Never retried."""


class Conflict(StepguardError):
    """The request does not agree with what is there: a token of another question, an execution in another status."""


class UnknownExecution(StepguardError):
    """No execution of this name belongs to the state machine."""


class UnknownConversation(StepguardError):
    """There is no such conversation of this caller."""


class AccessDenied(StepguardError):
    """The role or the credentials may not make the call. Never retried."""


class OperatorsOnly(StepguardError):
    """The route is for operators, and the caller is not one."""


class Throttled(StepguardError):
    """A request or text-unit quota was exceeded. Retried by the state machine."""

    retry_after = 1


class QuotaExceeded(StepguardError):
    """The caller's quota of a day is used up. Never retried."""


class ServiceUnavailable(StepguardError):
    """The service failed, timed out or could not be reached. Retried by the state machine."""


class ModelNotReady(StepguardError):
    """An imported model is being loaded again after idling. Retried by the state machine, for minutes."""


class UnreadableVerdict(StepguardError):
    """A guardrail's response contains no decision: an error, never a verdict."""


RETRIED: tuple[type[StepguardError], ...] = (Throttled, ServiceUnavailable, ModelNotReady)
"""The errors that a later attempt can resolve; the state machine's Retry lists exactly these."""
