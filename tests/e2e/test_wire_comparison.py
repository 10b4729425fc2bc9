"""The calls of bench.wire against `stepguard serve`: what docs/measurements/wire-comparison.md says of it holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from bench.servers import Running
from bench.wire.__main__ import cell, escaped
from bench.wire.cases import CASES
from bench.wire.side import Case, Side
from tests.e2e.product import Server

TABLE = (Path(__file__).parents[2] / "docs" / "measurements" / "wire-comparison.md").read_text(encoding="utf-8")

NEEDS_DETECTOR = "a grey image, filter SEXUAL for images"


@pytest.fixture(name="side", scope="module")
def _side(server: Server) -> Side:
    return Side(Running(server.url, server.process.pid))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.call)
def test_documented_agreement_with_aws_holds(side: Side, case: Case) -> None:
    """Each call has its line in the table, and agrees with AWS where the table says yes, and only there."""
    if case.call == NEEDS_DETECTOR and importlib.util.find_spec("nudenet") is None:
        pytest.skip("no image detector: stepguard models install --images")
    start = f"| {escaped(case.call)} | {escaped(case.aws)} [{case.source}] | "
    line = next((line for line in TABLE.splitlines() if line.startswith(start)), "")
    assert line, f"run python -m bench.wire: docs/measurements/wire-comparison.md has no line for {case.call}"
    agrees, shown = case.judge(side)
    assert line.removeprefix(start).startswith("yes: " if agrees else "**no**: "), shown


def test_table_keeps_its_columns() -> None:
    """What a server says cannot open another column, line or tag."""
    assert cell(True, "a|b\nc<script>") == "yes: a\\|b c&lt;script>"
