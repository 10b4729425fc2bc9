"""The error that a worker process returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from embedded_aws.wire import ServiceError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A ServiceError in a form that can be pickled."""

    code: str
    message: str
    status: int
    members: Mapping[str, object]

    @classmethod
    def of(cls, error: ServiceError) -> Refusal:
        """The refusal of an error."""
        return cls(error.code, error.message, error.status, error.members)

    def error(self) -> ServiceError:
        """The error, to be raised in the parent process."""
        return ServiceError(self.code, self.message, self.status, **self.members)
