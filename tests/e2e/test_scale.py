"""A corpus as one command, killed and resumed: the small edition of bench.scale, which has 100,000 rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scale import measure
from tests.e2e.product import HAS_PROC

ROWS = 240
MOST_MB = 400
"""The command with ROWS or with 100,000 rows needs about 200 MB (docs/measurements/speed.md)."""


@pytest.mark.skipif(not HAS_PROC, reason="finds the workers in /proc")
def test_each_row_once_after_workers_and_the_command_were_killed(tmp_path: Path) -> None:
    """kill -9 of a guardrail worker, of a Lambda worker and of the command; `--resume` finishes the run."""
    figures = measure("jsonl", ROWS, tmp_path, kills=True)
    assert figures.kills == 3
    assert (figures.each_id_once, figures.right) == (True, True)
    assert max(figures.memory.values()) < MOST_MB
