"""The trace of an execution with the names of its guardrails, which Bedrock knows and the history does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.executions import Executions
from stepguard.guard.errors import ServiceUnavailable, StepguardError
from stepguard.trace import read_history, to_document
from stepguard.trace.reason import guardrails_of


class GuardrailNames:
    """Names by identifier. Each is read once; a guardrail that cannot be read has no name, only its identifier."""

    def __init__(self, bedrock: Any = None) -> None:
        self._client = bedrock
        self._known: dict[str, str | None] = {}
        self._reachable = True

    def find(self, identifiers: Iterable[str]) -> dict[str, str]:
        """The names that are known."""
        wanted = list(dict.fromkeys(identifiers))
        for identifier in wanted:
            if identifier not in self._known and self._reachable:
                self._known[identifier] = self._read(identifier)
        return {identifier: name for identifier in wanted if (name := self._known.get(identifier))}

    def _read(self, identifier: str) -> str | None:
        try:
            with aws_errors("GetGuardrail"):
                return str((self._client or client("bedrock")).get_guardrail(guardrailIdentifier=identifier)["name"])
        except ServiceUnavailable:  # a network without a way to Bedrock's control plane: one wait is enough
            self._reachable = False
            return None
        except StepguardError:  # deleted, or no permission: the identifier is enough to read a trace
            return None


NAMES = GuardrailNames()
"""The names that this process has read."""


def document_of(executions: Executions, arn: str, names: GuardrailNames = NAMES) -> dict[str, Any]:
    """The trace of an execution as a document. Raises StepguardError."""
    trace = read_history(executions.history(arn))
    return to_document(trace, arn, names=names.find(guardrails_of(trace)))
