"""Claims of the documents about the deployment that a machine can check."""

from __future__ import annotations

import re

import pytest

from tests.packaging.conftest import ROOT

THREATS = (ROOT / "docs" / "operate" / "threat-model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", THREATS))))
def test_every_control_is_proved_by_a_test_that_exists(named: str) -> None:
    """docs/operate/threat-model.md names no test that is gone."""
    file, _, name = named.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_risk_of_owasp_is_told() -> None:
    """LLM01 to LLM10, in order, each with a control."""
    rows = re.findall(r"^\| (LLM\d\d) [\w ,]+ \| (.+?) \| .+ \|$", THREATS, re.MULTILINE)
    assert [risk for risk, _ in rows] == [f"LLM{number:02}" for number in range(1, 11)]


def test_the_costs_add_up() -> None:
    """The tables of docs/operate/deploy.md: each sum is that of its rows."""
    text = (ROOT / "docs" / "operate" / "deploy.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| what \| how much \| USD \|\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        amounts = [float(row.rsplit("|", 2)[1].strip(" *").replace(",", "")) for row in table.splitlines()]
        assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=0.015)
