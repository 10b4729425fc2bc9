"""The limits of a corpus: bytes after decompression, rows, text units, and the estimated cost on AWS.

One rule for the command, the API and PrepareCorpus. A reader stops at the first limit, before it has more in memory
than one row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import IO, Any

from stepguard.guard.errors import ConfigurationError, InvalidRequest


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest corpus that is evaluated. `cost` is in US dollars, by stepguard/evaluation/estimate.py."""

    bytes: int = 128 * 1024 * 1024
    items: int = 100_000
    text_units: int = 500_000
    cost: float = 10.0

    def to_document(self) -> dict[str, float]:
        """The `limits` of a run."""
        return asdict(self)

    def lowest(self, other: Limits) -> Limits:
        """For each limit the lower one of the two."""
        return Limits(*(min(getattr(self, entry.name), getattr(other, entry.name)) for entry in fields(self)))

    def check_cost(self, dollars: float, what: str = "This evaluation") -> None:
        """Raise InvalidRequest for an estimate above the limit."""
        if dollars > self.cost:
            raise InvalidRequest(
                f"{what} would cost about {money(dollars)} on AWS, more than the limit of {money(self.cost)}. "
                f"{_raise('cost')}, or evaluate a part of the corpus with --sample."
            )


UNLIMITED = 1_000_000_000.0
"""The limit of the cost on the embedded AWS, which is free."""

VARIABLES = {
    "bytes": "EVALUATION_MAX_BYTES",
    "items": "EVALUATION_MAX_ITEMS",
    "text_units": "EVALUATION_MAX_TEXT_UNITS",
    "cost": "EVALUATION_MAX_COST",
}
"""The environment variable of each limit."""


def read_limits(environment: Mapping[str, str]) -> Limits:
    """The limits of a process's environment. Raises ConfigurationError that names the variable."""
    given: dict[str, Any] = {}
    for name, variable in VARIABLES.items():
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not (math.isfinite(value) and value >= 0):
            raise ConfigurationError(f"{variable} must be a number from 0 upwards.")
        given[name] = value if name == "cost" else int(value)
    return Limits(**given)


def limits_of(document: object, default: Limits) -> Limits:
    """Read a run's `limits`; a missing one is the default's. Raises InvalidRequest that names the wrong member."""
    if document is None:
        return default
    if not isinstance(document, Mapping) or not set(document) <= set(VARIABLES):
        raise InvalidRequest(f"'limits' must be an object with members of {', '.join(VARIABLES)}.")
    for name, value in document.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < 0 or (name != "cost" and value != int(value)):
            raise InvalidRequest(f"limits.{name} must be a number from 0 upwards.")
    values = {name: float(value) if name == "cost" else int(value) for name, value in document.items()}
    return Limits(**(asdict(default) | values))


class Meter:
    """Counts what a reader takes. Every method raises InvalidRequest once a limit is exceeded."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.bytes = 0
        self.items = 0
        self.text_units = 0

    @property
    def is_exceeded(self) -> bool:
        """Whether the corpus has more bytes than the limit, so that no other file of it is read."""
        return self.bytes > self.limits.bytes

    def stream(self, name: str, stream: IO[bytes]) -> IO[bytes]:
        """The same stream, its bytes counted."""
        return _Metered(self, name, stream)  # type: ignore[return-value]  # it reads as binary files do

    def add_bytes(self, name: str, count: int) -> None:
        """Bytes of a file after decompression."""
        self.bytes += count
        if self.is_exceeded:
            raise InvalidRequest(
                f"{name}: the corpus has more than {self.limits.bytes:,} bytes after decompression. {_raise('bytes')}."
            )

    def add_item(self, name: str) -> None:
        """A row, readable or not."""
        self.items += 1
        if self.items > self.limits.items:
            raise InvalidRequest(f"{name}: the corpus has more than {self.limits.items:,} rows. {_raise('items')}.")

    def add_text_units(self, count: int) -> None:
        """Text units that one guard layer reads."""
        self.text_units += count
        if self.text_units > self.limits.text_units:
            raise InvalidRequest(
                f"The corpus has more than {self.limits.text_units:,} text units (of 1,000 characters). "
                f"{_raise('text_units')}, or evaluate a part of it with --sample."
            )


def money(dollars: float) -> str:
    """US dollars with cents, or with more digits for fractions of a cent."""
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:,.6f}".rstrip("0")


def _raise(name: str) -> str:
    return f"Raise the limit with --max-{name.replace('_', '-')} (in a deployment: {VARIABLES[name]})"


class _Metered:
    def __init__(self, meter: Meter, name: str, stream: IO[bytes]) -> None:
        self._meter = meter
        self._name = name
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        left = self._meter.limits.bytes - self._meter.bytes + 1  # a reader allocates as much as is requested
        data = self._stream.read(left if size < 0 else min(size, left))
        self._meter.add_bytes(self._name, len(data))
        return data

    def readline(self, size: int = -1) -> bytes:
        data = self._stream.readline(size)
        self._meter.add_bytes(self._name, len(data))
        return data
