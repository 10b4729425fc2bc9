"""Many vectors, and how alike each is to one more, without a library for numbers: the Lambda's zip has none.

A vector's values become whole numbers from 0 to 2,047. The values of one dimension, 32 bits for each vector, are one
large whole number, so that a question's value times that number multiplies all of them at once: 512 multiplications
and additions compare a question with 2,000 others in a few milliseconds, where a loop over their values takes a fifth
of a second. Sums of 512 products stay below 2**32, so that no value runs into the next one.
"""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DIMENSIONS = 512
"""The most: 512 products of two numbers below 2,048 fit 32 bits."""

_LEVELS = 2_047
_BITS32, _BITS16 = "I", "H"


class VectorsError(ValueError):
    """The stored vectors are damaged."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """`count` vectors of `dimensions` values, each stored as (value - low) / step."""

    count: int
    dimensions: int
    low: float
    step: float
    _columns: tuple[int, ...]
    _sums: tuple[int, ...]

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Vectors:
        """The vectors of these rows, which have the same number of values, at most 512. Raises VectorsError."""
        dimensions = len(rows[0]) if rows else 0
        if dimensions > DIMENSIONS or any(len(row) != dimensions for row in rows):
            raise VectorsError("The rows must have the same number of values, at most 512.")
        low, step = _scale([value for row in rows for value in row])
        levels = array(_BITS16, (_level(row[column], low, step) for column in range(dimensions) for row in rows))
        return cls._packed(len(rows), dimensions, low, step, levels)

    @classmethod
    def _packed(cls, count: int, dimensions: int, low: float, step: float, levels: array[int]) -> Vectors:
        columns = tuple(
            int.from_bytes(_bytes(array(_BITS32, levels[start : start + count])), "little")
            for start in range(0, count * dimensions, count or 1)
        )
        return cls(count, dimensions, low, step, columns, tuple(_numbers(sum(columns), count)))

    def cosines(self, vector: Sequence[float]) -> list[float]:
        """The dot product of each vector with one of the same length; of unit vectors it is their cosine.

        Values are rounded to 1/2,047 of their range, which changes a cosine by about 0.0002. Raises VectorsError.
        """
        if len(vector) != self.dimensions:
            raise VectorsError(f"The vector has {len(vector)} values, not {self.dimensions}.")
        low, step = _scale(vector)
        levels = [_level(value, low, step) for value in vector]
        total = 0
        for level, column in zip(levels, self._columns, strict=True):
            total += level * column
        own, both = sum(levels), self.dimensions * low * self.low
        return [
            both + low * self.step * theirs + self.low * step * own + step * self.step * product
            for product, theirs in zip(_numbers(total, self.count), self._sums, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """The vectors as JSON: the whole numbers by dimension, 16 bits each."""
        levels = array(_BITS16)
        for column in self._columns:
            levels.extend(iter(_numbers(column, self.count)))
        return {
            "count": self.count,
            "dimensions": self.dimensions,
            "low": self.low,
            "step": self.step,
            "levels": base64.b64encode(_bytes(levels)).decode(),
        }

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> Vectors:
        """Read `to_dict`'s form. Raises VectorsError, KeyError, TypeError or ValueError."""
        levels = array(_BITS16)
        levels.frombytes(base64.b64decode(held["levels"], validate=True))
        if _SWAPPED:
            levels.byteswap()
        count, dimensions = int(held["count"]), int(held["dimensions"])
        if not (0 <= dimensions <= DIMENSIONS and count >= 0 and len(levels) == count * dimensions):
            raise VectorsError("The number of stored values is wrong.")
        if levels and max(levels) > _LEVELS:
            raise VectorsError("A stored value is too large.")
        return cls._packed(count, dimensions, float(held["low"]), float(held["step"]), levels)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two vectors; 0 if one has no direction."""
    length = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / length if length else 0.0


def _scale(values: Sequence[float]) -> tuple[float, float]:
    """The lowest value, and the step that reaches the highest in 2,047 steps."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise VectorsError("A vector has a value that is no number.")
    return float(low), (high - low) / _LEVELS or 1.0


def _level(value: float, low: float, step: float) -> int:
    return round((value - low) / step)


_SWAPPED = array(_BITS16, [1]).tobytes() != b"\x01\x00"
"""Whether this machine stores the high byte first; files and numbers here have the low byte first."""


def _bytes(values: array[int]) -> bytes:
    if _SWAPPED:
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _numbers(packed: int, count: int) -> array[int]:
    """The 32-bit numbers of a large one."""
    values = array(_BITS32)
    values.frombytes(packed.to_bytes(4 * count, "little"))
    if _SWAPPED:
        values.byteswap()
    return values
