"""What a worker process returns when it could not do its work."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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


def place_of(error: Exception) -> str:
    """The type and place of an unexpected error, without its message, which may quote the user's text."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
