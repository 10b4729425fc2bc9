"""Products of one vector with many, by large whole numbers."""

from __future__ import annotations

import math
import random

import pytest

from stepguard.guard.bank.vectors import Vectors, VectorsError, cosine


def _unit(chosen: random.Random, size: int) -> list[float]:
    vector = [chosen.gauss(0, 1) for _ in range(size)]
    return [value / math.hypot(*vector) for value in vector]


@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 512), (40, 64)])
def test_cosines_are_those_of_floating_point_numbers(count: int, size: int) -> None:
    """Also after they were stored; the error is that of rounding."""
    chosen = random.Random(count)
    rows, vector = [_unit(chosen, size) for _ in range(count)], _unit(chosen, size)
    exact = [sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows]
    vectors = Vectors.of(rows)
    assert vectors.cosines(vector) == pytest.approx(exact, abs=0.001)
    assert Vectors.from_dict(vectors.to_dict()).cosines(vector) == vectors.cosines(vector)


def test_the_largest_values_do_not_run_into_each_other() -> None:
    """512 values, all at the top of the range beside others at its bottom."""
    rows = [[1.0] * 512, [-1.0] * 512, [1.0] * 511 + [-1.0]]
    assert Vectors.of(rows).cosines([1.0] * 511 + [-1.0]) == pytest.approx([510, -510, 512], abs=0.01)


@pytest.mark.parametrize(
    "damage",
    [{"levels": "AAAA"}, {"count": -1}, {"count": 3}, {"levels": "////////"}, {"dimensions": 1024}],
    ids=["short", "negative", "other count", "too large", "too many dimensions"],
)
def test_damaged_vectors_are_refused(damage: dict[str, object]) -> None:
    """A stored version comes from a bucket, not from this code."""
    held = Vectors.of([[0.5, 0.1], [0.3, 0.2]]).to_dict()
    assert Vectors.from_dict(held).count == 2
    with pytest.raises(ValueError):  # noqa: PT011  # VectorsError, or base64's own
        Vectors.from_dict(held | damage)


def test_rows_of_other_lengths_and_values_that_are_no_numbers_are_refused() -> None:
    """Vectors of another model, and a broken answer of one."""
    with pytest.raises(VectorsError):
        Vectors.of([[0.1, 0.2], [0.1]])
    with pytest.raises(VectorsError):
        Vectors.of([[0.1] * 513])
    with pytest.raises(VectorsError):
        Vectors.of([[0.1, math.inf]])
    with pytest.raises(VectorsError):
        Vectors.of([[0.1, 0.2]]).cosines([0.1])


def test_no_vectors_and_no_direction() -> None:
    """A bank of don't-know answers alone has no questions."""
    assert Vectors.from_dict(Vectors.of([]).to_dict()).cosines([]) == []
    assert cosine([0.0, 0.0], [1.0, 0.0]) == 0.0
    assert cosine([2.0, 0.0], [3.0, 0.0]) == 1.0
